"""What a RAW file's own tags say beyond LibRaw: EXIF to keep, and DNG's levels.

Most RAW files are TIFF files (DNG, NEF, CR2, ARW, PEF, KDC), some under another number (RW2, ORF);
of the others (CR3, RAF) only the embedded preview may hold EXIF. Source of the tags: Adobe, Digital
Negative Specification 1.7.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from restore_cli.images.ifd import (
    EXIF_IFD,
    GPS_IFD,
    Buffer,
    Directory,
    Field,
    TagReader,
    header,
    serialise,
    unpacked,
)
from restore_cli.images.metadata import DESCRIPTIVE_TAGS, ORIENTATION, unwrap_iptc
from restore_cli.images.regular import FileBytes, open_regular
from restore_cli.raw.colorimetry import Matrix
from restore_cli.raw.dng_color import CameraColour, read_colour, read_neutral
from restore_cli.raw.dng_tags import CFA, LINEAR, Dng, read_dng
from restore_cli.raw.fields import Fields

MAKE, MODEL, SUB_IFDS, DNG_VERSION = 271, 272, 330, 50706
LENS_MODEL, DATE_TIME_ORIGINAL = 42036, 36867
_MAKER_NOTE = 37500
_PHOTOMETRIC, _WIDTH, _HEIGHT = 262, 256, 257
_RAW_KINDS = (CFA, LINEAR)
_CHUNKS = ((273, 279), (324, 325))
_BASELINE_EXPOSURE, _EXPOSURE_OFFSET = 50730, 51109
_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377
_ISO, _SHUTTER, _APERTURE, _FOCAL_LENGTH = 34855, 33434, 33437, 37386
_SUBFILE = 254


@dataclass(frozen=True, slots=True)
class RawTags:
    """What was found.

    Attributes:
        make: of the camera.
        model: of the camera.
        lens: its model.
        date: when the picture was taken, as EXIF writes it.
        exif: block to copy into developed pictures; no maker note, whose offsets would not hold.
        baseline_exposure: EV by which the maker wants the picture brighter.
        orientation: EXIF's number, 1 to 8.
        iso: ISO number, or None.
        shutter: exposure time in seconds, or None.
        aperture: f-number, or None.
        focal_length: mm, or None.
        xmp: XMP packet, or None.
        iptc: IPTC-IIM records, or None.
        dng: a DNG file's raw image, or None.
        colour: a DNG file's camera, or None.
        neutral: (3,) its AsShotNeutral, or None.
        first: the first directory; readable only while the file is open.
        cut_off: whether the file ends before its image data does.
        nothing: whether its mosaic has no pixels.
    """

    make: str = ""
    model: str = ""
    lens: str = ""
    date: str = ""
    exif: bytes | None = field(default=None, repr=False)
    baseline_exposure: float = 0.0
    orientation: int = 1
    iso: float | None = None
    shutter: float | None = None
    aperture: float | None = None
    focal_length: float | None = None
    xmp: bytes | None = field(default=None, repr=False)
    iptc: bytes | None = field(default=None, repr=False)
    dng: Dng | None = None
    colour: CameraColour | None = None
    neutral: Matrix | None = field(default=None, compare=False)
    first: Fields | None = field(default=None, repr=False, compare=False)
    cut_off: bool = False
    nothing: bool = False


def read_tags(path: Path, *, strip_gps: bool = False) -> RawTags:
    """Read a RAW file's tags; empty where it is no TIFF file or its tags are damaged.

    Args:
        path: the file.
        strip_gps: leave the place out of `exif`.

    Raises:
        OSError: the file cannot be read.
    """
    with mapped(path) as data:
        return tags_or_none(data, strip_gps=strip_gps)


def tags_or_none(data: Buffer, *, strip_gps: bool = False) -> RawTags:
    """What `tags_of` says; empty tags where it raises."""
    try:
        return tags_of(data, strip_gps=strip_gps)
    except (ValueError, struct.error, OverflowError):
        return RawTags()


def tags_of(data: Buffer, *, strip_gps: bool = False) -> RawTags:
    """The tags of a TIFF-like block.

    Args:
        data: the file, or the EXIF block of an embedded preview.
        strip_gps: leave the place out of `exif`.

    Raises:
        ValueError: it is not one, or is damaged.
    """
    reader = TagReader.open(data) if data[2:4] in (b"*\0", b"\0*") else _unusual(data)
    page = reader.directory(reader.first)
    first = Fields(reader, page)
    orientation = first.integer(ORIENTATION, 1)
    found = RawTags(
        make=_text(page.fields.get(MAKE)),
        model=_text(page.fields.get(MODEL)),
        exif=_exif(reader, page, strip_gps=strip_gps),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        xmp=first.bytes(_XMP),
        iptc=_iptc(first),
        first=first,
    )
    if pointer := reader.numbers(page.fields.get(EXIF_IFD)):
        with suppress(ValueError):
            found = _with_details(found, Fields(reader, reader.directory(pointer[0])))
    if DNG_VERSION not in page.fields:
        return found
    exposure = first.real(_BASELINE_EXPOSURE, 0.0) + first.real(_EXPOSURE_OFFSET, 0.0)
    raw = _raw_page(reader, page)
    return replace(
        found,
        baseline_exposure=float(np.clip(exposure, -4, 4)),
        dng=None if raw is None else read_dng(Fields(reader, raw), first),
        colour=read_colour(first),
        neutral=read_neutral(first),
        cut_off=raw is not None and _is_cut_off(reader, raw),
        nothing=raw is not None
        and 0
        in reader.numbers(raw.fields.get(_WIDTH))[:1] + reader.numbers(raw.fields.get(_HEIGHT))[:1],
    )


def _with_details(found: RawTags, details: Fields) -> RawTags:
    """What the EXIF directory says."""

    def known(tag: int) -> float | None:
        value = details.real(tag, 0.0)
        return value if value > 0 else None

    return replace(
        found,
        lens=_text(details.page.fields.get(LENS_MODEL)),
        date=_text(details.page.fields.get(DATE_TIME_ORIGINAL)),
        iso=known(_ISO),
        shutter=known(_SHUTTER),
        aperture=known(_APERTURE),
        focal_length=known(_FOCAL_LENGTH),
    )


def _iptc(first: Fields) -> bytes | None:
    """IPTC records, which some writers store as whole numbers."""
    data = first.bytes(_IPTC)
    return data or unwrap_iptc(first.bytes(_PHOTOSHOP) or b"")


@contextmanager
def mapped(path: Path) -> Generator[Buffer]:
    """A file's bytes without reading them all."""
    with open_regular(path) as file:
        yield cast("Buffer", FileBytes(file))


