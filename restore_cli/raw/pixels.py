"""Samples of DNG images that LibRaw does not give as they are: floating point, lossy JPEG, JPEG XL.

LibRaw turns floating point into integers by what the picture holds, applies part of the opcodes of
lossy files, and does not know JPEG XL. Source: Adobe, Digital Negative Specification 1.7.1; TIFF
6.0 and its technical note 3 (floating-point predictor).
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images import jxl
from restore_cli.images.decode import DAMAGE
from restore_cli.raw.dng_tags import Area, Dng

NONE, DEFLATE, OLD_DEFLATE, LOSSY_JPEG, JPEG_XL = 1, 8, 32946, 34892, 52546
_PREDICTOR, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = 317, 278, 322, 323
_STARTS, _SIZES = (273, 324), (279, 325)
_PLANAR = 284
# Differences run over that many samples of a row: 2 and 3 are TIFF's, the others DNG's X2 and X4.
_STEPS = {2: 1, 34892: 2, 34893: 4}
_FLOAT_STEPS = {3: 1, 34894: 2, 34895: 4}
_SUBFILE = 254
_LIBRAWS_LEAST = 22
"""LibRaw takes smaller mosaics for no RAW file."""
_CHUNK = 1 << 28
"""A tile with more bytes than that is refused."""


def read_here(dng: Dng) -> bool:
    """Whether an image's samples are read here and not by LibRaw."""
    if dng.compression in (LOSSY_JPEG, JPEG_XL):
        return True
    if dng.compression in (DEFLATE, OLD_DEFLATE):
        return True
    # LibRaw passes over what is marked as a preview.
    marked = dng.page.integer(_SUBFILE, 0) == 1 and dng.bits in (8, 16)
    small = min(dng.height, dng.width) < _LIBRAWS_LEAST and dng.bits in (8, 16)
    return dng.compression == NONE and (dng.is_float or dng.bits == 32 or small or marked)


def read_samples(dng: Dng, path: Path) -> NDArray[Any]:
    """An image's samples as they are stored.

    Args:
        dng: what the file says of it.
        path: the file, named in errors.

    Returns:
        (H, W) or (H, W, samples): float32 for floating point, else uint16 or uint32.

    Raises:
        RestoreError: they are damaged, or packed as is not supported.
    """
    page, data = dng.page, dng.page.reader.data
    if dng.samples > 1 and page.integer(_PLANAR, 1) != 1:
        raise RestoreError(f"{path}: planes that lie one behind the other are not supported")
    out = np.zeros((dng.height, dng.width, dng.samples), _kind(dng, path))
    places = list(_places(dng))
    tiled = _TILE_WIDTH in page
    starts, sizes = page.integers(_STARTS[tiled]), page.integers(_SIZES[tiled])
    if min(len(starts), len(sizes)) < len(places):
        raise _damaged(path, "parts are missing")
    for place, start, size in zip(places, starts, sizes, strict=False):
        if start + size > len(data):
            raise RestoreError(f"{path}: the file ends early", hint="copy it from the camera again")
        part = _chunk(dng, bytes(data[start : start + size]), place, path)
        inside = place.within(dng.whole)
        part = part[: inside.height, : inside.width]
        if part.shape[:2] != (inside.height, inside.width):
            raise _damaged(path, "a part is too small")
        out[inside.top : inside.bottom, inside.left : inside.right] = part
    return out[..., 0] if dng.samples == 1 else out


def linearised(codes: NDArray[Any], table: NDArray[np.uint16] | None) -> NDArray[Any]:
    """Codes through the file's LinearizationTable; beyond its end the last value holds."""
    if table is None or codes.dtype.kind == "f":
        return codes
    return table[np.minimum(codes, len(table) - 1)]


