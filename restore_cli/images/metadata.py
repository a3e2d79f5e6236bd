"""What travels beside the pixels: EXIF, XMP, IPTC and the colour profile."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from restore_cli.images import xmp as packets
from restore_cli.images.ifd import (
    ASCII,
    BYTE,
    DOUBLE,
    EXIF_IFD,
    GPS_IFD,
    LONG,
    RATIONAL,
    SHORT,
    Directory,
    Field,
    TagReader,
    header,
    serialise,
)

ORIENTATION = 0x0112
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003
_SUBJECT_AREA, _SUBJECT_LOCATION = 0x9214, 0xA214
# The tags of a TIFF page that describe the photograph, not how its samples are stored (EXIF 2.32,
# table 3, and the Windows and Rating tags).
DESCRIPTIVE_TAGS = frozenset(
    (
        *(269, 270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432),
        *(40091, 40092, 40093, 40094, 40095, EXIF_IFD, GPS_IFD),
    )
)
GEO_TAGS = frozenset((33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113))
"""GeoTIFF (OGC 19-008r4) and GDAL's: true as long as the picture's geometry is unchanged."""
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, MAKER_NOTE = 282, 283, 296, 0x927C
# Readers refuse whole files for a wrong type or count of these: (types, count; 0 is any).
_KINDS: Mapping[int, tuple[tuple[int, ...], int]] = (
    dict.fromkeys(
        (269, 270, 271, 272, 305, 306, 315, 316, 33432, 34737, 42112, 42113), ((ASCII,), 0)
    )
    | dict.fromkeys((X_RESOLUTION, Y_RESOLUTION), ((RATIONAL,), 1))
    | dict.fromkeys((RESOLUTION_UNIT, 18246, 18249), ((SHORT,), 1))
    | dict.fromkeys((40091, 40092, 40093, 40094, 40095), ((BYTE,), 0))
    | dict.fromkeys((33550, 33922, 34264, 34736), ((DOUBLE,), 0))
    | {34735: ((SHORT,), 0), ORIENTATION: ((BYTE, SHORT, LONG), 1)}
)
_PHOTOSHOP_IPTC = 0x0404
MALFORMED = "EXIF tags of a wrong type, or that lie nowhere, were left out"


@dataclass(frozen=True, slots=True)
class Resolution:
    """How large a picture is meant to be.

    Args:
        x: pixels per unit, along a row.
        y: pixels per unit, along a column.
        unit: "inch", "cm", or "" where only the proportion is told.
    """

    x: float
    y: float
    unit: Literal["inch", "cm", ""]

    @classmethod
    def of_metres(cls, x: int, y: int) -> Resolution:
        """From whole pixels per metre, as PNG and BMP have it: mostly rounded from whole dpi."""
        inches = round(x * 0.0254), round(y * 0.0254)
        if all(round(n / 0.0254) == told for n, told in zip(inches, (x, y), strict=True)):
            return cls(*inches, "inch")
        return cls(x / 100, y / 100, "cm")

    def per(self, unit: Literal["inch", "cm"]) -> tuple[float, float]:
        """Pixels per inch or centimetre, rounded to a thousandth where units change."""
        if unit == self.unit or not self.unit:
            return self.x, self.y
        factor = 2.54 if unit == "inch" else 1 / 2.54
        return round(self.x * factor, 3), round(self.y * factor, 3)


@dataclass(frozen=True, slots=True)
class Text:
    """A text chunk of a PNG.

    Args:
        kind: "tEXt", "zTXt" or "iTXt".
        body: all of the chunk.
    """

    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says beside its pixels.

    Args:
        icc: the colour profile.
        exif: the EXIF block, starting at its byte-order mark (no "Exif" prefix).
        xmp: the XMP packet.
        iptc: the IPTC-IIM records (Photoshop resource 0x0404, TIFF tag 33723).
        resolution: how many pixels to the inch or centimetre.
        texts: a PNG's text chunks, in order.
        comment: a JPEG's or PNG's comment.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    resolution: Resolution | None = None
    texts: tuple[Text, ...] = ()
    comment: bytes | None = None


def orientation(exif: bytes | None, xmp: bytes | None) -> int:
    """Read how a picture is to be turned.

    Args:
        exif: EXIF block, or None. Its tag wins.
        xmp: XMP packet, or None. Used where EXIF says nothing, as Pillow does.

    Returns:
        1 to 8 (EXIF 2.32, tag 274); 1 where nothing valid is said.

    Raises:
        ValueError: the EXIF block cannot be read.
    """
    value = 0
    if exif is not None:
        reader = TagReader.open(exif)
        tagged = reader.numbers(reader.directory(reader.first).fields.get(ORIENTATION))
        value = tagged[0] if tagged else 0
    if not value and xmp is not None:
        value = packets.orientation(xmp)
    return value if 1 <= value <= 8 else 1


def bake(pixels: NDArray[Any], value: int) -> NDArray[Any]:
    """Turn a picture upright.

    Args:
        pixels: (H, W) or (H, W, C).
        value: EXIF orientation, 1 to 8.

    Returns:
        Contiguous pixels, (W, H, ...) for 5 to 8.
    """
    turns: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: p.swapaxes(0, 1)[:, ::-1],
        7: lambda p: p.swapaxes(0, 1)[::-1, ::-1],
        8: lambda p: p.swapaxes(0, 1)[::-1],
    }
    return np.ascontiguousarray(turns[value](pixels))


def settle_exif(exif: bytes, width: int, height: int, turned: int = 1) -> bytes:
    """Make an EXIF block true for an upright picture of this size.

    The orientation becomes 1, the pixel dimensions are set, the subject's area is turned as the
    picture was, and the thumbnail is unlinked, because it shows the picture before. All else stays
    byte for byte where it was: maker notes hold offsets that break when moved.

    Args:
        exif: the block.
        width: of the upright picture, pixels.
        height: likewise.
        turned: the orientation that was baked in, 1 to 8.

    Raises:
        ValueError: the block cannot be read.
    """
    reader = TagReader.open(exif)
    first = reader.directory(reader.first)
    block = bytearray(exif)

    def put(directory: Directory, tag: int, *values: int) -> None:
        field = directory.fields.get(tag)
        codes = {BYTE: "B", SHORT: "H", LONG: "I"}
        if field is not None and field.kind in codes and field.count == len(values):
            code = codes[field.kind]
            if max(values) < 256 ** struct.calcsize(f"={code}") and min(values) >= 0:
                form = f"{reader.order}{len(values)}{code}"
                struct.pack_into(form, block, field.position, *values)

    put(first, ORIENTATION, 1)
    if first.following:
        struct.pack_into(reader.order + ("Q" if reader.big else "I"), block, first.link, 0)
    if pointer := reader.numbers(first.fields.get(EXIF_IFD)):
        details = reader.directory(pointer[0])
        put(details, _PIXEL_X, width)
        put(details, _PIXEL_Y, height)
        for tag in (_SUBJECT_AREA, _SUBJECT_LOCATION):
            area = reader.numbers(details.fields.get(tag))
            if len(area) >= 2 and turned > 1:
                put(details, tag, *_turned_area(area, width, height, turned))
    return bytes(block)


def _turned_area(area: tuple[int, ...], width: int, height: int, turned: int) -> tuple[int, ...]:
    """Turn a centre (x, y), and a size (w, h) behind it, into an upright picture."""
    x, y, *size = area
    right, low = width - 1, height - 1
    centre = {
        2: (right - x, y),
        3: (right - x, low - y),
        4: (x, low - y),
        5: (y, x),
        6: (right - y, x),
        7: (right - y, low - x),
        8: (y, low - x),
    }[turned]
    return (*centre, *(reversed(size) if turned > 4 else size))


def exif_of_page(
    reader: TagReader, page: Directory, *, geo: bool = True
) -> tuple[bytes | None, tuple[str, ...]]:
    """Gather a TIFF page's descriptive tags, EXIF and GPS into a block of their own.

    Args:
        reader: the file's tags.
        page: the picture's.
        geo: take the GeoTIFF tags, too.

    Returns:
        The EXIF block, or None where the page has no such tags, and notes. Values are copied byte
        for byte.
    """
    wanted = DESCRIPTIVE_TAGS | GEO_TAGS if geo else DESCRIPTIVE_TAGS
    fields, notes = well_formed(reader.tree(page, wanted))
    if not fields:
        return None, notes
    exif = next((field for field in fields if field.tag == EXIF_IFD), None)
    if exif is not None and any(child.tag == MAKER_NOTE for child in exif.children):
        notes += ("its maker note was moved, and what it points to may not be found any more",)
    return header(reader.order, 8) + serialise(reader.order, fields, 8), notes


def well_formed(fields: Sequence[Field]) -> tuple[list[Field], tuple[str, ...]]:
    """Leave out tags of a type or count for which readers refuse a TIFF; with a note."""
    kept = [field for field in fields if is_right(field.tag, field.kind, field.count)]
    return kept, () if len(kept) == len(fields) else (MALFORMED,)


def is_right(tag: int, kind: int, count: int) -> bool:
    """Whether a tag of a file's first directory has a type and count that readers accept."""
    kinds, only = _KINDS.get(tag, ((kind,), 0))
    return kind in kinds and only in (0, count)


def wrap_iptc(iptc: bytes) -> bytes:
    """Put IPTC records into a Photoshop image resource block, as JPEG and PNG hold them."""
    body = struct.pack(">4sHHI", b"8BIM", _PHOTOSHOP_IPTC, 0, len(iptc)) + iptc
    return body + b"\0" * (len(iptc) % 2)


def unwrap_iptc(resources: bytes) -> bytes | None:
    """Find the IPTC records in Photoshop image resource blocks; None where there are none.

    Source: Adobe Photoshop file format, "Image resource blocks". Bare records (which some writers
    store) are returned as they are.
    """
    if resources[:1] == b"\x1c":
        return resources
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        (number,) = struct.unpack_from(">H", resources, at + 4)
        name = resources[at + 6] + 1
        at += 6 + name + name % 2
        if at + 4 > len(resources):
            return None
        (size,) = struct.unpack_from(">I", resources, at)
        if number == _PHOTOSHOP_IPTC:
            return resources[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return None
