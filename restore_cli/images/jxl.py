"""JPEG XL: pixels by imagecodecs, boxes here, the profile by pillow-jxl-plugin (extra `[jxl]`)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.heif import boxes
from restore_cli.images.metadata import Metadata
from restore_cli.images.refusal import NotSupportedError

_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_TYPE = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "

_RATIOS = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@dataclass(frozen=True, slots=True)
class JxlFile:
    """A decoded JPEG XL, upright.

    Args:
        samples: (H, W, 1 to 4) uint8, uint16 or float32.
        metadata: profile, EXIF, XMP. Their orientation does not count: the codestream's does.
        notes: what was ignored.
    """

    samples: NDArray[Any]
    metadata: Metadata
    notes: tuple[str, ...] = ()


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height that the codestream's header claims; None where it is not in one piece.

    Source: ISO 18181-1, SizeHeader.
    """
    stream = data
    if data.startswith(_SIGNATURE):
        found = (data[a : min(b, a + 64)] for k, a, b in boxes(data) if k in (b"jxlc", b"jxlp"))
        stream = next(found, b"")
        stream = stream if stream[:2] == b"\xff\x0a" else stream[4:]
    if stream[:2] != b"\xff\x0a":
        return None
    bits, at = int.from_bytes(stream[2:18], "little"), 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return bits >> (at - count) & ((1 << count) - 1)

    small = take(1)

    def side() -> int:
        return 8 * (1 + take(5)) if small else 1 + take((9, 13, 18, 30)[take(2)])

    height, ratio = side(), take(3)
    above, below = _RATIOS[ratio]
    return (height * above // below if ratio else side()), height


def read(data: bytes) -> JxlFile:
    """Decode a JPEG XL.

    Raises:
        NotSupportedError: an animation, more than four channels, or EXIF packed by Brotli.
        ImportError: the extra is missing.
        ValueError, RuntimeError: the file is damaged.
    """
    import imagecodecs
    from pillow_jxl import Decoder

    try:
        icc: bytes | None = Decoder(num_threads=0)(data)[3] or None
    except BaseException as error:  # a panic of its Rust code is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise ValueError(str(error)) from error
    samples = imagecodecs.jpegxl_decode(data, numthreads=1)
    samples = samples[..., None] if samples.ndim == 2 else samples
    if samples.ndim != 3 or samples.shape[2] > 4:
        raise NotSupportedError("an animated JPEG XL, or one of more than four channels")
    exif = xmp = None
    notes: tuple[str, ...] = ()
    for kind, start, end in boxes(data) if data.startswith(_SIGNATURE) else ():
        name, body = kind, data[start:end]
        if kind == b"brob" and body[:4] in (b"Exif", b"xml "):
            name, body = body[:4], bytes(imagecodecs.brotli_decode(body[4:]))
        if name == b"Exif" and len(body) > 8:
            exif = body[4 + struct.unpack_from(">I", body)[0] :].removeprefix(b"Exif\0\0")
        elif name == b"xml ":
            xmp = body
    if samples.dtype == np.float16:
        samples = samples.astype(np.float32)
    return JxlFile(samples, Metadata(icc, exif, xmp), notes)


def encode(samples: NDArray[Any], metadata: Metadata, options: dict[str, Any]) -> bytes:
    """Encode a JPEG XL in sRGB.

    Args:
        samples: (H, W, 1 to 4) uint8: what imagecodecs does not take for linear light.
        metadata: EXIF and XMP are kept.
        options: imagecodecs': lossless, distance, effort.
    """
    import imagecodecs

    pixels = samples[..., 0] if samples.shape[2] == 1 else samples
    stream = bytes(
        imagecodecs.jpegxl_encode(
            np.ascontiguousarray(pixels), usecontainer=False, numthreads=1, **options
        )
    )
    if stream.startswith(_SIGNATURE):
        stream = b"".join(stream[a:b] for k, a, b in boxes(stream) if k == b"jxlc")
    parts = [_SIGNATURE, _TYPE]
    if metadata.exif is not None:
        parts.append(_box(b"Exif", bytes(4) + metadata.exif))
    if metadata.xmp is not None:
        parts.append(_box(b"xml ", metadata.xmp))
    return b"".join((*parts, _box(b"jxlc", stream)))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body
