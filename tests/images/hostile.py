"""Small files that ask for much: memory, time, or both."""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG's chunk."""
    check = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + check


def png(width: int = 8, height: int = 8, extra: Sequence[bytes] = ()) -> bytes:
    """A PNG of a good picture, with further chunks; a claim only, where it is large."""
    rows = b"".join(b"\0" + bytes(range(24)) for _ in range(8))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"".join(
        (SIGNATURE, header, *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    )


def overlapping_exif() -> bytes:
    """A megabyte of EXIF whose 65,535 tags hold a megabyte each: 64 GB."""
    tags = b"".join(struct.pack("<HHII", tag, 7, 2**20 - 8, 8) for tag in range(65535))
    block = b"II*\0" + struct.pack("<IH", 8, 65535) + tags + bytes(4)
    return block.ljust(2**20, b"\0")


def overlapping_profile(size: int = 8 << 20) -> bytes:
    """A profile of 1,000 tags, each of which covers all of it."""
    head = bytearray(128)
    head[16:24], head[36:40] = b"RGB XYZ ", b"acsp"
    tags = b"".join(struct.pack(">4sII", b"%04d" % i, 0, size) for i in range(1000))
    return (bytes(head) + struct.pack(">I", 1000) + tags).ljust(size, b"\0")


def text_bombs(count: int = 100) -> list[bytes]:
    """Chunks of texts that unpack to 64 MB each; the reader wants to know the comments."""
    packed = zlib.compress(bytes((64 << 20) - 1), 9)
    return [chunk(b"zTXt", b"Comment\0\0" + packed)] * count


def tiff_of_overlapping_pages(pages: int = 4000, tags: int = 2000) -> bytes:
    """A TIFF whose directories lie four bytes apart, each of many tags."""
    data = bytearray(8 + 4 * pages + 12 * tags + 100)
    data[:8] = b"II*\0" + struct.pack("<I", 8)
    for page in range(pages):
        struct.pack_into("<H", data, 8 + 4 * page, tags)
        link = 10 + 4 * page + 12 * tags
        if page + 1 < pages and link >= 8 + 4 * pages:
            struct.pack_into("<I", data, link, 12 + 4 * page)
    return bytes(data)


def tiff_claim(width: int, height: int) -> bytes:
    """An uncompressed TIFF of some bytes, all of whose rows lie in the same place."""
    rows = [
        struct.pack("<HHII", *tag)
        for tag in (
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (277, 3, 1, 1),
            (322, 4, 1, width),
            (323, 4, 1, height),
            (324, 4, 1, 8),
            (325, 4, 1, 2000),
        )
    ]
    head = b"II*\0" + struct.pack("<IH", 8, len(rows))
    return (head + b"".join(rows) + bytes(4)).ljust(2400, b"\0")


def jpeg_of_many_scans(count: int, side: int = 64) -> bytes:
    """A progressive JPEG that goes over its pixels again and again."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    last = data.rindex(b"\xff\xda")
    (length,) = struct.unpack_from(">H", data, last + 2)
    return data[:-2] + data[last : last + 2 + length] * count + b"\xff\xd9"
