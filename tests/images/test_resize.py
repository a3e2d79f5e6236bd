"""Pixels, alpha and what EXIF says of the size follow an upscaler's result."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restore_cli.images.picture import Picture
from restore_cli.images.resize import resized


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float16", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_each_kind_keeps_its_type_and_shape(kind: str, channels: int) -> None:
    top = 1 if kind.startswith("float") else np.iinfo(kind).max
    flat = np.full((4, 6, channels), top, kind)
    large = resized(flat, 12, 18)
    assert (large.shape, large.dtype) == ((12, 18, channels), np.dtype(kind))
    np.testing.assert_allclose(large.astype(np.float64), top, rtol=1e-6)
    assert resized(flat, 4, 6) is flat


def _exif() -> bytes:
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    details[0xA002], details[0xA003] = 6, 4
    return exif.tobytes()[6:]


def test_a_picture_takes_alpha_and_metadata_along() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (4, 6, 3), np.uint8)
    picture = Picture(pixels, alpha=np.full((4, 6), 128, np.uint8), exif=_exif())
    large = picture.resized(8, 12)
    assert (large.height, large.width) == (8, 12)
    assert large.alpha is not None
    assert (large.alpha == 128).all()
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + (large.exif or b""))
    details: dict[int, Any] = exif.get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == (12, 8)
    assert picture.resized(4, 6) is picture
    srgb = rng.random((8, 12, 3), np.float32)
    written = large.with_srgb(srgb)
    np.testing.assert_allclose(written.pixels / 255, srgb, atol=0.5 / 255 + 1e-6)
    assert written.alpha is large.alpha


def test_a_larger_picture_is_written_with_its_size(tmp_path: Path) -> None:
    picture = Picture(np.zeros((4, 6, 3), np.uint8), exif=_exif()).resized(8, 12)
    picture.write(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as written:
        assert written.size == (12, 8)
        assert written.getexif().get_ifd(0x8769)[0xA002] == 12
