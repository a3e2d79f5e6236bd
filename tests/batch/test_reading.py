"""The reader of developed pictures."""

from pathlib import Path

import numpy as np
import pytest

from restore_cli.batch.reading import Pictures
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture


def test_a_picture_goes_through_unchanged(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 7, 3), np.uint16)
    Picture(pixels).write(tmp_path / "a.png")
    loaded = Pictures().read(tmp_path / "a.png")
    assert loaded.image.shape == (3, 5, 7)
    assert (loaded.height, loaded.width, loaded.restore) == (5, 7, None)
    loaded.finish(loaded.image).write(tmp_path / "b.png")
    np.testing.assert_array_equal(Picture.read(tmp_path / "b.png").pixels, pixels)
    assert Pictures().count_pixels(tmp_path / "a.png") == 35


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(RestoreError, match=r"a\.png"):
        Pictures().read(tmp_path / "a.png")
