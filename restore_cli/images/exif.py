"""EXIF blocks (EXIF 2.32): resolution, thumbnail, and what they say of colours."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from restore_cli.images.ifd import (
    EXIF_IFD,
    INTEROP_IFD,
    LONG,
    POINTERS,
    RATIONAL,
    SHORT,
    SIZES,
    Field,
    TagReader,
    header,
    integers,
    serialise,
)
from restore_cli.images.metadata import (
    MAKER_NOTE,
    MALFORMED,
    RESOLUTION_UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    Resolution,
    is_right,
    orientation,
    settle_exif,
)

_COLOR_SPACE, _THUMBNAIL = 0xA001, 0x0201


def usable(exif: bytes) -> tuple[bytes | None, tuple[str, ...]]:
    """A block that every reader can read, or None; and notes on what was wrong with it."""
    try:
        block, lost = mended(exif)
        orientation(block, None)
        has_thumbnail(block)
        if mended(settle_exif(block, 1, 1))[1]:
            raise ValueError("its entries lie over each other")
    except (ValueError, struct.error):
        return None, ("its EXIF block is damaged and was ignored",)
    return block, (MALFORMED,) if lost else ()


def mended(exif: bytes) -> tuple[bytes, bool]:
    """Take out entries that other readers refuse a file for: wrong types, values that lie nowhere.

    All else stays byte for byte where it was: maker notes hold offsets that break when moved.

    Args:
        exif: the block.

    Returns:
        The block, and whether anything was taken out.

    Raises:
        ValueError: its header or first directory cannot be read.
    """
    reader = TagReader.open(exif)
    block = bytearray(exif)
    if reader.big:
        return exif, False
    if not _mend(block, reader, reader.first, 0):
        raise ValueError("a tag directory is cut off")
    return bytes(block), bytes(block) != exif


def _mend(block: bytearray, reader: TagReader, offset: int, depth: int) -> bool:
    """Mend a directory and those below it, in place; False where there is none."""
    order = reader.order
    if offset < 8 or offset + 2 > len(block) or depth > 2:
        return False
    (count,) = struct.unpack_from(order + "H", block, offset)
    start, end = offset + 2, offset + 2 + 12 * count
    if count == 0 or end > len(block):
        return False
    kept = bytearray()
    for at in range(start, end, 12):
        tag, kind, number, value = struct.unpack_from(order + "HHII", block, at)
        size = SIZES.get(kind, 0) * number
        good = size <= 4 or value + size <= len(block)
        if tag in POINTERS:
            good = kind in (LONG, 13) and number == 1 and _mend(block, reader, value, depth + 1)
        elif depth == 0:
            good = good and size > 0 and is_right(tag, kind, number)
        if good:
            kept += block[at : at + 12]
    if len(kept) < 12 * count:
        link = bytes(block[end : end + 4])
        struct.pack_into(order + "H", block, offset, len(kept) // 12)
        block[start : end + len(link)] = (kept + link).ljust(end + len(link) - start, b"\0")
    return bool(kept)


def has_thumbnail(exif: bytes) -> bool:
    """Whether an EXIF block holds a thumbnail as JPEG.

    Raises:
        ValueError: the block cannot be read.
    """
    reader = TagReader.open(exif)
    following = reader.directory(reader.first).following
    if not following:
        return False
    try:
        return _THUMBNAIL in reader.directory(following).fields
    except ValueError:
        return False


def with_thumbnail(exif: bytes, jpeg: bytes) -> bytes:
    """Append a thumbnail to a settled EXIF block.

    Args:
        exif: the block, whose first directory has none following it.
        jpeg: a small picture.
    """
    reader = TagReader.open(exif)
    first = reader.directory(reader.first)
    block = bytearray(exif) + bytes(len(exif) % 2)
    if reader.big or first.link + 4 > len(exif):
        return exif
    struct.pack_into(reader.order + "I", block, first.link, len(block))
    at = len(block) + 2 + 3 * 12 + 4
    fields = (
        integers(reader.order, 0x0103, SHORT, 6),
        integers(reader.order, _THUMBNAIL, LONG, at),
        integers(reader.order, _THUMBNAIL + 1, LONG, len(jpeg)),
    )
    out = bytes(block) + serialise(reader.order, fields, len(block)) + jpeg
    return out if usable(out) == (out, ()) else exif


def lightened(exif: bytes, limit: int) -> tuple[bytes | None, bool]:
    """Make a block fit into so many bytes: its largest values are left out.

    Args:
        exif: the block, settled.
        limit: bytes.

    Returns:
        The block, or None where nothing is left of it; and whether something was lost (a maker
        note that moved counts).
    """
    reader = TagReader.open(exif)
    fields = reader.tree(reader.directory(reader.first))
    lost = any(field.tag == MAKER_NOTE for field in _leaves(fields))
    while fields:
        block = header(reader.order, 8) + serialise(reader.order, fields, 8)
        if len(block) <= limit:
            return block, lost
        largest = max(_leaves(fields), key=lambda field: len(field.raw))
        fields, lost = _without(fields, largest), True
    return None, True


def _leaves(fields: Sequence[Field]) -> Iterator[Field]:
    for field in fields:
        if field.children:
            yield from _leaves(field.children)
        else:
            yield field


def _without(fields: Sequence[Field], which: Field) -> list[Field]:
    kept = [
        replace(field, children=tuple(_without(field.children, which))) if field.children else field
        for field in fields
        if field is not which
    ]
    return [field for field in kept if field.children or field.raw]


def is_adobe_rgb(exif: bytes | None) -> bool:
    """Whether an EXIF block says "Adobe RGB": uncalibrated, interoperability index R03 (DCF)."""
    return _interoperability(exif)[0] == b"R03"


def as_srgb(exif: bytes) -> bytes:
    """Say sRGB in a block of a picture that was converted to it."""
    block = bytearray(exif)
    index, at, space, order = _interoperability(exif)
    if index == b"R03":
        block[at : at + 3] = b"R98"
    if space:
        struct.pack_into(order + "H", block, space, 1)
    return bytes(block)


def _interoperability(exif: bytes | None) -> tuple[bytes, int, int, str]:
    """The interoperability index, where it lies, where ColorSpace lies (0: nowhere), the order."""
    if exif is None:
        return b"", 0, 0, "<"
    try:
        reader = TagReader.open(exif)
        pointer = reader.numbers(reader.directory(reader.first).fields.get(EXIF_IFD))
        if not pointer:
            return b"", 0, 0, reader.order
        details = reader.directory(pointer[0]).fields
        space = details.get(_COLOR_SPACE)
        at = space.position if space is not None and space.kind == SHORT else 0
        pointer = reader.numbers(details.get(INTEROP_IFD))
        index = reader.directory(pointer[0]).fields.get(1) if pointer else None
    except ValueError:
        return b"", 0, 0, "<"
    if index is None:
        return b"", 0, at, reader.order
    return index.raw[:3], index.position, at, reader.order


def resolution_of_exif(exif: bytes | None) -> Resolution | None:
    """What an EXIF block says of pixels per inch or centimetre; None where it says nothing."""
    if exif is None:
        return None
    try:
        reader = TagReader.open(exif)
        fields = reader.directory(reader.first).fields
    except ValueError:
        return None
    values: list[float] = []
    for tag in (X_RESOLUTION, Y_RESOLUTION):
        field = fields.get(tag)
        if field is None or field.kind != RATIONAL or field.count != 1:
            return None
        above, below = struct.unpack(reader.order + "II", field.raw)
        if not above or not below:
            return None
        values.append(above / below)
    unit = (reader.numbers(fields.get(RESOLUTION_UNIT)) or (2,))[0]
    units: dict[int, Literal["inch", "cm"]] = {2: "inch", 3: "cm"}
    told = Resolution(values[0], values[1], units.get(unit, ""))
    # Square pixels of no size say nothing.
    return told if told.unit or told.x != told.y else None
