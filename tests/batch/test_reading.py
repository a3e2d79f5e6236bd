"""The reader of developed pictures."""

from pathlib import Path

import numpy as np
import pytest

from restore_cli.batch.reading import Pictures
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture, write_pages
from restore_cli.images.saving import Saving


def test_a_picture_goes_through_unchanged(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 7, 3), np.uint16)
    Picture(pixels).write(tmp_path / "a.png")
    loaded = Pictures().read(tmp_path / "a.png")
    assert loaded.image.shape == (3, 5, 7)
    assert (loaded.height, loaded.width, loaded.restore) == (5, 7, None)
    loaded.finish(loaded.image).write(tmp_path / "b.png")
    np.testing.assert_array_equal(Picture.read(tmp_path / "b.png").pixels, pixels)
    assert Pictures().count_pixels(tmp_path / "a.png") == 35


def test_all_pages_of_a_tiff_go_into_one_tiff_or_one_is_taken(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pages = [rng.integers(0, 256, (5, 7 + n, 3), np.uint8) for n in range(3)]
    write_pages([Picture(pixels) for pixels in pages], tmp_path / "a.tiff")
    loaded = Pictures().read(tmp_path / "a.tiff")
    assert Pictures().count_pixels(tmp_path / "a.tiff") == 3 * 35
    assert loaded.finish_pages is not None
    loaded.finish_pages((loaded.image, *loaded.further)).write(tmp_path / "b.tiff")
    for number, pixels in enumerate(pages):
        np.testing.assert_array_equal(Picture.read(tmp_path / "b.tiff", number).pixels, pixels)
        one = Pictures(page=number + 1).read(tmp_path / "a.tiff")
        assert one.further == ()
        one.finish(one.image).write(tmp_path / "c.png")
        np.testing.assert_array_equal(Picture.read(tmp_path / "c.png").pixels, pixels)


def test_how_files_are_compressed_is_obeyed(tmp_path: Path) -> None:
    Picture(np.random.default_rng(2).integers(0, 256, (40, 40, 3), np.uint8)).write(
        tmp_path / "a.png"
    )
    for quality in (20, 95):
        loaded = Pictures(Saving(quality=quality)).read(tmp_path / "a.png")
        loaded.finish(loaded.image).write(tmp_path / f"{quality}.jpg")
    assert (tmp_path / "20.jpg").stat().st_size * 2 < (tmp_path / "95.jpg").stat().st_size


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(RestoreError, match=r"a\.png"):
        Pictures().read(tmp_path / "a.png")
