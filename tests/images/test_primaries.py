"""Colours told by numbers, against LittleCMS and known values."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from icc_profiles import ADOBE_RGB, P3, SRGB, para, profile
from PIL import Image, ImageCms

from restore_cli.errors import RestoreError
from restore_cli.images import png, primaries
from restore_cli.images.picture import Picture
from restore_cli.images.refusal import NotSupportedError

RNG = np.random.default_rng(9)
PATCHES = RNG.integers(0, 256, (4, 6, 3)).astype(np.uint8)
CURVE = para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def by_littlecms(icc: bytes) -> np.ndarray:
    how = ImageCms.buildTransform(io.BytesIO(icc), io.BytesIO(SRGB), "RGB", "RGB", 1)
    return np.asarray(ImageCms.applyTransform(Image.fromarray(PATCHES), how)).astype(int)


def png_with(tmp_path: Path, *chunks: tuple[bytes, bytes]) -> Path:
    out = io.BytesIO()
    Image.fromarray(PATCHES).save(out, "PNG")
    data = out.getvalue()
    extra = b""
    for kind, body in chunks:
        extra += struct.pack(">I", len(body)) + kind + body
        extra += struct.pack(">I", zlib.crc32(kind + body))
    at = len(png.SIGNATURE) + 25
    path = tmp_path / "a.png"
    path.write_bytes(data[:at] + extra + data[at:])
    return path


def gama(exponent: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(exponent * 100000))


ADOBE_CHRM = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))


def test_display_p3_by_code_points(tmp_path: Path) -> None:
    picture = Picture.read(png_with(tmp_path, (b"cICP", bytes((12, 13, 0, 1)))))
    assert picture.icc is not None
    assert picture.notes == ()
    assert np.abs(by_littlecms(picture.icc) - by_littlecms(profile(b"RGB ", CURVE, P3))).max() <= 1


def test_adobe_rgb_by_chrm_and_gama(tmp_path: Path) -> None:
    picture = Picture.read(png_with(tmp_path, gama(256 / 563), ADOBE_CHRM))
    assert picture.icc is not None
    assert picture.notes == ()
    assert np.abs(by_littlecms(picture.icc) - by_littlecms(ADOBE_RGB)).max() <= 1


def test_gama_alone_is_kept_with_a_note(tmp_path: Path) -> None:
    picture = Picture.read(png_with(tmp_path, gama(1.0)))
    assert "gAMA alone" in picture.notes[0]
    linear = (PATCHES / 255.0) ** 1.0
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(picture.to_srgb() - srgb).max() < 2e-3


def test_srgb_in_numbers_needs_no_profile(tmp_path: Path) -> None:
    srgb = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    assert Picture.read(png_with(tmp_path, gama(0.45455), (b"cHRM", srgb))).icc is None
    assert Picture.read(png_with(tmp_path, (b"cICP", bytes((1, 13, 0, 1))))).icc is None
    assert Picture.read(png_with(tmp_path, (b"sRGB", b"\0"), gama(1.0))).icc is None


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_by_name(tmp_path: Path, transfer: int, name: str) -> None:
    path = png_with(tmp_path, (b"cICP", bytes((9, transfer, 0, 1))))
    with pytest.raises(RestoreError, match=rf"HDR picture \({name}\) is not supported"):
        Picture.read(path)


def of_points(transfer: int) -> bytes:
    """The head of a profile with a cicp tag, as Apple writes it for HDR photos and screenshots."""
    entry = struct.pack(">I4sII", 1, b"cicp", 144, 12)
    return bytes(128) + entry + b"cicp" + bytes(4) + bytes((12, transfer, 0, 1))


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
def test_hdr_told_by_a_profile_is_refused_by_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (4, 4)).save(path, icc_profile=of_points(16))
    with pytest.raises(RestoreError, match=r"HDR picture \(PQ\) is not supported"):
        Picture.read(path)


def test_a_profile_of_other_points_or_cut_off_is_none_of_hdr() -> None:
    primaries.refuse_hdr_profile(of_points(13))
    for end in range(len(of_points(18))):
        primaries.refuse_hdr_profile(of_points(18)[:end])


def test_bt2020_keeps_its_colours_with_a_note() -> None:
    described = primaries.of_code_points(9, 1)
    assert described.icc is not None
    assert "BT.2020" in (described.note or "")
    with pytest.raises(NotSupportedError):
        primaries.of_code_points(9, 16)
    assert primaries.of_code_points(200, 13).icc is None


def test_the_same_colours_are_the_same_bytes() -> None:
    first = primaries.of_code_points(12, 13).icc
    primaries._profile.cache_clear()
    assert primaries.of_code_points(12, 13).icc == first
    assert first is not None
    assert len(first) < 1000


def test_nonsense_is_ignored_with_a_note() -> None:
    assert "no sense" in (primaries.of_chunks(None, (0.0,) * 8, grey=False).note or "")
    assert primaries.of_chunks(1 / 2.2, None, grey=True).icc is None
    grey = primaries.of_chunks(1.0, None, grey=True)
    assert grey.icc is not None
    assert grey.icc[16:20] == b"GRAY"
