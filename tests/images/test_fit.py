"""What a format cannot carry is converted or left out, each with its note."""

from dataclasses import replace

import numpy as np
import pytest
from icc_profiles import ADOBE_RGB, grey_profile
from PIL import Image

from restore_cli.images.fit import fit, flatten, to_eight_bit
from restore_cli.images.formats import FORMATS, THINGS, Thing, note
from restore_cli.images.metadata import Resolution, Text
from restore_cli.images.picture import Picture

RNG = np.random.default_rng(8)
PLAIN = Picture(RNG.integers(0, 256, (6, 5, 3)).astype(np.uint8))
EXIF = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\1\0\0\0\0\0\0\0"
WITH: dict[Thing, Picture] = {
    "16 bits": Picture(PLAIN.pixels.astype(np.uint16) * 256),
    "float": Picture(PLAIN.pixels.astype(np.float32) / 255),
    "alpha": Picture(PLAIN.pixels, PLAIN.pixels[..., 0]),
    "profile": replace(PLAIN, icc=ADOBE_RGB),
    "exif": replace(PLAIN, exif=EXIF),
    "xmp": replace(PLAIN, xmp=b"<x/>"),
    "iptc": replace(PLAIN, iptc=b"\x1c\2\x78\0\1a"),
    "resolution": replace(PLAIN, resolution=Resolution(300, 300, "inch")),
    "texts": replace(PLAIN, texts=(Text("tEXt", b"Title\0me"),)),
    "comment": replace(PLAIN, comment=b"words"),
}


def carried(picture: Picture, thing: Thing) -> bool:
    """Whether a picture still has it."""
    if thing in ("16 bits", "float"):
        return picture.depth >= (16 if thing == "16 bits" else 32)
    value = getattr(picture, "icc" if thing == "profile" else thing)
    return value is not None and (thing == "resolution" or len(value) > 0)


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("format", FORMATS)
def test_everything_is_carried_or_noted_as_the_table_says(format: str, thing: Thing) -> None:
    fitted, notes = fit(WITH[thing], format)
    holds = FORMATS[format].holds(thing)
    assert carried(fitted, thing) == holds
    expected = () if holds else (note(thing, format),)
    one = FORMATS[format]
    if one.precision and thing in ("16 bits", "float"):
        expected = (*expected, f"{one.title} holds {one.precision}: deeper values were rounded")
    assert notes == expected


@pytest.mark.parametrize("format", FORMATS)
def test_a_plain_picture_loses_nothing(format: str) -> None:
    assert fit(PLAIN, format)[1] == ()


def test_colours_stay_where_a_profile_cannot() -> None:
    picture = replace(PLAIN, icc=ADOBE_RGB)
    fitted, _ = fit(picture, "bmp")
    assert np.abs(fitted.to_srgb() - picture.to_srgb()).max() <= 0.6 / 255
    grey = Picture(PLAIN.pixels[..., :1], icc=grey_profile(1.0))
    assert fit(grey, "webp")[0].icc is None
    assert np.abs(fit(grey, "webp")[0].to_srgb() - grey.to_srgb()).max() <= 0.6 / 255


def test_exif_beyond_a_jpeg_marker_loses_its_largest_entries_with_a_note() -> None:
    made = Image.Exif()
    made[0x010F] = "Maker"
    made.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    made.get_ifd(0x8769)[0x9286] = b"x" * 70_000
    large = replace(PLAIN, exif=made.tobytes().removeprefix(b"Exif\0\0"))
    fitted, notes = fit(large, "jpg")
    assert notes == ("its EXIF block is too large for JPEG: the largest entries were left out",)
    seen = Image.Exif()
    seen.load(fitted.exif)
    assert seen[0x010F] == "Maker"
    assert dict(seen.get_ifd(0x8769)) == {0x9003: "2024:05:06 07:08:09"}
    assert fit(large, "png")[1] == ()


def test_exif_that_is_large_by_padding_alone_loses_nothing() -> None:
    fitted, notes = fit(replace(PLAIN, exif=EXIF + bytes(70000)), "jpg")
    assert notes == ()
    assert fitted.exif is not None
    assert len(fitted.exif) < 1000


def test_light_becomes_srgb_and_back() -> None:
    light = Picture(RNG.uniform(0, 1, (6, 5, 3)).astype(np.float32), linear=True)
    fitted, notes = fit(light, "png")
    assert fitted.pixels.dtype == np.uint16
    assert notes == (note("float", "png"),)
    assert np.abs(fitted.to_srgb() - light.to_srgb()).max() < 1e-5
    back, notes = fit(fitted, "exr")
    assert np.abs(back.pixels - light.pixels).max() < 1e-4
    assert notes == ()


def test_16_to_8_bits_rounds_half_up() -> None:
    levels = np.arange(65536, dtype=np.uint16)
    expected = np.floor(levels / 65535 * 255 + 0.5)
    np.testing.assert_array_equal(to_eight_bit(levels), expected)
    same = np.arange(256, dtype=np.uint8)
    assert to_eight_bit(same) is same


def test_flatten_lays_over_white() -> None:
    pixels = np.array([[[10, 100, 200]] * 3], np.uint8)
    alpha = np.array([[0, 128, 255]], np.uint8)
    expected = np.floor(pixels * (alpha[..., None] / 255) + 255 - alpha[..., None] + 0.5)
    np.testing.assert_allclose(flatten(pixels, alpha), expected, atol=1)
    assert flatten(pixels, alpha)[0, 0].tolist() == [255, 255, 255]
    assert flatten(pixels, alpha)[0, 2].tolist() == [10, 100, 200]


def test_a_resolution_that_exif_does_not_say_is_noted() -> None:
    """EXIF of other things is no place where it is kept."""
    both = replace(PLAIN, exif=EXIF, resolution=Resolution(300, 300, "inch"))
    assert note("resolution", "webp") in fit(both, "webp")[1]
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 300.0, 300.0, 2
    told = replace(both, exif=exif.tobytes().removeprefix(b"Exif\0\0"))
    assert fit(told, "webp")[1] == ()
