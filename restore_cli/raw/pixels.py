"""Samples of DNG images that LibRaw does not give as they are: floating point, lossy JPEG, JPEG XL.

LibRaw turns floating point into integers by what the picture holds, applies part of the opcodes of
lossy files, takes planes one behind the other and tiles larger than the picture for what they are
not, and does not know JPEG XL. Source: Adobe, Digital Negative Specification 1.7.1; TIFF
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
from restore_cli.images import jpeg, jxl
from restore_cli.images.decode import DAMAGE
from restore_cli.raw.dng_tags import Area, Dng

NONE, LOSSLESS_JPEG, DEFLATE, OLD_DEFLATE, LOSSY_JPEG, JPEG_XL = 1, 7, 8, 32946, 34892, 52546
_READ = (NONE, LOSSLESS_JPEG, DEFLATE, OLD_DEFLATE, LOSSY_JPEG, JPEG_XL)
_UNREAD = {
    5: "LZW",
    9: "VC-5 (GoPro)",
    32773: "PackBits",
    34713: "Nikon's compression in a DNG file",
    34925: "LZMA",
    34933: "PNG",
    50000: "Zstandard",
    50001: "WebP",
}
_PREDICTOR, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = 317, 278, 322, 323
_STARTS, _SIZES = (273, 324), (279, 325)
_PLANAR = 284
# Differences run over that many samples of a row: 2 and 3 are TIFF's, the others DNG's X2 and X4.
_STEPS = {2: 1, 34892: 2, 34893: 4}
_FLOAT_STEPS = {3: 1, 34894: 2, 34895: 4}
_SUBFILE = 254
_LIBRAWS_LEAST = 22
"""LibRaw takes smaller mosaics for no RAW file."""
_LOSSLESS, _HEAD = 0xC3, 1 << 16
_LINES = 256  # rows at a time
_CHUNK = 1 << 28
"""A tile with more bytes than that is refused."""


def check_compression(dng: Dng, path: Path) -> None:
    """Raises RestoreError: its samples are compressed in a way that nothing here reads."""
    if dng.compression not in _READ:
        name = _UNREAD.get(dng.compression, "its compression")
        raise RestoreError(
            f"{path}: {name} (compression {dng.compression}) is not supported",
            hint="write it uncompressed, or as lossless JPEG; Adobe's DNG Converter does",
        )


def read_here(dng: Dng) -> bool:
    """Whether an image's samples are read here and not by LibRaw."""
    if dng.compression in (LOSSY_JPEG, JPEG_XL, DEFLATE, OLD_DEFLATE):
        return True
    page = dng.page
    # LibRaw reads rows of the picture's width where a single tile has longer ones.
    tile = page.integer(_TILE_HEIGHT, 0) > dng.height or page.integer(_TILE_WIDTH, 0) > dng.width
    if tile or _planes(dng) > 1 or (dng.compression == LOSSLESS_JPEG and not _is_lossless(dng)):
        return True
    # LibRaw passes over what is marked as a preview.
    marked = page.integer(_SUBFILE, 0) == 1
    small = min(dng.height, dng.width) < _LIBRAWS_LEAST
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
    page, data, planes = dng.page, dng.page.reader.data, _planes(dng)
    out = np.zeros((dng.height, dng.width, dng.samples), _kind(dng, path))
    places = list(_places(dng, path))
    tiled = _TILE_WIDTH in page
    starts, sizes = page.integers(_STARTS[tiled]), page.integers(_SIZES[tiled])
    if min(len(starts), len(sizes)) < len(places) * planes:
        raise _damaged(path, "parts are missing")
    for number, (place, start, size) in enumerate(
        zip(places * planes, starts, sizes, strict=False)
    ):
        if start + size > len(data):
            raise RestoreError(f"{path}: the file ends early", hint="copy it from the camera again")
        first = number // len(places)
        samples = slice(first, first + 1) if planes > 1 else slice(0, dng.samples)
        count = samples.stop - samples.start
        part = _chunk(dng, bytes(data[start : start + size]), place, count, path)
        inside = place.within(dng.whole)
        part = part[: inside.height, : inside.width]
        if part.shape[:2] != (inside.height, inside.width):
            raise _damaged(path, "a part is too small")
        out[inside.top : inside.bottom, inside.left : inside.right, samples] = part
    return out[..., 0] if dng.samples == 1 else out


def _is_lossless(dng: Dng) -> bool:
    """Whether all parts are lossless JPEGs; of others LibRaw leaves what its memory held."""
    page, data = dng.page, dng.page.reader.data
    try:
        return all(
            jpeg.frame(bytes(data[start : start + _HEAD])).marker == _LOSSLESS
            for start in page.integers(_STARTS[_TILE_WIDTH in page])
        )
    except ValueError:
        return False


