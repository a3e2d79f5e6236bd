"""Writing TIFF: any depth, several pages, with EXIF, GPS and maker notes where they were.

Own code, because tifffile writes no EXIF or GPS directory and libtiff's wrappers no 16-bit colour
with a profile.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from restore_cli.images import tiff
from restore_cli.images.deflate import pack
from restore_cli.images.ifd import (
    EXIF_IFD,
    LONG,
    SHORT,
    UNDEFINED,
    Field,
    Order,
    TagReader,
    header,
    integers,
    rational,
    serialise,
)
from restore_cli.images.metadata import (
    DESCRIPTIVE_TAGS,
    GEO_TAGS,
    MAKER_NOTE,
    ORIENTATION,
    RESOLUTION_UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    Metadata,
    well_formed,
)

_STRIP_BYTES = 1 << 20
_LIMIT = 0xF0000000  # offsets have 32 bits
_UNITS = {"": 1, "inch": 2, "cm": 3}


@dataclass(frozen=True, slots=True)
class Page:
    """One picture of a TIFF to write.

    Args:
        pixels: (H, W, 1) or (H, W, 3) RGB, uint8, uint16 or float32.
        alpha: (H, W) of the same dtype, or None.
        metadata: all of it is kept but PNG texts and comments.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None
    metadata: Metadata


def encode(pages: Sequence[Page]) -> bytes:
    """Encode a TIFF with deflate and a predictor.

    The file takes the byte order of the first EXIF block, so every value moves byte for byte; a
    further page whose EXIF is in the other order loses it. The first page's EXIF block lies at the
    same place as in its source, so that what a maker note points to is found.

    Args:
        pages: one or more pictures.

    Returns:
        The whole file.

    Raises:
        ValueError: the pictures do not fit into the 4 GB of a TIFF.
    """
    orders: list[Order] = [TagReader.open(p.metadata.exif).order for p in pages if p.metadata.exif]
    order: Order = orders[0] if orders else "<"
    first = pages[0].metadata.exif
    anchored = first is not None and _has_maker_note(first)
    out = bytearray(header(order, 0) + (first[8:] if first is not None and anchored else b""))
    link = 4  # where the offset of the next directory is to be written
    for number, page in enumerate(pages):
        out += b"\0" * (len(out) % 2)
        offsets, sizes, rows = _append_strips(out, page, order)
        out += b"\0" * (len(out) % 2)
        struct.pack_into(order + "I", out, link, len(out))
        fields = _described(page.metadata, order, in_place=anchored and number == 0)
        fields += _layout(page, order, offsets, sizes, rows)
        link = len(out) + 2 + 12 * len(fields)
        out += serialise(order, fields, len(out))
    return bytes(out)


def _append_strips(out: bytearray, page: Page, order: Order) -> tuple[list[int], list[int], int]:
    """Compress the samples; return offsets and sizes of the strips, and their rows."""
    pixels, alpha = page.pixels, page.alpha
    samples = pixels if alpha is None else np.dstack((pixels, alpha))
    rows = _rows_of_strip(page)
    offsets: list[int] = []
    sizes: list[int] = []
    for top in range(0, len(samples), rows):
        packed = _packed(samples[top : top + rows], order)
        offsets.append(len(out))
        sizes.append(len(packed))
        out += packed
        if len(out) > _LIMIT:
            raise ValueError("the picture does not fit into a TIFF")
    return offsets, sizes, rows


class TiffRows:
    """A TIFF of one picture under way, written from top to bottom.

    Args:
        file: where it is written to; it can seek.
        like: of the whole picture's shape and with its metadata; its values are not looked at.

    Raises:
        ValueError: it may not fit into the 4 GB of a TIFF.
    """

    def __init__(self, file: BinaryIO, like: Page) -> None:
        size = like.pixels.nbytes + (0 if like.alpha is None else like.alpha.nbytes)
        if size > _LIMIT:
            raise ValueError(f"its {size / 1e9:.1f} GB may not fit into a TIFF, which holds 4 GB")
        exif = like.metadata.exif
        self._file, self._like = file, like
        self._order: Order = "<" if exif is None else TagReader.open(exif).order
        self._anchored = exif is not None and _has_maker_note(exif)
        self._rows = _rows_of_strip(like)
        self._offsets: list[int] = []
        self._sizes: list[int] = []
        self._waiting: NDArray[Any] | None = None
        self._at = 0
        self._put(header(self._order, 0))
        self._put(exif[8:] if exif is not None and self._anchored else b"")

    def write(self, samples: NDArray[Any]) -> None:
        """Take the next rows, (rows, W, channels), alpha last."""
        if self._waiting is not None:
            samples = np.concatenate((self._waiting, samples))
        whole = len(samples) // self._rows * self._rows
        for top in range(0, whole, self._rows):
            self._strip(samples[top : top + self._rows])
        self._waiting = samples[whole:].copy()

    def close(self) -> None:
        """Write the last rows and the directory; the file stays open."""
        if self._waiting is not None and len(self._waiting):
            self._strip(self._waiting)
        self._put(b"\0" * (self._at % 2))
        at = self._at
        fields = _described(self._like.metadata, self._order, in_place=self._anchored)
        fields += _layout(self._like, self._order, self._offsets, self._sizes, self._rows)
        self._put(serialise(self._order, fields, at))
        self._file.seek(4)
        self._file.write(struct.pack(self._order + "I", at))

    def _strip(self, samples: NDArray[Any]) -> None:
        packed = _packed(samples, self._order)
        self._offsets.append(self._at)
        self._sizes.append(len(packed))
        self._put(packed)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._at += len(data)


