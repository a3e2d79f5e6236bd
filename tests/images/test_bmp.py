"""BMP: bit fields, profiles, resolution."""

import struct
from pathlib import Path

import numpy as np
import pytest
from icc_profiles import ADOBE_RGB
from PIL import Image

from restore_cli.images import bmp
from restore_cli.images.metadata import Resolution
from restore_cli.images.picture import Picture

RNG = np.random.default_rng(4)


def fields(codes: np.ndarray, bits: int, masks: tuple[int, ...]) -> bytes:
    """A BMP with bit fields, the first row at the bottom."""
    height, width = codes.shape
    row = (width * bits + 31) // 32 * 4
    body = b"".join(
        line.astype(f"<u{bits // 8}").tobytes().ljust(row, b"\0") for line in codes[::-1]
    )
    info = struct.pack("<IiiHHIIiiII", 56, width, height, 1, bits, 3, len(body), 0, 0, 0, 0)
    info += struct.pack("<4I", *masks)
    return b"BM" + struct.pack("<IHHI", 14 + 56 + len(body), 0, 0, 14 + 56) + info + body


@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (16, (0xF00, 0xF0, 0xF, 0)),
        (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
        (32, (0x3FF00000, 0xFFC00, 0x3FF, 0)),
        (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
    ],
)
def test_any_bit_fields(tmp_path: Path, bits: int, masks: tuple[int, ...]) -> None:
    codes = RNG.integers(0, 1 << bits, (5, 3), dtype=np.uint64)
    (tmp_path / "a.bmp").write_bytes(fields(codes, bits, masks))
    picture = Picture.read(tmp_path / "a.bmp")
    for channel, mask in enumerate(masks[:3]):
        low = mask & -mask
        expected = (codes & mask) // low * 255 / (mask // low)
        assert np.abs(picture.pixels[..., channel] - expected).max() <= 0.5
    assert (picture.alpha is not None) == (masks[3] != 0)


def test_a_profile_in_version_5_is_read(tmp_path: Path) -> None:
    data = bytearray(bmp.encode(np.full((2, 2, 3), 99, np.uint8), None))
    head = bytes(data[14:54]) + bytes(124 - 40)
    head = bytearray(struct.pack("<I", 124) + head[4:])
    pixels = data[54:]
    struct.pack_into("<I", head, 56, 0x4D424544)
    struct.pack_into("<II", head, 112, 124 + len(pixels), len(ADOBE_RGB))
    file = bytes(data[:10]) + struct.pack("<I", 14 + 124) + bytes(head) + bytes(pixels)
    (tmp_path / "a.bmp").write_bytes(file + ADOBE_RGB)
    assert Picture.read(tmp_path / "a.bmp").icc == ADOBE_RGB


def test_resolution_is_kept(tmp_path: Path) -> None:
    Image.new("RGB", (3, 3)).save(tmp_path / "a.bmp", dpi=(300, 300))
    picture = Picture.read(tmp_path / "a.bmp")
    assert picture.resolution == Resolution(300, 300, "inch")
    picture.write(tmp_path / "b.bmp")
    with Image.open(tmp_path / "b.bmp") as written:
        assert round(written.info["dpi"][0]) == 300


def test_run_lengths_read_as_pillow_reads_them(tmp_path: Path) -> None:
    palette = b"".join(bytes((i, 255 - i, i // 2, 0)) for i in range(256))
    body = bytes((4, 7, 0, 0, 4, 9, 0, 1))
    info = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 1, len(body), 0, 0, 256, 0)
    start = 14 + 40 + len(palette)
    head = b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start)
    (tmp_path / "a.bmp").write_bytes(head + info + palette + body)
    pixels = Picture.read(tmp_path / "a.bmp").pixels
    assert pixels[0, 0].tolist() == [4, 246, 9]
    assert pixels[1, 3].tolist() == [3, 248, 7]