def delinearised(values: NDArray[Any], table: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The codes that a LinearizationTable turned into these values; of several the lowest."""
    codes = np.zeros(65536, np.float32)
    codes[table[::-1]] = np.arange(len(table) - 1, -1, -1, dtype=np.float32)
    return codes[values]


def relinearised(codes: NDArray[np.float32], table: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Codes, whole or not, through a LinearizationTable."""
    return np.interp(codes, np.arange(len(table)), table).astype(np.float32)


def _kind(dng: Dng, path: Path) -> np.dtype[Any]:
    if dng.is_float:
        if dng.bits not in (16, 24, 32):
            raise RestoreError(f"{path}: floating point of {dng.bits} bits is not supported")
        return np.dtype(np.float32)
    if dng.compression in (NONE, DEFLATE, OLD_DEFLATE) and dng.bits not in (8, 16, 32):
        raise RestoreError(f"{path}: deflated samples of {dng.bits} bits are not supported")
    return np.dtype(np.uint32 if dng.bits == 32 else np.uint16)


def _places(dng: Dng) -> Iterator[Area]:
    """The areas of strips or tiles, in the file's order; edge tiles reach beyond the picture."""
    page = dng.page
    if _TILE_WIDTH in page:
        height, width = page.integer(_TILE_HEIGHT, 0), page.integer(_TILE_WIDTH, 0)
    else:
        height, width = min(page.integer(_ROWS, dng.height), dng.height), dng.width
    if height < 1 or width < 1:
        return
    for top in range(0, dng.height, height):
        # The last strip is cut off, the last tile is not.
        bottom = top + height if _TILE_WIDTH in page else min(top + height, dng.height)
        for left in range(0, dng.width, width):
            yield Area(top, left, bottom, left + width)


def _chunk(dng: Dng, data: bytes, place: Area, path: Path) -> NDArray[Any]:
    if dng.compression in (LOSSY_JPEG, JPEG_XL):
        lossy = dng.compression == LOSSY_JPEG
        part = _jpeg(data, path) if lossy else _jpeg_xl(data, place, path)
        part = part[..., None] if part.ndim == 2 else part
        if part.shape[2] != dng.samples:
            raise _damaged(path, f"{part.shape[2]} colours where {dng.samples} are announced")
        return part
    size = place.height * place.width * dng.samples * (dng.bits // 8)
    if size > _CHUNK:
        raise RestoreError(f"{path}: its parts are too large to be read")
    if dng.compression != NONE:
        try:
            # Never more than there must be, whatever the stream holds.
            data = zlib.decompressobj().decompress(data, size)
        except zlib.error as error:
            raise _damaged(path, str(error)) from error
    if len(data) < size:
        raise _damaged(path, "a part is too small")
    rows = np.frombuffer(data, np.uint8, size).reshape(place.height, -1)
    predictor = dng.page.integer(_PREDICTOR, 1)
    order = dng.page.reader.order
    shape = (place.height, place.width, dng.samples)
    if dng.is_float:
        return _floats(rows, dng, predictor, order, path).reshape(shape)
    values = rows.view(f"{order}u{dng.bits // 8}").reshape(shape)
    if predictor in _STEPS:
        values = _summed(values, _STEPS[predictor])
    elif predictor != 1:
        raise RestoreError(f"{path}: its predictor {predictor} is not supported")
    return values


def _summed(values: NDArray[Any], step: int) -> NDArray[Any]:
    """Sums of differences along rows, modulo the type, over samples `step` places apart."""
    out = values.astype(values.dtype.newbyteorder("="))
    for first in range(min(step, out.shape[1])):
        np.cumsum(out[:, first::step], axis=1, dtype=out.dtype, out=out[:, first::step])
    return out


def _floats(
    rows: NDArray[np.uint8], dng: Dng, predictor: int, order: str, path: Path
) -> NDArray[np.float32]:
    size = dng.bits // 8
    if predictor in _FLOAT_STEPS:
        step = _FLOAT_STEPS[predictor] * dng.samples
        summed = _summed(rows[..., None], step)[..., 0]
        # A row's highest bytes come first, then the next ones.
        planes = summed.reshape(len(rows), size, -1)
        rows = np.ascontiguousarray(planes.transpose(0, 2, 1)).reshape(len(rows), -1)
        order = ">"
    elif predictor != 1:
        raise RestoreError(f"{path}: its predictor {predictor} is not supported")
    if size == 3:
        return _from_24_bits(rows.reshape(len(rows), -1, 3), order)
    with np.errstate(over="ignore"):
        return rows.view(f"{order}f{size}").astype(np.float32)


def _from_24_bits(triples: NDArray[np.uint8], order: str) -> NDArray[np.float32]:
    """DNG's 24-bit floats: a sign, 7 bits of exponent with bias 64, 16 of fraction."""
    high, middle, low = (
        triples[..., i].astype(np.uint32) for i in ((0, 1, 2) if order == ">" else (2, 1, 0))
    )
    code = (high << 16) | (middle << 8) | low
    exponent = ((code >> 16) & 127).astype(np.int32)
    fraction = (code & 0xFFFF).astype(np.float64) / 65536
    value = np.where(
        exponent == 0,
        np.ldexp(fraction, -62),
        np.where(exponent == 127, np.inf, np.ldexp(1 + fraction, exponent - 64)),
    )
    return np.where(code >> 23, -value, value).astype(np.float32)


def _jpeg(data: bytes, path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if image.width * image.height * 3 > _CHUNK:
                raise _damaged(path, "a part claims too many pixels")
            return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    except DAMAGE as error:
        raise _damaged(path, str(error)) from error


def _jpeg_xl(data: bytes, place: Area, path: Path) -> NDArray[Any]:
    try:
        from imagecodecs import jpegxl_decode
    except ImportError as error:
        raise RestoreError(
            f"{path}: JPEG XL is not supported in this installation",
            hint="install it with: pip install 'restore-cli[jxl]'",
        ) from error
    # A few bytes can claim a gigapixel: asked of the header, before memory is taken.
    width, height = jxl.size(data) or (0, 0)
    if not 0 < width * height <= min(place.height * place.width, _CHUNK // 12):
        raise _damaged(path, f"a part of {width} x {height} pixels where there must be others")
    try:
        part = np.asarray(jpegxl_decode(data, numthreads=1))
    except (RuntimeError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if part.ndim not in (2, 3):
        raise _damaged(path, "a part is an animation")
    return part


def _damaged(path: Path, why: str) -> RestoreError:
    return RestoreError(
        f"{path}: the RAW data is damaged or cut off ({why})", hint="copy it from the camera again"
    )
