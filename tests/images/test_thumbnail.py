"""Thumbnails show the restored picture."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.images.exif import has_thumbnail
from restore_cli.images.ifd import TagReader
from restore_cli.images.picture import Picture
from restore_cli.images.thumbnail import renewed


def with_old_thumbnail(order: str = "<") -> bytes:
    small = io.BytesIO()
    Image.new("RGB", (16, 8), "red").save(small, "JPEG")
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F] = "Maker"
    ifd1 = exif.get_ifd(1)
    ifd1[0x0103] = 6
    exif[0x0112] = 6
    block = exif.tobytes()
    return renewed(block.removeprefix(b"Exif\0\0"), np.full((8, 16, 3), (255, 0, 0), np.uint8))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_thumbnail_is_made_again(tmp_path: Path, suffix: str) -> None:
    exif = with_old_thumbnail()
    assert has_thumbnail(exif)
    Image.new("RGB", (64, 32), "red").save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif)
    picture = Picture.read(tmp_path / "a.jpg")
    assert picture.thumbnail
    blue = np.zeros((64, 32, 3), np.float32)
    blue[..., 2] = 1
    assert picture.with_srgb(blue).write(tmp_path / f"b{suffix}") == ()
    with Image.open(tmp_path / f"b{suffix}") as written:
        block = written.info["exif"].removeprefix(b"Exif\0\0")
    reader = TagReader.open(block)
    fields = reader.directory(reader.directory(reader.first).following).fields
    start, size = (reader.numbers(fields[tag])[0] for tag in (0x0201, 0x0202))
    small = Image.open(io.BytesIO(block[start : start + size]))
    assert small.size == (32, 64)
    red, _, blue_mean = np.asarray(small).reshape(-1, 3).mean(0)
    assert red < 30
    assert blue_mean > 200


def test_pictures_without_a_thumbnail_get_none(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    picture = Picture.read(tmp_path / "a.jpg")
    assert not picture.thumbnail
    picture.write(tmp_path / "b.jpg")
    assert not Picture.read(tmp_path / "b.jpg").thumbnail
