"""BMP: profiles, resolution, and the bit fields that Pillow does not read (Windows BITMAPV5)."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore_cli.images.ifd import Buffer
from restore_cli.images.metadata import Metadata, Resolution
from restore_cli.images.primaries import Described, of_chunks
from restore_cli.images.refusal import NotSupportedError

_BITFIELDS, _ALPHA_BITFIELDS = 3, 6
_EMBEDDED, _LINKED, _CALIBRATED = 0x4D424544, 0x4C494E4B, 0


def metadata(data: Buffer) -> tuple[Metadata, tuple[str, ...]]:
    """Read resolution and colours; and notes.

    Raises:
        ValueError: the profile lies beyond the end.
        struct.error: the header is cut off.
    """
    (size,) = struct.unpack_from("<I", data, 14)
    resolution, icc, notes = None, None, ()
    if size >= 40:
        x, y = struct.unpack_from("<ii", data, 38)
        if x > 0 and y > 0:
            resolution = Resolution.of_metres(x, y)
    if size >= 108:
        colors = _colors(data, size)
        icc = colors.icc
        notes = (colors.note,) if colors.note else ()
    return Metadata(icc=icc, resolution=resolution), notes


def _colors(data: Buffer, size: int) -> Described:
    (kind,) = struct.unpack_from("<I", data, 14 + 56)
    if kind == _LINKED:
        return Described(None, "its colour profile lies in another file: read as sRGB")
    if kind == _EMBEDDED and size >= 124:
        start, length = struct.unpack_from("<II", data, 14 + 112)
        if 14 + start + length > len(data):
            raise ValueError("the file ends early")
        return Described(bytes(data[14 + start : 14 + start + length]))
    if kind == _CALIBRATED:
        ends = struct.unpack_from("<9i", data, 14 + 60)
        gammas = struct.unpack_from("<3I", data, 14 + 96)
        sums = [sum(ends[at : at + 3]) for at in (0, 3, 6)]
        if all(sums) and all(gammas):
            xy = tuple(
                ends[at + i] / total
                for at, total in zip((0, 3, 6), sums, strict=True)
                for i in (0, 1)
            )
            return of_chunks(65536 / gammas[0], (0.3127, 0.329, *xy), grey=False)
    return Described(None)


def read_samples(data: bytes) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Decode the pixels.

    Returns:
        (H, W, 1 or 3) uint8, and alpha (H, W) or None.

    Raises:
        NotSupportedError: a JPEG or PNG within, or an unknown compression.
        ValueError, OSError: the file is damaged.
    """
    (size,) = struct.unpack_from("<I", data, 14)
    bits, compression = struct.unpack_from("<HI", data, 28) if size >= 40 else (24, 0)
    if compression in (_BITFIELDS, _ALPHA_BITFIELDS) and bits in (16, 32):
        return _read_fields(data, size, bits, compression)
    if compression > 2:
        raise NotSupportedError(f"a BMP of compression {compression}")
    with Image.open(io.BytesIO(data), formats=("BMP",)) as image:
        samples = np.array(
            image.convert("RGB" if image.mode in ("P", "RGB", "RGBX") else image.mode)
        )
        if image.mode == "1":
            samples = np.array(image.convert("L"))
    if samples.ndim == 2:
        return samples[..., None], None
    alpha = samples[..., 3] if samples.shape[2] == 4 else None
    return samples[..., :3], alpha if alpha is not None and alpha.any() else None


def _read_fields(
    data: bytes, size: int, bits: int, compression: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Pixels of 16 or 32 bits with any masks."""
    (start,) = struct.unpack_from("<I", data, 10)
    width, height = struct.unpack_from("<ii", data, 18)
    has_alpha = size >= 56 or compression == _ALPHA_BITFIELDS
    masks = struct.unpack_from("<4I" if has_alpha else "<3I", data, 54)
    stride = (width * bits + 31) // 32 * 4
    rows = abs(height)
    if width <= 0 or rows == 0 or start + stride * rows > len(data):
        raise ValueError("the file ends early")
    codes = np.frombuffer(data, np.uint8, stride * rows, start).reshape(rows, stride)
    codes = codes[:, : width * bits // 8].copy().view(f"<u{bits // 8}").astype(np.uint32)
    if height > 0:
        codes = codes[::-1]
    planes = [_field(codes, mask) for mask in masks]
    if masks[0] == 0 and masks[1] == 0 and masks[2] == 0:
        raise ValueError("its colour masks are empty")
    alpha = planes[3] if len(planes) == 4 and masks[3] else None
    return np.dstack(planes[:3]), alpha


def _field(codes: NDArray[np.uint32], mask: int) -> NDArray[np.uint8]:
    if mask == 0:
        return np.zeros(codes.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    top = mask >> shift
    values = (codes & np.uint32(mask)) >> np.uint32(shift)
    scaled = (values.astype(np.uint64) * np.uint64(510) + np.uint64(top)) // np.uint64(2 * top)
    return scaled.astype(np.uint8)


def encode(pixels: NDArray[np.uint8], resolution: Resolution | None) -> bytes:
    """Encode (H, W, 1 or 3) as a plain BMP."""
    out = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.save(out, "BMP")
    data = bytearray(out.getvalue())
    x, y = (0, 0) if resolution is None else resolution.per("cm")
    if resolution is not None and not resolution.unit:
        x, y = 0, 0
    struct.pack_into("<ii", data, 38, round(x * 100), round(y * 100))
    return bytes(data)
