"""Pictures that are hard to come by."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def bad_file() -> Callable[[str, Path], None]:
    """Writes a file that cannot be restored, of the kind named."""
    return _bad_file


def _bad_file(kind: str, path: Path) -> None:
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is not a picture")
    elif kind == "truncated":
        pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(path, format="JPEG")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "animated":
        frames = [Image.new("P", (8, 8), color) for color in (0, 1, 2)]
        frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])
    elif kind == "folder":
        path.mkdir()
    else:
        assert kind == "gone"


@pytest.fixture
def grey_alpha_16() -> bytes:
    """A 16-bit grey + alpha PNG, which common libraries cannot write."""
    rows = [b"\0" + struct.pack(">4H", 1000, 65535, 60000, 300) for _ in range(2)]

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", 2, 2, 16, 4, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b"")
