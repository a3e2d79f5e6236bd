from pathlib import Path

import numpy as np
import pytest
from small_raw import write_small_raw

from restore_cli.__main__ import main
from restore_cli.api.developing import develop
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A small DNG file."""
    write_small_raw(tmp_path / "photo.dng")
    return tmp_path / "photo.dng"


@pytest.mark.parametrize("engine", ["learned", "libraw"])
def test_python_gives_what_the_command_writes(raw: Path, engine: str) -> None:
    words = ["isp", str(raw), "--engine", engine, "--bits", "16", "--device", "cpu", "--quiet"]
    assert main(words) == 0
    written = Picture.read(raw.with_name("photo-isp.png"))
    for path in (raw, str(raw)):
        made = develop(path, engine=engine, bits=16, device="cpu")
        assert made.depth == 16
        assert np.array_equal(made.pixels, written.pixels)


def test_settings_reach_the_picture(raw: Path) -> None:
    plain = develop(raw, engine="libraw").pixels
    assert plain.dtype == np.uint8
    assert develop(raw, engine="libraw", exposure=1.0).pixels.mean() > plain.mean()
    warm = develop(raw, engine="libraw", white_balance=(3.0, 1.0, 1.0)).pixels
    assert warm[:, :, 0].mean() > plain[:, :, 0].mean()
    linear = develop(raw, engine="libraw", linear=True, bits=16)
    assert linear.pixels.mean() / 65535 < plain.mean() / 255


def test_what_cannot_be_developed_says_why(raw: Path) -> None:
    with pytest.raises(RestoreError, match="16 bits"):
        develop(raw, linear=True)
    with pytest.raises(RestoreError, match="does not read RAW"):
        develop(raw, model="derain")
    with pytest.raises(RestoreError, match=r"missing\.dng"):
        develop(raw.with_name("missing.dng"))
