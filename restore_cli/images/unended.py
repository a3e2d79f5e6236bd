"""Files that end early: what of the picture is there all the same.

A copy that stopped, or a camera whose battery did, leaves a file without its end. Viewers show it,
and so is it read here where no pixel, or next to none, is missing.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from restore_cli.images import jpeg, png

MOST_MISSING = 0.01
"""Share of a picture's pixels that may be missing."""

_END_OF_JPEG = b"\xff\xd9"
_NOISE = (bytes(range(1, 64)), bytes(range(250, 100, -3)))
"""What is put behind a JPEG's last byte, to see from where on the picture depends on it."""
_START_OF_SCAN, _PROGRESSIVE = b"\xff\xda", (b"\xff\xc2", b"\xff\xca")


def ended(data: bytes, format: str) -> tuple[bytes, float] | None:
    """A file with an end, where it has none and that is all, or nearly all, that is wrong.

    Args:
        data: the file.
        format: what `sniff` said.

    Returns:
        The whole file, and the share of its pixels that are missing and filled in; None where that
        cannot be told.

    Raises:
        what decoders raise on damaged files.
    """
    if format == "jpg":
        return _jpeg(data)
    return _png(data) if format == "png" else None


def told(missing: float) -> str:
    """What is said of a picture of which this share is missing."""
    if not missing:
        return "the end of its file is missing, but none of its pixels"
    return f"the end of its file is missing, and with it the last {missing:.2%} of its pixels"


def _jpeg(data: bytes) -> tuple[bytes, float] | None:
    jpeg.inspect(data)  # what is wrong before the pixels stays wrong
    # The marker, or the first half of one.
    data = data.rstrip(b"\xff")
    if data.endswith(_END_OF_JPEG) or _lacks_scans(data):
        return None
    whole = data + _END_OF_JPEG
    pixels = _decoded(whole)
    # What the decoder does with noise in place of the end shows where the end would have begun.
    unlike = np.zeros(pixels.shape[:2], np.bool_)
    for noise in _NOISE:
        unlike |= (pixels != _decoded(data + noise + _END_OF_JPEG)).any(axis=-1)
    if not unlike.any():
        return whole, 0.0
    # Rows of blocks are stored one after the other: all from the first unlike one on is missing.
    # A colour is interpolated one pixel beyond its blocks.
    height, width = pixels.shape[:2]
    side = _block_side(data)
    top = min((int(unlike.any(axis=1).argmax()) + 1) // side * side, height - 1)
    left = (int(unlike[top : top + side].any(axis=0).argmax()) + 1) // side * side
    missing = (height - top) * width - left * min(side, height - top)
    return whole, missing / (height * width)


def _block_side(data: bytes) -> int:
    """Pixels that are stored together; the last scan of a progressive file is of one component."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        if not isinstance(image, JpegImageFile) or "progressive" in image.info:
            return 8
        tall = max((layer[2] for layer in image.layer), default=1)
        return 8 * tall if len(image.layer) > 1 else 8


def _decoded(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        pixels = np.array(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _lacks_scans(data: bytes) -> bool:
    """Whether a progressive JPEG stops before each coefficient has had its last bit."""
    if not any(kind in data[:65536] for kind in _PROGRESSIVE):
        return False
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        components = len(image.getbands())
    exact: dict[int, set[int]] = {}
    at = 0
    while (at := data.find(_START_OF_SCAN, at)) >= 0 and at + 5 <= len(data):
        count = data[at + 4]
        tail = at + 5 + 2 * count
        if tail + 3 > len(data):
            break
        first, last, bits = data[tail : tail + 3]
        if bits & 15 == 0:
            for number in range(count):
                component = data[at + 5 + 2 * number]
                exact.setdefault(component, set()).update(range(first, last + 1))
        at = tail
    return sum(len(those) == 64 for those in exact.values()) < components


def _png(data: bytes) -> tuple[bytes, float] | None:
    """Where the stream of its pixels is whole."""
    at, pixels = len(png.SIGNATURE), zlib.decompressobj()
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            break
        if kind == b"IEND":
            return None
        if kind == b"IDAT" and not pixels.eof:
            piece = data[at + 8 : at + 8 + length]
            while piece and not pixels.eof:  # a megabyte at a time
                pixels.decompress(piece, 2**20)
                piece = pixels.unconsumed_tail
        at += 12 + length
    if not pixels.eof:
        return None
    return data[:at] + struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND")), 0.0