def _planes(dng: Dng) -> int:
    """How many planes lie one behind the other: 1 where the samples of a place lie together."""
    return dng.samples if dng.page.integer(_PLANAR, 1) == 2 else 1


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
    whole = (8, 16, 32)
    allowed = {
        NONE: (*range(1, 17), 32), LOSSLESS_JPEG: range(1, 17), DEFLATE: whole, OLD_DEFLATE: whole
    }  # fmt: skip
    if dng.bits not in allowed.get(dng.compression, (dng.bits,)):
        raise RestoreError(f"{path}: samples of {dng.bits} bits are not supported here")
    return np.dtype(np.uint32 if dng.bits == 32 else np.uint16)


def _places(dng: Dng, path: Path) -> Iterator[Area]:
    """The areas of strips or tiles, in the file's order; edge tiles reach beyond the picture."""
    page = dng.page
    if _TILE_WIDTH in page:
        height, width = page.integer(_TILE_HEIGHT, 0), page.integer(_TILE_WIDTH, 0)
    else:
        height, width = min(page.integer(_ROWS, dng.height), dng.height), dng.width
    if height < 1 or width < 1:
        raise _damaged(path, "its strips or tiles have no size")
    for top in range(0, dng.height, height):
        # The last strip is cut off, the last tile is not.
        bottom = top + height if _TILE_WIDTH in page else min(top + height, dng.height)
        for left in range(0, dng.width, width):
            yield Area(top, left, bottom, left + width)


def _chunk(dng: Dng, data: bytes, place: Area, samples: int, path: Path) -> NDArray[Any]:
    """A strip or tile, (h, w, samples)."""
    shape = (place.height, place.width, samples)
    lossless = dng.compression == LOSSLESS_JPEG and _frame(data, path).marker == _LOSSLESS
    if lossless:
        return _lossless_jpeg(data, shape, path)
    if dng.compression in (LOSSLESS_JPEG, LOSSY_JPEG, JPEG_XL):
        part = _jpeg_xl(data, place, path) if dng.compression == JPEG_XL else _jpeg(data, path)
        part = part[..., None] if part.ndim == 2 else part
        if part.shape[2] != samples:
            raise _damaged(path, f"{part.shape[2]} colours where {samples} are announced")
        return part
    line = (place.width * samples * dng.bits + 7) // 8
    size = place.height * line
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
    order = dng.page.reader.order
    if dng.is_float:
        return _floats(rows, dng, samples, path).reshape(shape)
    if dng.bits % 8:
        return _unpacked(rows, dng.bits, place.width * samples).reshape(shape)
    predictor = dng.page.integer(_PREDICTOR, 1)
    values = rows.view(f"{order}u{dng.bits // 8}").reshape(shape)
    if predictor in _STEPS:
        values = _summed(values, _STEPS[predictor])
    elif predictor != 1:
        raise RestoreError(f"{path}: its predictor {predictor} is not supported")
    return values


def _unpacked(rows: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.uint16]:
    """Samples of any number of bits below 16, the highest first; rows begin at whole bytes."""
    out = np.zeros((len(rows), count), np.uint16)
    for top in range(0, len(rows), _LINES):
        part = np.unpackbits(rows[top : top + _LINES], axis=1, count=count * bits)
        for place in range(bits):
            out[top : top + _LINES] |= part[:, place::bits].astype(np.uint16) << (bits - 1 - place)
    return out


def _summed(values: NDArray[Any], step: int) -> NDArray[Any]:
    """Sums of differences along rows, modulo the type, over samples `step` places apart."""
    out = values.astype(values.dtype.newbyteorder("="))
    for first in range(min(step, out.shape[1])):
        np.cumsum(out[:, first::step], axis=1, dtype=out.dtype, out=out[:, first::step])
    return out


def _floats(rows: NDArray[np.uint8], dng: Dng, samples: int, path: Path) -> NDArray[np.float32]:
    size, order = dng.bits // 8, dng.page.reader.order
    predictor = dng.page.integer(_PREDICTOR, 1)
    if predictor in _FLOAT_STEPS:
        step = _FLOAT_STEPS[predictor] * samples
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


def _frame(data: bytes, path: Path) -> jpeg.Frame:
    try:
        return jpeg.frame(data)
    except ValueError as error:
        raise _damaged(path, str(error)) from error


def _jpeg(data: bytes, path: Path) -> NDArray[np.uint8]:
    if (bits := _frame(data, path).bits) != 8:
        raise RestoreError(f"{path}: lossy JPEG of {bits} bits is not supported")
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if image.width * image.height * 3 > _CHUNK:
                raise _damaged(path, "a part claims too many pixels")
            return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    except DAMAGE as error:
        raise _damaged(path, str(error)) from error


def _lossless_jpeg(data: bytes, shape: tuple[int, int, int], path: Path) -> NDArray[np.uint16]:
    """A part whose samples count, whatever width and height its JPEG has."""
    from imagecodecs import ljpeg_decode

    wanted = shape[0] * shape[1] * shape[2]
    claimed = _frame(data, path).samples
    try:
        part = np.asarray(ljpeg_decode(data)) if claimed == wanted else np.empty(0)
    except (RuntimeError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if part.size != wanted:
        raise _damaged(path, f"a part of {claimed} samples where there must be {wanted}")
    return part.astype(np.uint16).reshape(shape)


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
