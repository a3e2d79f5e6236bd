"""EXIF, XMP and IPTC."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from restore_cli.images import metadata


def block(order: str, orientation: int = 6, thumbnail: bool = True) -> bytes:
    """An EXIF block written from the specification: orientation, size, maker note, thumbnail."""
    note = b"maker note with offsets"
    ifd0, exif, ifd1 = 8, 8 + 2 + 2 * 12 + 4, 8 + 2 + 24 + 4 + 2 + 36 + 4
    blob = ifd1 + 2 + 12 + 4
    out = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, ifd0)
    out += struct.pack(order + "H", 2)
    out += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    out += struct.pack(order + "HHII", 0x8769, 4, 1, exif)
    out += struct.pack(order + "I", ifd1 if thumbnail else 0)
    out += struct.pack(order + "H", 3)
    out += struct.pack(order + "HHII", 0x927C, 7, len(note), blob)
    out += struct.pack(order + "HHII", 0xA002, 4, 1, 640)
    out += struct.pack(order + "HHIHH", 0xA003, 3, 1, 480, 0)
    out += struct.pack(order + "I", 0)
    out += struct.pack(order + "H", 1) + struct.pack(order + "HHIHH", 0x0103, 3, 1, 6, 0)
    return out + struct.pack(order + "I", 0) + note


@pytest.mark.parametrize("order", ["<", ">"])
def test_settle_exif_changes_only_what_became_untrue(order: str) -> None:
    before = block(order)
    assert metadata.orientation(before, None) == 6
    after = metadata.settle_exif(before, 480, 640)
    assert len(after) == len(before)
    assert sum(a != b for a, b in zip(after, before, strict=True)) <= 8
    assert after.endswith(b"maker note with offsets")
    exif = Image.Exif()
    exif.load(after)
    assert exif[0x0112] == 1
    assert (exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003]) == (480, 640)
    assert exif.get_ifd(0x8769)[0x927C] == b"maker note with offsets"
    assert exif.get_ifd(1) == {}  # the thumbnail shows the picture before


@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_orientation_that_does_not_exist_means_upright(value: int) -> None:
    assert metadata.orientation(block("<", value), None) == 1


def test_xmp_orientation_counts_only_where_exif_is_silent() -> None:
    xmp = b"<tiff:Orientation>8</tiff:Orientation>"
    assert metadata.orientation(None, xmp) == 8
    assert metadata.orientation(block(">", 3), xmp) == 3


def test_damaged_exif_is_refused() -> None:
    for bad in (b"", b"II*\0", b"II*\0\xff\0\0\0", block("<")[:30]):
        with pytest.raises(ValueError, match=r"tag|not a"):
            metadata.orientation(bad, None)


@pytest.mark.parametrize("value", range(1, 9))
def test_bake_turns_as_pillow_does(value: int) -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = value
    expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(metadata.bake(pixels, value), expected)
    np.testing.assert_array_equal(metadata.bake(pixels[..., 0], value), expected[..., 0])
    assert metadata.bake(pixels, value).flags.c_contiguous


def test_iptc_is_wrapped_and_found_among_other_resources() -> None:
    iptc = b"\x1c\x02\x78\x00\x03cap"
    other = b"8BIM" + struct.pack(">H", 0x03ED) + b"\x03odd" + struct.pack(">I", 3) + b"abc\0"
    assert len(metadata.wrap_iptc(iptc)) % 2 == 0
    assert metadata.unwrap_iptc(other + metadata.wrap_iptc(iptc)) == iptc
    assert metadata.unwrap_iptc(other) is None
    assert metadata.unwrap_iptc(iptc) == iptc
    assert metadata.unwrap_iptc(b"8BIM\x04") is None


@pytest.mark.parametrize("dpi", [72, 96, 150, 240, 300, 600, 1200])
def test_whole_dpi_rounded_to_metres_are_found_again(dpi: int) -> None:
    told = metadata.Resolution.of_metres(round(dpi / 0.0254), round(dpi / 0.0254))
    assert told == metadata.Resolution(dpi, dpi, "inch")
    assert round(told.per("cm")[0] * 100) == round(dpi / 0.0254)


def test_other_metres_stay_metric() -> None:
    assert metadata.Resolution.of_metres(11800, 11811) == metadata.Resolution(118, 118.11, "cm")
