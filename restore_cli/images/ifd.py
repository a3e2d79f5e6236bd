"""Tag directories (IFDs): the structure that TIFF files and EXIF blocks share.

Values are kept as raw bytes in the byte order of the block they came from, so copying one is exact
whatever its type. Source: TIFF 6.0, section 2; BigTIFF (libtiff); EXIF 2.32, section 4.6.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from restore_cli.images.room import MAX_METADATA

Buffer = bytes | bytearray
Order = Literal["<", ">"]
"""Byte order in the spelling of `struct`: "<" is Intel (II), ">" is Motorola (MM)."""

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, DOUBLE = 1, 2, 3, 4, 5, 7, 12
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
POINTERS = (EXIF_IFD, GPS_IFD, INTEROP_IFD)
# Bytes of one value, by type code.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4} | {
    16: 8,
    17: 8,
    18: 8,
}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MAX_PAGES = 4096
MAX_ENTRIES = 65_535
"""Tags that are read of one directory (as many as TIFF's own count holds), or of all pages."""


@dataclass(frozen=True, slots=True)
class Field:
    """One tag.

    Args:
        tag: its number.
        kind: the TIFF type code (3 is SHORT, 4 LONG, 7 UNDEFINED, ...).
        count: how many values.
        raw: the values' bytes in the block's byte order.
        position: where those bytes lie in the block; 0 for a field made here.
        children: for a pointer tag, the fields of the directory it points to.
        stays: True where the bytes already lie at `position` of the block to write.
    """

    tag: int
    kind: int
    count: int
    raw: bytes
    position: int = 0
    children: tuple[Field, ...] = ()
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Directory:
    """The fields of one directory, where the next one starts (0: none), and where that is said."""

    offset: int
    fields: dict[int, Field]
    following: int
    link: int


def unpacked(layout: str, data: Buffer, at: int) -> tuple[Any, ...]:
    """As `struct.unpack_from`, of what can only be sliced too.

    Raises:
        struct.error: it reaches past the end.
    """
    if at < 0:
        raise struct.error("before the start")
    return struct.unpack(layout, data[at : at + struct.calcsize(layout)])


@dataclass(frozen=True, slots=True)
class TagReader:
    """Reads directories out of a block.

    Args:
        data: the whole TIFF file or EXIF block (without the "Exif" prefix).
        order: its byte order.
        big: True for BigTIFF (64-bit offsets).
        first: offset of the first directory.
    """

    data: Buffer
    order: Order
    big: bool
    first: int

    @classmethod
    def open(cls, data: Buffer) -> TagReader:
        """Read the header of a block.

        Raises:
            ValueError: it does not start like one.
        """
        orders: dict[bytes, Order] = {b"II": "<", b"MM": ">"}
        order = orders.get(bytes(data[:2]))
        if order is None or len(data) < 8:
            raise ValueError("not a tag block")
        (version,) = unpacked(order + "H", data, 2)
        if version == 42:
            return cls(data, order, False, unpacked(order + "I", data, 4)[0])
        if version == 43 and len(data) >= 16:
            return cls(data, order, True, unpacked(order + "Q", data, 8)[0])
        raise ValueError("not a tag block")

    def directory(self, offset: int) -> Directory:
        """Read the directory at `offset`.

        Raises:
            ValueError: it or one of its values reaches past the end of the block.
        """
        number, entry, word = ("Q", 20, "Q") if self.big else ("H", 12, "I")
        inline = struct.calcsize(self.order + word)
        room = min(len(self.data), MAX_METADATA)
        fields: list[Field | None] = []
        try:
            (count,) = unpacked(self.order + number, self.data, offset)
            if count > MAX_ENTRIES:
                raise ValueError("a tag directory is too long")
            start = offset + struct.calcsize(self.order + number)
            for i in range(count):
                fields.append(field := self._field(start + i * entry, word, inline, room))
                room -= len(field.raw) if field is not None else 0
            link = start + count * entry
            # Some writers leave out the last link when the block ends there.
            following = 0
            if link + inline <= len(self.data):
                (following,) = unpacked(self.order + word, self.data, link)
        except (struct.error, OverflowError) as error:
            raise ValueError("a tag directory is cut off") from error
        return Directory(offset, {f.tag: f for f in fields if f is not None}, following, link)

    def _field(self, at: int, word: str, inline: int, room: int) -> Field | None:
        tag, kind = unpacked(self.order + "HH", self.data, at)
        (count,) = unpacked(self.order + word, self.data, at + 4)
        size = SIZES.get(kind, 0) * count
        if size == 0:  # an unknown type or an empty value: nothing that could be kept
            return None
        position = at + 4 + inline
        if size > inline:
            (position,) = unpacked(self.order + word, self.data, position)
        if position + size > len(self.data):
            raise ValueError(f"tag {tag} reaches past the end")
        if size > room:  # values that share bytes would unpack to more than the block is
            raise ValueError("its tags hold more than the file does")
        return Field(tag, kind, count, bytes(self.data[position : position + size]), position)

    def chain(self) -> list[Directory]:
        """Read all pages, in order.

        Raises:
            ValueError: a page is cut off, or the pages form a loop.
        """
        pages: list[Directory] = []
        seen: set[int] = set()
        entries = 0
        offset = self.first
        while offset:
            if offset in seen or len(pages) >= _MAX_PAGES:
                raise ValueError("the pages form a loop")
            seen.add(offset)
            pages.append(self.directory(offset))
            entries += (pages[-1].link - offset) // (20 if self.big else 12)
            if entries > MAX_ENTRIES:
                raise ValueError("its pages hold too many tags")
            offset = pages[-1].following
        return pages

    def numbers(self, field: Field | None) -> tuple[int, ...]:
        """Read an integer field's values; empty where the field is absent or not integer."""
        code = _INTEGERS.get(field.kind) if field else None
        if field is None or code is None:
            return ()
        return struct.unpack(f"{self.order}{field.count}{code}", field.raw)

    def tree(
        self, directory: Directory, keep: Collection[int] | None = None, depth: int = 0
    ) -> list[Field]:
        """Collect fields with the EXIF, GPS and interoperability directories they point to.

        Args:
            directory: where to start.
            keep: the tags to take from `directory` itself; None takes all.
            depth: how far down the walk is (guards against loops).

        Returns:
            Fields fit for `serialise`; a pointer to a directory that cannot be read is left out.
        """
        fields: list[Field] = []
        for tag, field in directory.fields.items():
            if keep is not None and tag not in keep:
                continue
            if tag not in POINTERS:
                fields.append(field)
            elif depth < 3 and (target := self.numbers(field)):
                try:
                    children = self.tree(self.directory(target[0]), None, depth + 1)
                except ValueError:
                    continue
                if children:
                    fields.append(Field(tag, LONG, 1, b"", children=tuple(children)))
        return fields


def integers(order: Order, tag: int, kind: int, *values: int) -> Field:
    """Make an integer field (SHORT or LONG)."""
    return Field(
        tag, kind, len(values), struct.pack(f"{order}{len(values)}{_INTEGERS[kind]}", *values)
    )


def rational(order: Order, tag: int, value: float) -> Field:
    """Make a field of one RATIONAL, exact to six significant digits and more."""
    part = Fraction(value).limit_denominator(100_000)
    raw = struct.pack(order + "II", part.numerator, part.denominator)
    return Field(tag, RATIONAL, 1, raw)


def serialise(order: Order, fields: Sequence[Field], offset: int) -> bytes:
    """Lay out one directory and all it points to.

    Args:
        order: byte order; the fields' raw bytes must be in it.
        fields: what to write, in any order.
        offset: where the bytes will start in the block; even.

    Returns:
        The directory, its long values and its child directories. There is no next directory.
    """
    size = 2 + 12 * len(fields) + 4
    entries = bytearray(struct.pack(order + "H", len(fields)))
    tail = bytearray()
    for field in sorted(fields, key=lambda f: f.tag):
        here = offset + size + len(tail)
        if field.children:
            raw = struct.pack(order + "I", here)
            tail += serialise(order, field.children, here)
        elif field.stays and len(field.raw) > 4:
            raw = struct.pack(order + "I", field.position)
        elif len(field.raw) <= 4:
            raw = field.raw.ljust(4, b"\0")
        else:
            raw = struct.pack(order + "I", here)
            tail += field.raw
        tail += b"\0" * (len(tail) % 2)  # offsets are even (TIFF 6.0, page 15)
        entries += struct.pack(order + "HHI", field.tag, field.kind, field.count) + raw
    return bytes(entries + b"\0\0\0\0" + tail)


def header(order: Order, first: int) -> bytes:
    """Make the eight bytes that a block starts with; `first` is the first directory's offset."""
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, first)
