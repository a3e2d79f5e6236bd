"""EXIF blocks: colours, resolution, thumbnails."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.images import exif
from restore_cli.images.metadata import Resolution, settle_exif
from restore_cli.images.picture import Picture


def block(index: str = "R03", order: str = "<", orientation: int = 1) -> bytes:
    made = Image.Exif()
    made.endian = order
    made[0x0112] = orientation
    made[0x011A], made[0x011B], made[0x0128] = 300.0, 150.0, 2
    details = made.get_ifd(0x8769)
    details[0xA001] = 65535
    details[0x9214] = (20, 10, 8, 4)
    details[0xA005] = {1: index}
    return made.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("order", ["<", ">"])
def test_adobe_rgb_is_told_by_the_interoperability_index_and_can_be_unsaid(order: str) -> None:
    assert exif.is_adobe_rgb(block("R03", order))
    assert not exif.is_adobe_rgb(block("R98", order))
    assert not exif.is_adobe_rgb(None)
    assert not exif.is_adobe_rgb(b"II*\0\xff\xff\0\0")
    said = exif.as_srgb(block("R03", order))
    assert not exif.is_adobe_rgb(said)
    made = Image.Exif()
    made.load(said)
    assert made.get_ifd(0x8769)[0xA001] == 1


def test_resolution_is_read_with_its_unit() -> None:
    assert exif.resolution_of_exif(block()) == Resolution(300, 150, "inch")
    assert exif.resolution_of_exif(None) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_subjects_area_is_turned_with_the_picture(orientation: int) -> None:
    marked = np.zeros((40, 60), np.uint8)
    marked[10, 20] = 255
    from restore_cli.images.metadata import bake

    upright = bake(marked, orientation)
    settled = settle_exif(block(), upright.shape[1], upright.shape[0], orientation)
    made = Image.Exif()
    made.load(settled)
    x, y, width, height = made.get_ifd(0x8769)[0x9214]
    assert upright[y, x] == 255
    assert (width, height) == ((8, 4) if orientation < 5 else (4, 8))


def test_a_dcf_photo_in_adobe_rgb_keeps_its_colours(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 3), (60, 200, 90), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + block(), quality=100)
    picture = Picture.read(tmp_path / "a.jpg")
    assert picture.icc is not None
    assert picture.notes == ()
    # Adobe RGB's green is far outside sRGB: red is cut off.
    assert picture.to_srgb()[4, 4, 0] < 0.02
    picture.write(tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as written:
        assert written.info["icc_profile"] == picture.icc
