"""TIFF: what it holds, its 16-bit samples, and writing it (TIFF 6.0).

Pillow reads 16-bit colour at 8 bits and OpenCV reads some layouts wrongly, so the layout is read
here, and what OpenCV's libtiff cannot take is handed to it as plain grey pages. Writing is done
here because neither library writes 16-bit colour with EXIF and a profile.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_cli.images.ifd import (
    LONG,
    SHORT,
    UNDEFINED,
    Buffer,
    Directory,
    Field,
    TagReader,
    header,
    integers,
    serialise,
)
from restore_cli.images.metadata import (
    DESCRIPTIVE_TAGS,
    ORIENTATION,
    Metadata,
    exif_of_page,
    orientation,
    unwrap_iptc,
)

_XMP, _IPTC, _PHOTOSHOP, _ICC = 700, 33723, 34377, 34675
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIPS, _SAMPLES, _ROWS, _STRIP_SIZES, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_TILE_W, _TILE_H, _TILES, _TILE_SIZES, _EXTRA, _FORMAT = 322, 323, 324, 325, 338, 339
_DNG_VERSION = 50706
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5
_STRIP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class TiffFile:
    """A TIFF's first full picture.

    Args:
        reader: the file's tags.
        page: the picture's tags.
        pages: how many full pictures the file has (thumbnails and masks do not count).
        raw: True for a DNG.
        width: pixels.
        height: pixels.
        bits: per sample, one for each.
        formats: sample formats that occur; 1 is unsigned, 2 signed, 3 floating point.
        photometric: 0 and 1 grey, 2 RGB, 5 CMYK, ...
        planar: True where the channels lie apart.
        extra: what the samples beyond the colour are: 1 premultiplied alpha, 2 alpha, 0 unknown.
        metadata: profile, EXIF, XMP, IPTC.
        orientation: EXIF orientation, 1 to 8.
    """

    reader: TagReader
    page: Directory
    pages: int
    raw: bool
    width: int
    height: int
    bits: tuple[int, ...]
    formats: frozenset[int]
    photometric: int
    planar: bool
    extra: tuple[int, ...]
    metadata: Metadata
    orientation: int


def inspect(data: Buffer) -> TiffFile:
    """Read everything but the pixels.

    Args:
        data: the whole file.

    Raises:
        ValueError: the file is truncated or damaged.
    """
    reader = TagReader.open(data)
    chain = reader.chain()

    def number(page: Directory, tag: int, default: int) -> int:
        return (reader.numbers(page.fields.get(tag)) or (default,))[0]

    full = [page for page in chain if not number(page, _SUBFILE, 0) & 5]
    if not full:
        raise ValueError("it holds no picture")
    page = full[0]
    fields = page.fields
    for offsets, sizes in ((_STRIPS, _STRIP_SIZES), (_TILES, _TILE_SIZES)):
        ends = zip(
            reader.numbers(fields.get(offsets)), reader.numbers(fields.get(sizes)), strict=False
        )
        if any(start + size > len(data) for start, size in ends):
            raise ValueError("the file ends early")
    samples = number(page, _SAMPLES, 1)
    bits = reader.numbers(fields.get(_BITS)) or (1,)
    photometric = number(page, _PHOTOMETRIC, BLACK_IS_ZERO)
    extra = reader.numbers(fields.get(_EXTRA))
    missing = samples - {RGB: 3, CMYK: 4, 6: 3, 8: 3}.get(photometric, 1) - len(extra)
    icc, xmp = (fields[tag].raw if tag in fields else None for tag in (_ICC, _XMP))
    turned = number(page, ORIENTATION, 0) or orientation(None, xmp)
    return TiffFile(
        reader=reader,
        page=page,
        pages=len(full),
        raw=any(_DNG_VERSION in each.fields for each in chain),
        width=number(page, _WIDTH, 0),
        height=number(page, _HEIGHT, 0),
        bits=bits if len(bits) == samples else bits[:1] * samples,
        formats=frozenset(reader.numbers(fields.get(_FORMAT)) or (1,)),
        photometric=photometric,
        planar=number(page, _PLANAR, 1) == 2 and samples > 1,
        # Writers that forget to name a fourth channel mean alpha.
        extra=extra + (2,) * max(missing, 0),
        metadata=Metadata(
            icc=icc, exif=exif_of_page(reader, page), xmp=xmp, iptc=_iptc(reader, page)
        ),
        orientation=turned if 1 <= turned <= 8 else 1,
    )


def single_upright_page(data: Buffer, tiff: TiffFile) -> bytearray:
    """The same file with only the inspected page, marked as upright, for any decoder."""
    out = bytearray(data)
    order, word = tiff.reader.order, "Q" if tiff.reader.big else "I"
    struct.pack_into(order + word, out, 8 if tiff.reader.big else 4, tiff.page.offset)
    if tiff.page.following:
        struct.pack_into(order + word, out, tiff.page.link, 0)
    turned = tiff.page.fields.get(ORIENTATION)
    if turned is not None and turned.kind == SHORT:
        struct.pack_into(order + "H", out, turned.position, 1)
    return out


def read_16_bit(data: Buffer, tiff: TiffFile) -> NDArray[np.uint16] | None:
    """Decode grey or RGB samples of 16 bits.

    Args:
        data: the whole file.
        tiff: its layout, all samples of 16 bits.

    Returns:
        (H, W, C) with all samples, as stored: alpha, if any, still premultiplied where `extra`
        says so; white-is-zero turned round. None where the data cannot be decoded.
    """
    count = len(tiff.bits)
    if tiff.planar:
        planes = [_decode(_grey_page(data, tiff, plane, count)) for plane in range(count)]
        known = [plane for plane in planes if plane is not None]
        out = np.dstack(known) if len(known) == count else None
    elif count in (1, 3, 4):
        out = _decode(single_upright_page(data, tiff))
        if out is not None and count > 2:
            code = cv2.COLOR_BGR2RGB if count == 3 else cv2.COLOR_BGRA2RGBA
            cv2.cvtColor(out, code, dst=out)
    else:
        out = _read_interleaved(data, tiff)
    if out is None or out.dtype != np.uint16:
        return None
    out = out.reshape(out.shape[0], out.shape[1], -1)
    if out.shape != (tiff.height, tiff.width, count):
        return None
    if tiff.photometric == WHITE_IS_ZERO:
        np.subtract(65535, out[..., 0], out=out[..., 0])
    return out


def encode(pixels: NDArray[Any], alpha: NDArray[Any] | None, metadata: Metadata) -> bytes:
    """Encode a TIFF with deflate and the horizontal predictor.

    Args:
        pixels: (H, W, 1) or (H, W, 3) RGB, uint8 or uint16.
        alpha: (H, W) of the same dtype, or None.
        metadata: all of it is kept. The file takes the byte order of the EXIF block, so every
            value moves byte for byte.

    Returns:
        The whole file.

    Raises:
        ValueError: the picture does not fit into the 4 GB of a TIFF.
    """
    samples = pixels if alpha is None else np.dstack((pixels, alpha))
    height, width, count = samples.shape
    described, order = list[Field](), "<"
    if metadata.exif is not None:
        block = TagReader.open(metadata.exif)
        order = block.order
        described = block.tree(block.directory(block.first), DESCRIPTIVE_TAGS)
    rows = max(1, _STRIP_BYTES // (width * count * samples.dtype.itemsize))
    stored = samples.dtype.newbyteorder(order)
    strips: list[bytes] = []
    for top in range(0, height, rows):
        band = samples[top : top + rows]
        steps = band.copy()
        np.subtract(band[:, 1:], band[:, :-1], out=steps[:, 1:])
        strips.append(zlib.compress(steps.astype(stored, copy=False).tobytes(), 3))
    sizes = [len(strip) for strip in strips]
    offsets = _starts(sizes)
    first = 8 + sum(sizes) + sum(sizes) % 2
    if first > 0xF0000000:
        raise ValueError("the picture does not fit into a TIFF")
    fields = [
        *described,
        integers(order, _WIDTH, LONG, width),
        integers(order, _HEIGHT, LONG, height),
        integers(order, _BITS, SHORT, *[8 * samples.dtype.itemsize] * count),
        integers(order, _COMPRESSION, SHORT, 8),
        integers(order, _PHOTOMETRIC, SHORT, RGB if pixels.shape[2] == 3 else BLACK_IS_ZERO),
        integers(order, _STRIPS, LONG, *offsets),
        integers(order, ORIENTATION, SHORT, 1),
        integers(order, _SAMPLES, SHORT, count),
        integers(order, _ROWS, LONG, rows),
        integers(order, _STRIP_SIZES, LONG, *sizes),
        integers(order, _PLANAR, SHORT, 1),
        integers(order, _PREDICTOR, SHORT, 2),
    ]
    if alpha is not None:
        fields.append(integers(order, _EXTRA, SHORT, 2))
    for tag, kind, value in (
        (_XMP, 1, metadata.xmp),
        (_IPTC, UNDEFINED, metadata.iptc),
        (_ICC, UNDEFINED, metadata.icc),
    ):
        if value:
            fields.append(Field(tag, kind, len(value), value))
    body = b"".join(strips)
    return b"".join(
        (header(order, first), body, b"\0" * (len(body) % 2), serialise(order, fields, first))
    )


def _starts(sizes: list[int]) -> list[int]:
    # Strips follow the header of eight bytes without gaps.
    return [8, *(8 + int(end) for end in np.cumsum(sizes[:-1]))]


def _iptc(reader: TagReader, page: Directory) -> bytes | None:
    field = page.fields.get(_IPTC)
    if field is not None:
        if field.kind != LONG:
            return field.raw
        # A famous old mistake: the bytes stored as words, so in the file's byte order.
        return struct.pack(f">{field.count}I", *reader.numbers(field)).rstrip(b"\0")
    field = page.fields.get(_PHOTOSHOP)
    return unwrap_iptc(field.raw) if field is not None else None


def _decode(file: Buffer) -> NDArray[Any] | None:
    return cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)


def _grey_page(data: Buffer, tiff: TiffFile, plane: int, planes: int, widen: int = 1) -> bytes:
    """Make a TIFF of one grey channel out of some of a file's strips or tiles.

    Args:
        data: the whole file.
        tiff: its layout.
        plane: which share of the strips to take.
        planes: into how many shares they fall.
        widen: samples per pixel that are to lie side by side as grey pixels; the predictor is
            then switched off, and left to the caller.
    """
    reader, fields = tiff.reader, tiff.page.fields
    order = reader.order
    tiled = _TILES in fields
    names = (_TILES, _TILE_SIZES) if tiled else (_STRIPS, _STRIP_SIZES)
    offsets, sizes = (reader.numbers(fields.get(name)) for name in names)
    share = slice(plane * len(offsets) // planes, (plane + 1) * len(offsets) // planes)
    parts = [
        bytes(data[at : at + size]) for at, size in zip(offsets[share], sizes[share], strict=True)
    ]
    lengths = [len(part) for part in parts]
    first = 8 + sum(lengths) + sum(lengths) % 2

    def number(tag: int, default: int) -> int:
        return (reader.numbers(fields.get(tag)) or (default,))[0]

    kept = [
        integers(order, _WIDTH, LONG, tiff.width * widen),
        integers(order, _HEIGHT, LONG, tiff.height),
        integers(order, _BITS, SHORT, 16),
        integers(order, _COMPRESSION, SHORT, number(_COMPRESSION, 1)),
        integers(order, _PHOTOMETRIC, SHORT, BLACK_IS_ZERO),
        integers(order, _SAMPLES, SHORT, 1),
        integers(order, _PREDICTOR, SHORT, 1 if widen > 1 else number(_PREDICTOR, 1)),
        integers(order, names[0], LONG, *_starts(lengths)),
        integers(order, names[1], LONG, *lengths),
    ]
    if tiled:
        kept.append(integers(order, _TILE_W, LONG, number(_TILE_W, 0) * widen))
        kept.append(integers(order, _TILE_H, LONG, number(_TILE_H, 0)))
    else:
        kept.append(integers(order, _ROWS, LONG, min(number(_ROWS, tiff.height), tiff.height)))
    body = b"".join(parts)
    return header(order, first) + body + b"\0" * (len(body) % 2) + serialise(order, kept, first)


def _read_interleaved(data: Buffer, tiff: TiffFile) -> NDArray[np.uint16] | None:
    """Decode interleaved samples of any number: as grey pixels side by side."""
    count = len(tiff.bits)
    flat = _decode(_grey_page(data, tiff, 0, 1, widen=count))
    if flat is None or flat.shape != (tiff.height, tiff.width * count):
        return None
    out: NDArray[np.uint16] = flat.reshape(tiff.height, tiff.width, count).astype(np.uint16)
    predictor = tiff.reader.numbers(tiff.page.fields.get(_PREDICTOR))
    if predictor == (2,):
        across = tiff.reader.numbers(tiff.page.fields.get(_TILE_W)) or (tiff.width,)
        for left in range(0, tiff.width, max(across[0], 1)):
            part = out[:, left : left + across[0]]
            np.cumsum(part, axis=1, dtype=np.uint16, out=part)  # sums wrap, as the predictor's do
    return out
