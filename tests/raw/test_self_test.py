"""The DNG file that `restore doctor` writes and decodes."""

import numpy as np
import pytest
import rawpy

from restore_cli.raw import self_test as module
from restore_cli.raw.self_test import self_test


def test_its_light_comes_back() -> None:
    version, apart = self_test()
    assert version == ".".join(map(str, rawpy.libraw_version))
    assert apart < 1e-4


def test_other_light_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    written = module.write_dng

    def darker(path: object, codes: np.ndarray, tags: object) -> None:
        written(path, codes - 100, tags)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(module, "write_dng", darker)
    with pytest.raises(ValueError, match="its light is"):
        self_test()
