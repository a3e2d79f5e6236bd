"""Encoding rules that `Picture.write` relies on."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images.encode import encode
from restore_cli.images.fit import fit
from restore_cli.images.formats import FORMATS
from restore_cli.images.picture import Picture
from restore_cli.images.saving import DEFAULT, Saving


def encoded(picture: Picture, format: str, saving: Saving = DEFAULT) -> bytes:
    return encode([fit(picture, format)[0]], format, saving)


def test_sides_beyond_the_format_are_refused() -> None:
    wide = np.zeros((1, 20000, 3), np.uint8)
    with pytest.raises(ValueError, match="16383"):
        encoded(Picture(wide), "webp")
    with pytest.raises(ValueError, match="65500"):
        encoded(Picture(np.zeros((1, 70000, 1), np.uint8)), "jpg")


def test_jpeg_keeps_full_color_resolution_at_high_quality() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    for quality, sampling in ((95, (1, 1)), (80, (2, 2))):
        with Image.open(
            io.BytesIO(encoded(Picture(pixels), "jpg", Saving(quality=quality)))
        ) as image:
            assert image.layer[0][1:3] == sampling
    with Image.open(io.BytesIO(encoded(Picture(pixels[..., :1]), "jpg"))) as image:
        assert image.mode == "L"


@pytest.mark.parametrize("channels", [1, 3])
def test_webp_keeps_alpha_and_bmp_lays_it_over_white(channels: int) -> None:
    pixels = np.full((4, 4, channels), 90, np.uint8)
    alpha = np.arange(16, dtype=np.uint8).reshape(4, 4) * 17
    with Image.open(io.BytesIO(encoded(Picture(pixels, alpha), "webp"))) as image:
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image)[..., 3], alpha)
    with Image.open(io.BytesIO(encoded(Picture(pixels, alpha), "bmp"))) as image:
        assert image.mode == ("L" if channels == 1 else "RGB")
        assert np.asarray(image).flat[0] == 255


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


@pytest.mark.parametrize("format", ["webp", "heic", "jxl", "avif", "jpg"])
def test_lossless_means_every_value_or_a_note(tmp_path: Path, format: str) -> None:
    if not FORMATS[format].available:
        pytest.skip("the extra is missing")
    picture = Picture(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    notes = picture.write(tmp_path / f"a.{format}", saving=Saving(lossless=True))
    back = Picture.read(tmp_path / f"a.{format}").pixels
    difference = np.abs(back.astype(int) - picture.pixels).max()
    if FORMATS[format].exact:
        assert difference == 0
        assert notes == ()
    else:
        assert difference <= 4
        title = FORMATS[format].title
        assert notes == (f"{title} is written with the least loss, not without any",)


def test_quality_is_obeyed(tmp_path: Path) -> None:
    picture = Picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    for suffix in (".jpg", ".webp"):
        picture.write(tmp_path / f"low{suffix}", saving=Saving(quality=20))
        picture.write(tmp_path / f"high{suffix}", saving=Saving(quality=95))
        low, high = (tmp_path / f"{name}{suffix}" for name in ("low", "high"))
        assert low.stat().st_size < high.stat().st_size / 1.5
    with pytest.raises(RestoreError, match="quality 0"):
        picture.write(tmp_path / "a.jpg", saving=Saving(quality=0))
