"""AVIF and HEIC: depth, colours, metadata."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from icc_profiles import ADOBE_RGB
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images import heif
from restore_cli.images.formats import FORMATS
from restore_cli.images.picture import Picture
from restore_cli.images.saving import Saving

imagecodecs = pytest.importorskip("imagecodecs")
RNG = np.random.default_rng(13)
SMOOTH = cv2.GaussianBlur(RNG.random((48, 64, 3)), (0, 0), 4)
SMOOTH = (SMOOTH - SMOOTH.min()) / np.ptp(SMOOTH)
KINDS = [
    pytest.param(
        name, marks=pytest.mark.skipif(not FORMATS[name].available, reason="the extra is missing")
    )
    for name in ("avif", "heic")
]


def avif(codes: np.ndarray, **options: str | int) -> bytes:
    """An AVIF file; skips the test where an older imagecodecs cannot say what its values mean."""
    try:
        return imagecodecs.avif_encode(codes, **options)
    except TypeError:
        pytest.skip("this imagecodecs writes no AVIF of chosen colours")


def exif(orientation: int = 1) -> bytes:
    block = Image.Exif()
    block[0x0112], block[0x010F] = orientation, "Maker"
    return block.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("format", KINDS)
def test_what_is_written_is_read(tmp_path: Path, format: str) -> None:
    pixels = np.rint(SMOOTH * 255).astype(np.uint8)
    alpha = pixels[..., 0]
    picture = Picture(pixels, alpha, icc=ADOBE_RGB, exif=exif(), xmp=b"<x:xmpmeta/>")
    path = tmp_path / f"a.{format}"
    assert picture.write(path, saving=Saving(quality=95)) == ()
    back = Picture.read(path)
    assert back.format == format
    assert back.icc == ADOBE_RGB
    assert back.xmp == b"<x:xmpmeta/>"
    assert b"Maker" in (back.exif or b"")
    assert np.abs(back.pixels.astype(int) - pixels).mean() < 2
    assert back.alpha is not None
    assert np.abs(back.alpha.astype(int) - alpha).mean() < 2


@pytest.mark.skipif(not FORMATS["heic"].available, reason="needs the extra [heif]")
def test_heic_keeps_more_than_8_bits(tmp_path: Path) -> None:
    pixels = np.rint(SMOOTH * 65535).astype(np.uint16)
    Picture(pixels).write(tmp_path / "a.heic", saving=Saving(quality=100))
    back = Picture.read(tmp_path / "a.heic")
    assert back.depth == 16
    assert np.abs(back.pixels.astype(int) - pixels).mean() < 100  # a step of 8 bits is 257


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_avif_is_read_deep(tmp_path: Path, bits: int) -> None:
    codes = np.rint(SMOOTH * ((1 << bits) - 1)).astype(np.uint16)
    options = {"level": 100, "pixelformat": "yuv444", "matrix": 0, "primaries": 12}
    data = avif(codes, bitspersample=bits, transfer=13, **options)
    (tmp_path / "a.avif").write_bytes(data)
    picture = Picture.read(tmp_path / "a.avif")
    assert picture.depth == 16
    assert np.abs(picture.pixels / 65535 - SMOOTH).max() < 2 / (1 << bits)
    assert picture.icc is not None  # Display P3


def test_hdr_avif_is_refused_by_name(tmp_path: Path) -> None:
    codes = np.rint(SMOOTH * 1023).astype(np.uint16)
    data = avif(codes, level=90, bitspersample=10, primaries=9, transfer=16)
    (tmp_path / "a.avif").write_bytes(data)
    with pytest.raises(RestoreError, match=r"HDR picture \(PQ\)"):
        Picture.read(tmp_path / "a.avif")


def test_orientation_of_avif_is_baked_in(tmp_path: Path) -> None:
    pixels = np.rint(SMOOTH * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.avif", exif=b"Exif\0\0" + exif(6), quality=95)
    picture = Picture.read(tmp_path / "a.avif")
    assert (picture.width, picture.height) == (48, 64)
    assert np.abs(picture.pixels.astype(int) - np.rot90(pixels, 3)).mean() < 3


def test_boxes_end_where_the_data_ends() -> None:
    data = b"\0\0\0\x0cabcdwxyz" + b"\0\0\0\xffefgh"
    assert list(heif.boxes(data)) == [(b"abcd", 8, 12)]


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0" + bytes(64))
    with pytest.raises(RestoreError, match=r"need the extra \[heif\]"):
        Picture.read(tmp_path / "a.heic")
    with pytest.raises(RestoreError, match=r"need the extra \[heif\]"):
        Picture(np.zeros((2, 2, 3), np.uint8)).write(tmp_path / "b.heic")
