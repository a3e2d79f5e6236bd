"""What a file says survives reading and writing, as exiftool and ImageMagick see it."""

import itertools
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from restore_cli.images.encode import Saving
from restore_cli.images.fit import fit
from restore_cli.images.formats import FORMATS, Thing
from restore_cli.images.metadata import Resolution, Text
from restore_cli.images.picture import Picture

RNG = np.random.default_rng(21)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>'
)
IPTC = b"\x1c\x02\x78\x00\x07caption"
# What exiftool must show, by what the table says is carried.
SHOWN: dict[Thing, tuple[str, str]] = {
    "exif": ("IFD0:Make", "Maker"),
    "xmp": ("XMP-xmp:Rating", "4"),
    "iptc": ("IPTC:Caption-Abstract", "caption"),
    "comment": ("Comment", "words"),
}
needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not installed (libimage-exiftool-perl)"
)
CASES = list(itertools.product(("8", "16", "float"), (1, 3), (False, True)))


def full_picture(depth: str, channels: int, with_alpha: bool) -> Picture:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    samples = RNG.random((24, 32, channels + 1)).astype(np.float32)
    if depth != "float":
        dtype = np.uint8 if depth == "8" else np.uint16
        samples = np.rint(samples * np.iinfo(dtype).max).astype(dtype)
    return Picture(
        samples[..., :channels],
        samples[..., -1] if with_alpha else None,
        icc=SRGB if channels == 3 else None,
        exif=exif.tobytes().removeprefix(b"Exif\0\0"),
        xmp=XMP,
        iptc=IPTC,
        resolution=Resolution(300, 300, "inch"),
        texts=(Text("tEXt", b"Title\0Holiday"),),
        comment=b"words",
    )


def exiftool(path: Path) -> dict[str, str]:
    words = ["exiftool", "-j", "-G1", "-validate", "-warning", "-a", str(path)]
    shown = json.loads(subprocess.run(words, capture_output=True, check=False).stdout)[0]
    words = ["exiftool", "-j", "-G1", "-a", str(path)]
    return shown | json.loads(subprocess.run(words, capture_output=True, check=False).stdout)[0]


@needs_exiftool
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case, marks=() if case in (("8", 3, False), ("16", 1, True)) else pytest.mark.slow
        )
        for case in CASES
    ],
    ids=str,
)
@pytest.mark.parametrize("format", ["png", "jpg", "tiff", "webp", "avif", "heic", "jxl"])
def test_metadata_is_kept_or_noted(
    tmp_path: Path, format: str, case: tuple[str, int, bool]
) -> None:
    if not FORMATS[format].available:
        pytest.skip("the extra is missing")
    source = full_picture(*case)
    path = tmp_path / f"a{FORMATS[format].suffixes[0]}"
    notes = source.write(path)
    assert notes == fit(source, format)[1]
    shown = exiftool(path)
    flat = {name.rpartition(":")[2]: str(value) for name, value in shown.items()}
    for thing, (name, value) in SHOWN.items():
        seen = flat.get(name.rpartition(":")[2]) == value
        assert seen == FORMATS[format].holds(thing), (thing, shown)
    if FORMATS[format].holds("resolution"):
        # A PNG counts pixels per metre.
        assert (
            round(float(flat.get("XResolution", 0)) or float(flat["PixelsPerUnitX"]) * 0.0254)
            == 300
        )
    if format == "png":
        assert flat["Title"] == "Holiday"


@pytest.mark.skipif(shutil.which("identify") is None, reason="ImageMagick is not installed")
@pytest.mark.parametrize(
    "format", ["png", "jpg", "tiff", "webp", "bmp", "ppm", "pam", "tga", "hdr", "pfm"]
)
def test_imagemagick_opens_what_is_written(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"a{FORMATS[format].suffixes[0]}"
    full_picture("16", 3, False).write(path)
    words = ["identify", "-format", "%w %h", str(path)]
    seen = subprocess.run(words, capture_output=True, text=True, check=False)
    assert seen.stdout == "32 24", seen.stderr


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_strength_0_gives_back_the_pixels(
    tmp_path: Path, format: str, case: tuple[str, int, bool]
) -> None:
    if not FORMATS[format].available:
        pytest.skip("the extra is missing")
    lossless = FORMATS[format].lossy and format != "jpg"
    path, again = (tmp_path / f"{name}{FORMATS[format].suffixes[0]}" for name in "ab")
    full_picture(*case).write(path, saving=Saving(lossless=lossless))
    first = Picture.read(path)
    restored = first.with_srgb(first.to_srgb())
    np.testing.assert_array_equal(restored.pixels, first.pixels)
    restored.write(again, saving=Saving(lossless=lossless))
    if FORMATS[format].lossy and format not in ("webp", "jxl"):
        return  # these lose a little each time
    second = Picture.read(again)
    if format == "exr" and case[2]:  # alpha is multiplied and divided
        np.testing.assert_allclose(second.pixels, first.pixels, rtol=1e-5)
    else:
        np.testing.assert_array_equal(second.pixels, first.pixels)
