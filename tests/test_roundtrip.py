"""What a file says survives reading and writing, as exiftool and ImageMagick see it."""

import contextlib
import io
import itertools
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from restore_cli.__main__ import main
from restore_cli.images.fit import fit
from restore_cli.images.formats import FORMATS, Thing, note
from restore_cli.images.metadata import Resolution, Text
from restore_cli.images.picture import Picture
from restore_cli.images.saving import Saving

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


ONE = ("profile", "exif", "xmp", "iptc", "resolution", "texts", "comment", "orientation")
KINDS = [*((thing,) for thing in ONE), (), ONE]


def some_of(picture: Picture, things: tuple[str, ...]) -> Picture:
    """The picture with some of what it says."""
    exif = Image.Exif()
    if "exif" in things:
        exif[0x010F] = "Maker"
    if "orientation" in things:
        exif[0x0112] = 6
    return replace(
        picture,
        icc=picture.icc if "profile" in things else None,
        exif=exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else None,
        xmp=picture.xmp if "xmp" in things else None,
        iptc=picture.iptc if "iptc" in things else None,
        resolution=picture.resolution if "resolution" in things else None,
        texts=picture.texts if "texts" in things else (),
        comment=picture.comment if "comment" in things else None,
    )


def shown_in(folder: Path) -> dict[str, dict[str, str]]:
    """What exiftool shows of every file, by name; tags without their groups."""
    words = ["exiftool", "-j", "-G1", "-n", "-a", str(folder)]
    answer = subprocess.run(words, capture_output=True, check=False).stdout
    said = json.loads(answer or "[]")  # it knows neither TGA nor PAM nor QOI
    return {
        Path(one["SourceFile"]).name: {k.rpartition(":")[2]: str(v) for k, v in one.items()}
        for one in said
    }


def things_in(shown: dict[str, str]) -> set[Thing]:
    """What is there of a `full_picture`, as exiftool sees it."""
    there = {
        thing
        for thing, (name, value) in SHOWN.items()
        if shown.get(name.rpartition(":")[2]) == value
    }
    inches = float(shown.get("XResolution", 0)) * (
        2.54 if shown.get("ResolutionUnit") == "3" else 1
    )
    metres = float(shown.get("PixelsPerUnitX", shown.get("PixelsPerMeterX", 0)))
    if 300 in (round(inches), round(metres * 0.0254)):
        there.add("resolution")
    if shown.get("Title") == "Holiday":
        there.add("texts")
    if "ProfileDescription" in shown:
        there.add("profile")
    return there


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each depth, colour or grey, with alpha or not, with each thing alone, with none, with all."""
    folder = tmp_path_factory.mktemp("sources")
    for depth, channels, alpha in CASES:
        suffix = ".tiff" if depth == "float" else ".png"
        for things in KINDS:
            what = "all" if things == ONE else "".join(things) or "none"
            name = f"{depth}-{channels}-{'alpha' if alpha else 'opaque'}-{what}{suffix}"
            some_of(full_picture(depth, channels, alpha), things).write(folder / name)
            if depth == "float" and "orientation" in things:  # what is written as TIFF is upright
                with tifffile.TiffFile(folder / name, mode="r+b") as file:
                    file.pages.first.tags[274].overwrite(6)
    return folder


@pytest.mark.slow
@needs_exiftool
@pytest.mark.parametrize("format", FORMATS)
def test_all_of_it_is_kept_made_true_or_noted(tmp_path: Path, sources: Path, format: str) -> None:
    """Through the command, in one run; exiftool sees what is kept, a note tells of the rest."""
    if not FORMATS[format].available:
        pytest.skip("the extra is missing")
    one, out = FORMATS[format], tmp_path / "out"
    words = ["infer", str(sources), "--task", "denoise", "--strength", "0", "--format", format]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main([*words, "-o", str(out), "--json", "--quiet"]) == 0
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    told = {Path(line["input"]).name: line for line in lines if "input" in line}
    assert len(told) == len(CASES) * len(KINDS)
    before, after = shown_in(sources), shown_in(out)
    silent: list[tuple[str, str]] = []
    for name, line in told.items():
        path = Path(line["output"])
        made, notes = Picture.read(path), set(line["notes"])
        lost: set[Thing] = things_in(before[name]) - things_in(after.get(path.name, {}))
        depth, _, alpha, what = Path(name).stem.split("-")
        if alpha == "alpha" and made.alpha is None:
            lost.add("alpha")
        deep = made.depth if made.pixels.dtype.kind != "f" else 32
        if not one.precision and deep < {"8": 8, "16": 16, "float": 32}[depth]:
            lost.add("float" if depth == "float" else "16 bits")
        silent += [(name, thing) for thing in lost if note(thing, format) not in notes]
        turned = what in ("orientation", "all")
        # Radiance's own orientation, which is no EXIF, is the usual one.
        untrue = after.get(path.name, {}).get("Orientation", "1") not in ("1", "-Y +X")
        if untrue or (made.width, made.height) != ((24, 32) if turned else (32, 24)):
            silent.append((name, "orientation"))
    assert silent == []
