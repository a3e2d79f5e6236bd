"""What a RAW file's own tags say beyond LibRaw: EXIF to keep, and DNG's levels.

Most RAW files are TIFF files (DNG, NEF, CR2, ARW, PEF, KDC), some under another number (RW2, ORF);
of the others (CR3, RAF) only the embedded preview may hold EXIF. Source of the tags: Adobe, Digital
Negative Specification 1.7.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.ifd import (
    EXIF_IFD,
    GPS_IFD,
    Buffer,
    Directory,
    Field,
    TagReader,
    header,
    serialise,
)
from restore_cli.images.metadata import DESCRIPTIVE_TAGS, ORIENTATION

MAKE, MODEL, SUB_IFDS, DNG_VERSION = 271, 272, 330, 50706
LENS_MODEL, DATE_TIME_ORIGINAL = 42036, 36867
_MAKER_NOTE = 37500
_PHOTOMETRIC, _WIDTH, _HEIGHT, _CFA = 262, 256, 257, 32803
_CHUNKS = ((273, 279), (324, 325))
_BLACK_DIM, _BLACK, _BLACK_H, _BLACK_V = 50713, 50714, 50715, 50716
_BASELINE_EXPOSURE, _ACTIVE_AREA = 50730, 50829
_REALS = {5: ("II", True), 10: ("ii", True), 11: ("f", False), 12: ("d", False)}


@dataclass(frozen=True, slots=True)
class DngBlack:
    """DNG's black level: a tile repeated from the origin of the active area, plus two deltas.

    Attributes:
        tile: (r, c).
        rows: (H,) added to each row of that area, or None.
        columns: (W,) added to each of its columns, or None.
        top: first row of the active area.
        left: its first column.
    """

    tile: NDArray[np.float64]
    rows: NDArray[np.float64] | None = None
    columns: NDArray[np.float64] | None = None
    top: int = 0
    left: int = 0

    def seen_from(
        self, top: int, left: int, height: int, width: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """Tile and deltas for an area inside the active one, of which LibRaw may cut off a line.

        Deltas that do not reach to the end of the area are left out.
        """
        below, beside = top - self.top, left - self.left
        tile = np.roll(self.tile, (-below, -beside), axis=(0, 1))
        deltas: list[NDArray[np.float64] | None] = []
        for values, start, length in ((self.rows, below, height), (self.columns, beside, width)):
            part = None if values is None or start < 0 else values[start : start + length]
            deltas.append(part if part is not None and len(part) == length else None)
        return tile, deltas[0], deltas[1]


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
        black: DNG's own black level, where it has one.
        cut_off: whether the file ends before its image data does.
    """

    make: str = ""
    model: str = ""
    lens: str = ""
    date: str = ""
    exif: bytes | None = field(default=None, repr=False)
    baseline_exposure: float = 0.0
    black: DngBlack | None = None
    cut_off: bool = False


def read_tags(path: Path, *, strip_gps: bool = False) -> RawTags:
    """Read a RAW file's tags; empty where it is no TIFF file or its tags are damaged.

    Args:
        path: the file.
        strip_gps: leave the place out of `exif`.

    Raises:
        OSError: the file cannot be read.
    """
    with _mapped(path) as data:
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
    first = reader.directory(reader.first)
    found = RawTags(
        make=_text(first.fields.get(MAKE)),
        model=_text(first.fields.get(MODEL)),
        exif=_exif(reader, first, strip_gps=strip_gps),
    )
    if pointer := reader.numbers(first.fields.get(EXIF_IFD)):
        try:
            details = reader.directory(pointer[0]).fields
        except ValueError:
            details = {}
        found = replace(
            found,
            lens=_text(details.get(LENS_MODEL)),
            date=_text(details.get(DATE_TIME_ORIGINAL)),
        )
    if DNG_VERSION not in first.fields:
        return found
    exposure = reals(reader, first.fields.get(_BASELINE_EXPOSURE))
    page = _raw_page(reader, first)
    return replace(
        found,
        baseline_exposure=float(np.clip(exposure[0], -4, 4)) if exposure.size else 0.0,
        black=None if page is None else _black(reader, page),
        cut_off=page is not None and _is_cut_off(reader, page),
    )


def reals(reader: TagReader, field: Field | None) -> NDArray[np.float64]:
    """A field's numbers, whatever their type; empty where there are none or one is not finite."""
    if field is None:
        return np.empty(0)
    if field.kind in _REALS:
        code, is_ratio = _REALS[field.kind]
        values = np.array(
            struct.unpack(f"{reader.order}{field.count * len(code)}{code[0]}", field.raw)
        )
        if is_ratio:
            with np.errstate(all="ignore"):
                values = values[::2] / values[1::2]
    else:
        values = np.array(reader.numbers(field), np.float64)
    return values.astype(np.float64) if np.isfinite(values).all() else np.empty(0)


@contextmanager
def _mapped(path: Path) -> Generator[Buffer]:
    """A file's bytes without reading them all."""
    with path.open("rb") as file:
        if not path.stat().st_size:  # an empty file cannot be mapped
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            # A map gives bytes when sliced, and reads only what is asked for.
            yield cast("Buffer", mapped)


def _unusual(data: Buffer) -> TagReader:
    """Olympus and Panasonic write another number where TIFF has 42."""
    if bytes(data[:4]) not in (b"IIRO", b"IIRS", b"IIU\0", b"MMOR"):
        raise ValueError("not a tag block")
    order = "<" if data[:2] == b"II" else ">"
    return TagReader(data, order, False, struct.unpack_from(order + "I", data, 4)[0])


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
    """The largest page that holds a mosaic."""
    pages = [first]
    for offset in reader.numbers(first.fields.get(SUB_IFDS))[:16]:
        try:
            pages.append(reader.directory(offset))
        except ValueError:
            continue

    def number(page: Directory, tag: int) -> int:
        return (reader.numbers(page.fields.get(tag)) or (0,))[0]

    raw = [page for page in pages if number(page, _PHOTOMETRIC) == _CFA]
    return max(raw, key=lambda p: number(p, _WIDTH) * number(p, _HEIGHT), default=None)


def _black(reader: TagReader, page: Directory) -> DngBlack | None:
    fields = page.fields
    tile = reals(reader, fields.get(_BLACK))
    rows, columns = (reals(reader, fields.get(tag)) for tag in (_BLACK_V, _BLACK_H))
    shape = reader.numbers(fields.get(_BLACK_DIM)) or (1, 1)
    if not tile.size and (rows.size or columns.size):
        tile, shape = np.zeros(1), (1, 1)
    if len(shape) != 2 or tile.size != shape[0] * shape[1] or not tile.size or (tile < 0).any():
        return None
    active = reader.numbers(fields.get(_ACTIVE_AREA)) or (0, 0)
    return DngBlack(
        tile.reshape(shape),
        rows if rows.size else None,
        columns if columns.size else None,
        top=active[0],
        left=active[1] if len(active) > 1 else 0,
    )


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
