"""JPEG segments: what a file says beside its pixels, and putting it back.

Pillow decodes and encodes the pixels. Sources: JFIF 1.02, EXIF 2.32, XMP part 3 (ExtendedXMP),
CIPA DC-007 (MPF).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from PIL.JpegImagePlugin import JpegImageFile

from restore_cli.images import xmp as packets
from restore_cli.images.ifd import Buffer, unpacked
from restore_cli.images.metadata import Metadata, Resolution, unwrap_iptc, wrap_iptc
from restore_cli.images.refusal import NotSupportedError

_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_ICC, _MPF, _PHOTOSHOP = b"ICC_PROFILE\0", b"MPF\0", b"Photoshop 3.0\0"
_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
_ROOM = 65533
_MOST_SEGMENTS = 100_000  # of 64 kB, as many as four gigabytes of metadata take
_MOST_BETWEEN = 65536  # bytes; Pillow takes them one by one
MOST_SCANS = 100
"""Encoders write ten or so."""
_UNITS: Mapping[int, Literal["inch", "cm", ""]] = {0: "", 1: "inch", 2: "cm"}
_UNREAD = {0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "lossless"} | {
    0xC9: "arithmetic-coded",
    0xCB: "lossless",
    0xCD: "hierarchical",
    0xCE: "hierarchical",
    0xCF: "lossless",
    0xF7: "JPEG-LS",
}
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_ARITHMETIC = (0xC9, 0xCA)  # libjpeg-turbo reads both


@dataclass(frozen=True, slots=True)
class JpegFile:
    """A JPEG taken apart.

    Args:
        metadata: all that is kept.
        second: what lies behind or beside the picture and is not kept, in words; or None.
    """

    metadata: Metadata
    second: str | None


def segments(data: Buffer) -> Iterator[tuple[int, bytes]]:
    """Marker segments up to the first scan, as (marker, body).

    Raises:
        ValueError: it ends early, or has more segments or more between them than makes sense.
    """
    at, between = 2, 0
    for _ in range(_MOST_SEGMENTS):
        begun = at
        end = min(len(data), at + _MOST_BETWEEN + 2)
        while at < end and data[at] != 0xFF:  # some writers pad
            at += 1
        while at < end and data[at] == 0xFF:
            at += 1
        between += at - begun - 1
        if between > _MOST_BETWEEN:
            raise ValueError("too much is between its segments")
        if at + 3 > len(data):
            raise ValueError("the file ends early")
        marker = data[at]
        if 0xD0 <= marker <= 0xD7 or marker in (0x01, 0xD8):
            at += 1
            continue
        if marker in (0xD9, 0xDA):
            return
        (size,) = unpacked(">H", data, at + 1)
        if size < 2 or at + 1 + size > len(data):
            raise ValueError("the file ends early")
        yield marker, bytes(data[at + 3 : at + 1 + size])
        at += 1 + size
    raise ValueError("it is made of too many segments")


def inspect(data: Buffer) -> JpegFile:
    """Read everything but the pixels.

    Raises:
        NotSupportedError: 12 bits, lossless, JPEG-LS, ...
        ValueError: the file is cut off.
    """
    exif, xmp, iptc, comment = None, None, None, None
    resolution: Resolution | None = None
    icc: dict[int, bytes] = {}
    extension: dict[int, bytes] = {}
    second = None
    resources = b""
    _check_scans(data)
    for marker, body in segments(data):
        if marker in _FRAMES:
            _check_kind(marker, body)
        elif marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) >= 12:
            unit, x, y = struct.unpack_from(">BHH", body, 7)
            if x and y and unit in _UNITS and (unit or x != y):
                resolution = Resolution(x, y, _UNITS[unit])
        elif marker == 0xE1 and body.startswith(_EXIF):
            # Blocks beyond 64 kB go on in further segments.
            exif = (exif or b"") + body[len(_EXIF) :]
        elif marker == 0xE1 and body.startswith(_XMP):
            xmp = xmp or body[len(_XMP) :]
        elif marker == 0xE1 and body.startswith(_EXTENSION) and len(body) >= len(_EXTENSION) + 40:
            (start,) = struct.unpack_from(">I", body, len(_EXTENSION) + 36)
            extension[start] = body[len(_EXTENSION) + 40 :]
        elif marker == 0xE2 and body.startswith(_ICC) and len(body) > 14:
            icc[body[12]] = body[14:]
        elif marker == 0xE2 and body.startswith((_MPF, _GAIN_MAP)):
            second = "a second picture in it (gain map, depth or preview)"
        elif marker == 0xED and body.startswith(_PHOTOSHOP):
            resources += body[len(_PHOTOSHOP) :]
        elif marker == 0xFE:
            comment = comment or body.rstrip(b"\0")
    iptc = unwrap_iptc(resources) if resources else None
    if xmp is not None and extension:
        xmp = packets.joined(xmp, b"".join(extension[start] for start in sorted(extension)))
    profile = b"".join(icc[number] for number in sorted(icc)) or None
    metadata = Metadata(profile, exif, xmp, iptc, resolution, comment=comment or None)
    return JpegFile(metadata, second)


def head(data: Buffer) -> tuple[int, int, bytes | None, bytes | None] | None:
    """Width, height, EXIF and XMP as `inspect` gives them; None where that is not sure.

    Raises:
        ValueError: the file is cut off.
    """
    size: tuple[int, int] | None = None
    exif, xmp = None, None
    for marker, body in segments(data):
        if marker in _FRAMES:
            if size is not None or marker in _UNREAD or len(body) < 6:
                return None
            size = struct.unpack_from(">HH", body, 1)
        elif marker == 0xE1 and body.startswith(_EXIF):
            exif = (exif or b"") + body[len(_EXIF) :]
        elif marker == 0xE1 and body.startswith(_XMP):
            xmp = xmp or body[len(_XMP) :]
    return None if size is None else (size[1], size[0], exif, xmp)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a JPEG's frame header says (ITU T.81, B.2.2).

    Attributes:
        marker: how it is coded: 0xC0 to 0xC2 by cosine transform and Huffman codes, 0xC3 lossless.
        bits: of a sample.
        samples: lines times columns times colours.
    """

    marker: int
    bits: int
    samples: int


