"""JPEG XL: depth, EXIF, XMP."""

from pathlib import Path

import numpy as np
import pytest
from icc_profiles import ADOBE_RGB

from restore_cli.errors import RestoreError
from restore_cli.images.formats import FORMATS
from restore_cli.images.picture import Picture
from restore_cli.images.saving import Saving

RNG = np.random.default_rng(14)
EXIF = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\1\0\0\0\0\0\0\0"
pytestmark = pytest.mark.skipif(not FORMATS["jxl"].available, reason="needs the extra [jxl]")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_lossless_keeps_all(tmp_path: Path, channels: int, with_alpha: bool) -> None:
    samples = RNG.integers(0, 256, (9, 7, channels + 1)).astype(np.uint8)
    alpha = samples[..., -1] if with_alpha else None
    picture = Picture(samples[..., :channels], alpha, exif=EXIF, xmp=b"<x:xmpmeta/>")
    assert picture.write(tmp_path / "a.jxl", saving=Saving(lossless=True)) == ()
    back = Picture.read(tmp_path / "a.jxl")
    np.testing.assert_array_equal(back.pixels, picture.pixels)
    if with_alpha:
        np.testing.assert_array_equal(back.alpha, alpha)
    assert back.exif == EXIF
    assert back.xmp == b"<x:xmpmeta/>"


def test_deep_files_are_read_deep_in_their_own_colours(tmp_path: Path) -> None:
    import imagecodecs

    codes = RNG.integers(0, 65536, (9, 7, 3)).astype(np.uint16)
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(codes, lossless=True))
    picture = Picture.read(tmp_path / "a.jxl")
    np.testing.assert_array_equal(picture.pixels, codes)
    assert picture.icc is not None  # imagecodecs writes linear light


def test_quality_is_obeyed_and_a_profile_becomes_srgb_with_a_note(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    notes = Picture(pixels, icc=ADOBE_RGB).write(tmp_path / "a.jxl", saving=Saving(quality=30))
    assert notes == ("JPEG XL holds no such profile: converted to sRGB",)
    Picture(pixels).write(tmp_path / "b.jxl", saving=Saving(quality=95))
    assert (tmp_path / "a.jxl").stat().st_size * 1.5 < (tmp_path / "b.jxl").stat().st_size


def test_damage_is_named(tmp_path: Path) -> None:
    Picture(np.zeros((32, 32, 3), np.uint8)).write(tmp_path / "a.jxl")
    data = (tmp_path / "a.jxl").read_bytes()
    (tmp_path / "a.jxl").write_bytes(data[: len(data) // 2])
    with pytest.raises(RestoreError, match="damaged"):
        Picture.read(tmp_path / "a.jxl")
