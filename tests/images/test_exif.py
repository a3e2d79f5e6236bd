"""EXIF blocks: colours, resolution, thumbnails."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.images import exif
from restore_cli.images.metadata import MALFORMED, Resolution, settle_exif
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


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("tag", "kind", "count"),
    [(0x011A, 2, 9), (0x011B, 5, 2**31), (0x0128, 3, 4), (0x8769, 3, 1), (0x8769, 4, 2)],
)
def test_an_entry_that_readers_refuse_is_taken_out_and_the_rest_stays_in_place(
    order: str, tag: int, kind: int, count: int
) -> None:
    whole = block("R98", order)
    assert exif.usable(whole) == (whole, ())
    at = whole.index(struct.pack(order + "H", tag), 8)
    bad = bytearray(whole)
    struct.pack_into(order + "HI", bad, at + 2, kind, count)
    mended, notes = exif.usable(bytes(bad))
    assert notes == (MALFORMED,)
    assert mended is not None
    assert len(mended) == len(whole)
    made = Image.Exif()
    made.load(mended)
    assert tag not in made
    assert (made[0x0112], made.get(0x011A, 300.0)) == (1, 300.0)
    assert (made.get_ifd(0x8769) == {}) == (tag == 0x8769)


def test_a_block_without_a_directory_is_ignored_with_a_note() -> None:
    for bad in (b"II*\0\xff\xff\0\0", b"II*\0\x08\0\0\0\0\0", b"II*\0\x08\0\0\0\xff\xff"):
        assert exif.usable(bad) == (None, ("its EXIF block is damaged and was ignored",))


def test_a_block_is_made_to_fit_by_leaving_out_the_largest() -> None:
    made = Image.Exif()
    made[0x010E] = "d" * 900
    made[0x010F] = "Maker"
    made.get_ifd(0x8769)[0x9286] = b"x" * 3000
    whole = made.tobytes().removeprefix(b"Exif\0\0")
    small, lost = exif.lightened(whole, 2000)
    assert lost
    assert small is not None
    seen = Image.Exif()
    seen.load(small)
    assert (seen[0x010E], seen[0x010F]) == ("d" * 900, "Maker")
    assert exif.lightened(whole + bytes(99), len(whole))[1] is False
    assert exif.lightened(whole, 9) == (None, True)