def frame(data: Buffer) -> Frame:
    """The frame of a JPEG of any kind.

    Raises:
        ValueError: it has none, or is cut off before.
    """
    for marker, body in segments(data):
        if marker in _FRAMES and len(body) >= 6:
            bits, lines, columns, colours = struct.unpack_from(">BHHB", body)
            return Frame(marker, bits, lines * columns * colours)
    raise ValueError("a JPEG without a frame")


def _check_kind(marker: int, body: bytes) -> None:
    if marker in _UNREAD and marker not in _ARITHMETIC:
        kind = _UNREAD[marker]
        raise NotSupportedError(f"a {kind} file" if kind == "JPEG-LS" else f"a {kind} JPEG")
    if body[:1] != b"\x08":
        raise NotSupportedError(f"a {body[0] if body else 0}-bit JPEG")


def _check_scans(data: Buffer) -> None:
    """Refuse a JPEG of many scans: each costs a pass over all pixels, and may be some bytes long.

    Raises:
        NotSupportedError: there are more than any encoder writes.
    """
    # Cheap, and at least as many: previews and second pictures have scans of their own.
    if bytes(data).count(b"\xff\xda") <= MOST_SCANS:
        return
    scans, at = 0, 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        scans += marker == 0xDA
        if scans > MOST_SCANS:
            raise NotSupportedError(f"a JPEG of more than {MOST_SCANS} scans", "export it again")
        if marker == 0xD9:
            return
        # Within a scan, 0xFF is followed by zero or a restart; everything else has a length.
        if marker == 0xFF:
            at += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            at += 2
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def coding(image: JpegImageFile) -> dict[str, object]:
    """How an opened JPEG is compressed, as Pillow's writer takes it: tables and subsampling.

    Args:
        image: Pillow's picture of a JPEG file.
    """
    layers = [(layer[1], layer[2]) for layer in image.layer]
    options: dict[str, object] = {"qtables": image.quantization}
    if len(layers) == 3 and layers[1:] == [(1, 1), (1, 1)]:
        sampling = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}.get(layers[0])
        if sampling is not None:
            options["subsampling"] = sampling
    return options


def with_metadata(jpeg: bytes, metadata: Metadata) -> bytes:
    """Put metadata into a JPEG that has none but its JFIF header.

    Args:
        jpeg: the file as Pillow writes it.
        metadata: what fits into a JPEG; see `formats`. XMP beyond 64 kB becomes ExtendedXMP.
    """
    (first,) = struct.unpack_from(">H", jpeg, 4)
    head, rest = bytearray(jpeg[: 4 + first]), jpeg[4 + first :]
    if metadata.resolution is not None:
        code, x, y = _whole(metadata.resolution)
        if max(x, y) < 65535.5:
            struct.pack_into(">BHH", head, 13, code, max(1, round(x)), max(1, round(y)))
    parts: list[bytes] = [bytes(head)]
    if metadata.exif is not None:
        parts.append(_segment(0xE1, _EXIF + metadata.exif))
    if metadata.xmp is not None:
        parts += _xmp_segments(metadata.xmp)
    if metadata.iptc is not None:
        parts.append(_segment(0xED, _PHOTOSHOP + wrap_iptc(metadata.iptc)))
    if metadata.icc is not None:
        step = _ROOM - len(_ICC) - 2
        pieces = [metadata.icc[at : at + step] for at in range(0, len(metadata.icc), step)]
        for number, piece in enumerate(pieces, 1):
            parts.append(_segment(0xE2, _ICC + bytes((number, len(pieces))) + piece))
    if metadata.comment is not None:
        parts.append(_segment(0xFE, metadata.comment))
    return b"".join((*parts, rest))


def _whole(resolution: Resolution) -> tuple[int, float, float]:
    """JFIF's code of the unit in which rounding to whole numbers costs least, and the numbers."""
    if not resolution.unit:
        return 0, resolution.x, resolution.y
    unit = resolution.unit
    if unit == "cm" and abs(resolution.x - round(resolution.x)) > 1e-3:
        unit = "inch"
    return 1 if unit == "inch" else 2, *resolution.per(unit)


def _xmp_segments(xmp: bytes) -> list[bytes]:
    if len(xmp) + len(_XMP) <= _ROOM:
        return [_segment(0xE1, _XMP + xmp)]
    # All of it goes into the extension; the packet itself only points there.
    body = packets.bare(xmp)
    guid = hashlib.md5(body, usedforsecurity=False).hexdigest().upper().encode()
    step = _ROOM - len(_EXTENSION) - 40
    parts = [_segment(0xE1, _XMP + packets.pointing_to(guid))]
    for at in range(0, len(body), step):
        head = _EXTENSION + guid + struct.pack(">II", len(body), at)
        parts.append(_segment(0xE1, head + body[at : at + step]))
    return parts


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
