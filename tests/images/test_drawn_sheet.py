"""Sheets that this program drew are known in a folder."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from restore_cli.images.drawn_sheet import is_sheet, marked


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 10), (9, 99, 200)).save(file, "JPEG")
    return file.getvalue()


def test_a_marked_jpeg_is_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "a-compare.jpg"
    path.write_bytes(marked(_jpeg()))
    with Image.open(path) as one, Image.open(io.BytesIO(_jpeg())) as other:
        assert one.tobytes() == other.tobytes()
    assert is_sheet(path)
    assert is_sheet(path.rename(tmp_path / "a-models.jpg"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_names_and_content_count_together(tmp_path: Path) -> None:
    (tmp_path / "mine-compare.jpg").write_bytes(_jpeg())
    (tmp_path / "photo.jpg").write_bytes(marked(_jpeg()))
    os.mkfifo(tmp_path / "pipe-compare.jpg")
    (tmp_path / "folder-compare.jpg").mkdir()
    names = ("mine-compare.jpg", "photo.jpg", "pipe-compare.jpg", "folder-compare.jpg", "none")
    assert not any(is_sheet(tmp_path / name) for name in names)
