"""WebP: its chunks, and the size that they claim (RFC 9649)."""

import struct
from collections.abc import Iterator

_MOST_CHUNKS = 10_000
_MOST_SIDE = 16384  # of lossless ones; lossy ones have a pixel less


def riff(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Chunks of a RIFF file, as (type, start of the body); what is cut off ends the walk."""
    at = 12
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        yield bytes(kind), at + 8
        at += 8 + (length + 1) // 2 * 2


def size(data: bytes) -> tuple[int, int]:
    """Width and height of the canvas, from the first chunk.

    Raises:
        ValueError: it is none of a WebP, claims what none can have, or is cut off.
    """
    width, height = _claimed(data)
    if max(width, height) > _MOST_SIDE:
        raise ValueError(f"it claims {width} x {height} pixels, and {_MOST_SIDE} a side are most")
    return width, height


def _claimed(data: bytes) -> tuple[int, int]:
    kind, at = next(riff(data), (b"", 0))
    try:
        if kind == b"VP8X":
            low, middle, high, low_2, middle_2, high_2 = struct.unpack_from("6B", data, at + 4)
            return 1 + low + (middle << 8) + (high << 16), 1 + low_2 + (middle_2 << 8) + (
                high_2 << 16
            )
        if kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", data, at + 1)
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        if kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, at + 6)
            return width & 0x3FFF, height & 0x3FFF
    except struct.error as error:
        raise ValueError("the file ends early") from error
    raise ValueError("it has no picture")
