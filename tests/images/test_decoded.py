"""Orientation: baked in, and its tags reset, whatever the format."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from made_pictures import exif_block, noise
from PIL import Image, ImageOps

from restore_cli.images.decoded import (
    HIGHLIGHTS_NOTE,
    NAN_NOTE,
    Decoded,
    upright,
    with_highlights,
)
from restore_cli.images.metadata import Metadata
from restore_cli.images.picture import Picture


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_row_14_orientation_is_baked_in_and_the_tag_reset(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    image = Image.fromarray(noise(12, 20, 3, 8).repeat(8, 0).repeat(8, 1))
    path = tmp_path / f"turned{suffix}"
    block = exif_block(orientation)
    if suffix == ".tiff":
        image.save(path, tiffinfo={274: orientation, 271: "Maker"})
    else:
        image.save(
            path, exif=b"Exif\0\0" + block, **({"lossless": True} if suffix == ".webp" else {})
        )
    with Image.open(path) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    picture = Picture.read(path)
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.exif is not None
    out = tmp_path / "out.png"
    picture.write(out)
    with Image.open(out) as written:
        exif = written.getexif()
        assert exif.get(0x0112, 1) == 1
        assert exif[0x010F] == "Maker"
        np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(written)), expected)


@pytest.mark.parametrize("orientation", [3, 6])
def test_row_14_orientation_of_16_bit_files(tmp_path: Path, orientation: int) -> None:
    pixels, alpha = noise(4, 7, 3, 16), noise(4, 7, 1, 16)[..., 0]
    for suffix in (".png", ".tiff"):
        path = tmp_path / f"a{suffix}"
        Picture(pixels, alpha, exif=exif_block()).write(path)
        data = path.read_bytes()
        # Both formats hold the tag as an entry: number, SHORT, one value.
        for order in "<>":
            entry = struct.pack(order + "HHIH", 0x0112, 3, 1, 1)
            turned = struct.pack(order + "HHIH", 0x0112, 3, 1, orientation)
            data = data.replace(entry, turned)
        if suffix == ".png":
            at = data.index(b"eXIf")
            (size,) = struct.unpack_from(">I", data, at - 4)
            crc = struct.pack(">I", zlib.crc32(data[at : at + 4 + size]))
            data = data[: at + 4 + size] + crc + data[at + 8 + size :]
        path.write_bytes(data)
        back = Picture.read(path)
        turns = {3: 2, 6: 3}[orientation]
        np.testing.assert_array_equal(back.pixels, np.rot90(pixels, turns))
        assert back.alpha is not None
        np.testing.assert_array_equal(back.alpha, np.rot90(alpha, turns))


def test_row_14_the_xmp_orientation_is_reset_too(tmp_path: Path) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6" xmp:Rating="4"/></x:xmpmeta>'
    )
    path = tmp_path / "a.jpg"
    Image.new("RGB", (4, 2)).save(path, exif=b"Exif\0\0" + exif_block(6), xmp=xmp)
    picture = Picture.read(path)
    assert (picture.width, picture.height) == (2, 4)
    assert picture.xmp == xmp.replace(b'n="6"', b'n="1"')


def test_a_told_orientation_counts_and_a_second_picture_is_noted() -> None:
    decoded = Decoded(noise(2, 3, 3, 8), None, Metadata())
    turned = upright(decoded, 6, "a film")
    assert turned.pixels.shape == (3, 2, 3)
    assert turned.notes == ("a film was left out, and what its XMP says of it",)


def test_values_that_are_no_numbers_are_noted_and_hide_nothing() -> None:
    pixels = np.array([[[0.5, np.nan, 1.5]]], np.float32)
    assert with_highlights(Decoded(pixels, None, Metadata())).notes == (NAN_NOTE, HIGHLIGHTS_NOTE)


def test_light_above_1_is_noted() -> None:
    dim = Decoded(np.full((1, 1, 3), 0.5, np.float32), None, Metadata())
    assert with_highlights(dim).notes == ()
    bright = Decoded(np.full((1, 1, 3), 1.5, np.float32), None, Metadata())
    assert "above 1" in with_highlights(bright).notes[0]