def _rows_of_strip(page: Page) -> int:
    row = page.pixels[:1].nbytes + (0 if page.alpha is None else page.alpha[:1].nbytes)
    return max(1, _STRIP_BYTES // row)


def _packed(band: NDArray[Any], order: Order) -> bytes:
    return pack(_predicted(band, order))


def _predicted(band: NDArray[Any], order: Order) -> bytes:
    """Differences to the pixel on the left (TIFF 6.0, section 14; Technical Note 3 for floats)."""
    if band.dtype.kind != "f":
        steps = band.copy()
        np.subtract(band[:, 1:], band[:, :-1], out=steps[:, 1:])
        return steps.astype(band.dtype.newbyteorder(order), copy=False).tobytes()
    height, width, count = band.shape
    size = band.dtype.itemsize
    # The bytes of a row sorted by their weight, the heaviest first, whatever the file's order.
    big = np.ascontiguousarray(band.astype(band.dtype.newbyteorder(">")))
    planes = big.view(np.uint8).reshape(height, width * count, size).transpose(0, 2, 1)
    flat = np.ascontiguousarray(planes).reshape(height, -1)
    steps = flat.copy()
    np.subtract(flat[:, count:], flat[:, :-count], out=steps[:, count:])
    return steps.tobytes()


def _described(metadata: Metadata, order: Order, *, in_place: bool) -> list[Field]:
    """The fields that describe the photograph."""
    fields: list[Field] = []
    if metadata.exif is not None:
        block = TagReader.open(metadata.exif)
        if block.order == order:
            wanted = DESCRIPTIVE_TAGS | GEO_TAGS
            fields, _ = well_formed(block.tree(block.directory(block.first), wanted))
    if in_place:
        fields = [_anchored(field) for field in fields]
    resolution = metadata.resolution
    if resolution is not None:
        replaced = (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT)
        fields = [field for field in fields if field.tag not in replaced]
        fields.append(rational(order, X_RESOLUTION, resolution.x))
        fields.append(rational(order, Y_RESOLUTION, resolution.y))
        fields.append(integers(order, RESOLUTION_UNIT, SHORT, _UNITS[resolution.unit]))
    for tag, kind, value in (
        (tiff.XMP, 1, metadata.xmp),
        (tiff.IPTC, UNDEFINED, metadata.iptc),
        (tiff.ICC, UNDEFINED, metadata.icc),
    ):
        if value:
            fields.append(Field(tag, kind, len(value), value))
    return fields


def _has_maker_note(exif: bytes) -> bool:
    block = TagReader.open(exif)
    fields = block.tree(block.directory(block.first), (EXIF_IFD,))
    return not block.big and any(c.tag == MAKER_NOTE for field in fields for c in field.children)


def _anchored(field: Field) -> Field:
    """The maker note stays where it is: it holds offsets from the start of the block."""
    if field.tag == MAKER_NOTE:
        return replace(field, stays=True)
    return replace(field, children=tuple(map(_anchored, field.children)))


def _layout(
    page: Page, order: Order, offsets: list[int], sizes: list[int], rows: int
) -> list[Field]:
    """The fields that say how the samples are stored."""
    height, width, colors = page.pixels.shape
    dtype = page.pixels.dtype
    count = colors + (page.alpha is not None)
    is_float = dtype.kind == "f"
    fields = [
        integers(order, tiff.WIDTH, LONG, width),
        integers(order, tiff.HEIGHT, LONG, height),
        integers(order, tiff.BITS, SHORT, *[8 * dtype.itemsize] * count),
        integers(order, tiff.COMPRESSION, SHORT, 8),
        integers(order, tiff.PHOTOMETRIC, SHORT, tiff.RGB if colors == 3 else tiff.BLACK_IS_ZERO),
        integers(order, tiff.STRIPS, LONG, *offsets),
        integers(order, ORIENTATION, SHORT, 1),
        integers(order, tiff.SAMPLES, SHORT, count),
        integers(order, tiff.ROWS, LONG, rows),
        integers(order, tiff.STRIP_SIZES, LONG, *sizes),
        integers(order, tiff.PLANAR, SHORT, 1),
        integers(order, tiff.PREDICTOR, SHORT, 3 if is_float else 2),
        integers(order, tiff.FORMAT, SHORT, *[3 if is_float else 1] * count),
    ]
    if page.alpha is not None:
        fields.append(integers(order, tiff.EXTRA, SHORT, 2))
    return fields
