"""What travels beside the pixels: EXIF, XMP, IPTC and the colour profile."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.ifd import (
    EXIF_IFD,
    GPS_IFD,
    LONG,
    SHORT,
    Directory,
    TagReader,
    header,
    serialise,
)

ORIENTATION = 0x0112
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003
# The tags of a TIFF page that describe the photograph, not how its samples are stored (EXIF 2.32,
# table 3, and the Windows and Rating tags).
DESCRIPTIVE_TAGS = frozenset(
    (
        *(269, 270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432),
        *(40091, 40092, 40093, 40094, 40095, EXIF_IFD, GPS_IFD),
    )
)
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>)\s*)([0-9])")
_PHOTOSHOP_IPTC = 0x0404


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says beside its pixels.

    Args:
        icc: the colour profile.
        exif: the EXIF block, starting at its byte-order mark (no "Exif" prefix).
        xmp: the XMP packet.
        iptc: the IPTC-IIM records (Photoshop resource 0x0404, TIFF tag 33723).
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None


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
    if not value and xmp is not None and (found := _XMP_ORIENTATION.search(xmp)):
        value = int(found[2])
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


def settle_exif(exif: bytes, width: int, height: int) -> bytes:
    """Make an EXIF block true for an upright picture of this size.

    The orientation becomes 1, the pixel dimensions are set, and the thumbnail is unlinked, because
    it shows the picture before. All else stays byte for byte where it was: maker notes hold
    offsets that break when moved.

    Raises:
        ValueError: the block cannot be read.
    """
    reader = TagReader.open(exif)
    first = reader.directory(reader.first)
    block = bytearray(exif)

    def put(directory: Directory, tag: int, value: int) -> None:
        field = directory.fields.get(tag)
        if field is not None and field.kind in (SHORT, LONG) and field.count == 1:
            code = "H" if field.kind == SHORT and value < 65536 else "I"
            if field.kind == LONG or code == "H":
                struct.pack_into(reader.order + code, block, field.position, value)

    put(first, ORIENTATION, 1)
    if first.following:
        struct.pack_into(reader.order + ("Q" if reader.big else "I"), block, first.link, 0)
    if pointer := reader.numbers(first.fields.get(EXIF_IFD)):
        details = reader.directory(pointer[0])
        put(details, _PIXEL_X, width)
        put(details, _PIXEL_Y, height)
    return bytes(block)


def settle_xmp(xmp: bytes) -> bytes:
    """Set every `tiff:Orientation` of an XMP packet to 1, in place."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)


def exif_of_page(reader: TagReader, page: Directory) -> bytes | None:
    """Gather a TIFF page's descriptive tags, EXIF and GPS into a block of their own.

    Returns:
        The EXIF block, or None where the page has no such tags. Values are copied byte for byte;
        offsets inside a maker note, if it has any, no longer hold (as with every TIFF writer).
    """
    fields = reader.tree(page, DESCRIPTIVE_TAGS)
    if not fields:
        return None
    return header(reader.order, 8) + serialise(reader.order, fields, 8)


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