def _unusual(data: Buffer) -> TagReader:
    """Olympus and Panasonic write another number where TIFF has 42."""
    if bytes(data[:4]) not in (b"IIRO", b"IIRS", b"IIU\0", b"MMOR"):
        raise ValueError("not a tag block")
    order = "<" if data[:2] == b"II" else ">"
    return TagReader(data, order, False, unpacked(order + "I", data, 4)[0])


def _text(field: Field | None) -> str:
    if field is None or field.kind != 2:
        return ""
    return field.raw.split(b"\0")[0].decode("utf-8", "replace").strip()


def _exif(reader: TagReader, page: Directory, *, strip_gps: bool) -> bytes | None:
    """The page's descriptive tags with EXIF and GPS, as a block of their own."""
    keep = DESCRIPTIVE_TAGS - {GPS_IFD} if strip_gps else DESCRIPTIVE_TAGS
    fields = [
        replace(f, children=tuple(c for c in f.children if c.tag != _MAKER_NOTE))
        for f in reader.tree(page, keep | {ORIENTATION})
    ]
    if not fields:
        return None
    return header(reader.order, 8) + serialise(reader.order, fields, 8)


def _raw_page(reader: TagReader, first: Directory) -> Directory | None:
    """The largest page that holds a mosaic or its demosaiced picture; previews do not count."""
    pages = [first]
    for offset in reader.numbers(first.fields.get(SUB_IFDS))[:16]:
        try:
            pages.append(reader.directory(offset))
        except ValueError:
            continue

    def number(page: Directory, tag: int) -> int:
        return (reader.numbers(page.fields.get(tag)) or (0,))[0]

    # Masks, depth maps and previews are told by the kind of their page; where nothing else is
    # there, some writers (x3f_extract) mark the picture itself as a preview.
    kinds = [page for page in pages if number(page, _PHOTOMETRIC) in _RAW_KINDS]
    raw = [page for page in kinds if not number(page, _SUBFILE)]
    raw = raw or [page for page in kinds if number(page, _SUBFILE) == 1]
    return max(raw, key=lambda p: number(p, _WIDTH) * number(p, _HEIGHT), default=None)


def _is_cut_off(reader: TagReader, page: Directory) -> bool:
    for starts, sizes in _CHUNKS:
        places: Any = zip(
            reader.numbers(page.fields.get(starts)),
            reader.numbers(page.fields.get(sizes)),
            strict=False,
        )
        if any(start + size > len(reader.data) for start, size in places):
            return True
    return False
