"""Encoding rules that `Picture.write` relies on."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images.encode import encode, flatten, holds_profile, to_eight_bit
from restore_cli.images.metadata import Metadata
from restore_cli.images.picture import Picture


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


def test_sides_beyond_the_format_are_refused() -> None:
    wide = np.zeros((1, 20000, 3), np.uint8)
    with pytest.raises(ValueError, match="16383"):
        encode(wide, None, Metadata(), "webp", 90)
    with pytest.raises(ValueError, match="65500"):
        encode(np.zeros((1, 70000, 1), np.uint8), None, Metadata(), "jpg", 90)


def test_jpeg_metadata_beyond_a_marker_is_left_out_not_fatal() -> None:
    exif = b"II*\0\x08\0\0\0" + bytes(70000)
    metadata = Metadata(exif=exif, xmp=b"x" * 70000, iptc=b"\x1c" * 70000, icc=b"p" * 100000)
    out = encode(np.zeros((8, 8, 3), np.uint8), None, metadata, "jpg", 90)
    with Image.open(io.BytesIO(out)) as image:
        image.load()
        assert "exif" not in image.info
        assert image.info["icc_profile"] == b"p" * 100000


def test_jpeg_keeps_full_color_resolution_at_high_quality() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    for quality, sampling in ((95, (1, 1)), (80, (2, 2))):
        with Image.open(io.BytesIO(encode(pixels, None, Metadata(), "jpg", quality))) as image:
            assert image.layer[0][1:3] == sampling
    with Image.open(io.BytesIO(encode(pixels[..., :1], None, Metadata(), "jpg", 95))) as image:
        assert image.mode == "L"


@pytest.mark.parametrize("channels", [1, 3])
def test_webp_keeps_alpha_and_bmp_lays_it_over_white(channels: int) -> None:
    pixels = np.full((4, 4, channels), 90, np.uint8)
    alpha = np.arange(16, dtype=np.uint8).reshape(4, 4) * 17
    with Image.open(io.BytesIO(encode(pixels, alpha, Metadata(), "webp", 100))) as image:
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image)[..., 3], alpha)
    with Image.open(io.BytesIO(encode(pixels, alpha, Metadata(), "bmp", 100))) as image:
        assert image.mode == ("L" if channels == 1 else "RGB")
        assert np.asarray(image).flat[0] == 255


def test_which_formats_hold_a_profile() -> None:
    assert holds_profile("png", True)
    assert holds_profile("webp", False)
    assert not holds_profile("webp", True)
    assert not holds_profile("bmp", False)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp"])
def test_16_bits_become_8_in_formats_that_hold_no_more(tmp_path: Path, suffix: str) -> None:
    Picture(np.full((16, 16, 3), 30000, np.uint16)).write(tmp_path / f"a{suffix}")
    back = Picture.read(tmp_path / f"a{suffix}")
    assert back.depth == 8
    assert abs(int(back.pixels[8, 8, 0]) - round(30000 / 257)) <= 1


def test_jpeg_lays_alpha_over_white(tmp_path: Path) -> None:
    Picture(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8)).write(tmp_path / "a.jpg")
    back = Picture.read(tmp_path / "a.jpg")
    assert back.alpha is None
    assert back.pixels.min() >= 254


def test_quality_is_obeyed(tmp_path: Path) -> None:
    picture = Picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    for suffix in (".jpg", ".webp"):
        picture.write(tmp_path / f"low{suffix}", quality=20)
        picture.write(tmp_path / f"high{suffix}", quality=95)
        low, high = (tmp_path / f"{name}{suffix}" for name in ("low", "high"))
        assert low.stat().st_size < high.stat().st_size / 1.5
    with pytest.raises(RestoreError, match="quality 0"):
        picture.write(tmp_path / "a.jpg", quality=0)
