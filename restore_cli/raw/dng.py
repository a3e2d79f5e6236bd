"""Writing mosaics as DNG files: what a simulation hands to any RAW developer."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.atomic import write_atomically
from restore_cli.images.ifd import LONG, SHORT, Field, header, integers, serialise

_BYTE, _ASCII, _RATIONAL, _SRATIONAL = 1, 2, 5, 10
_D65 = 21
_FIRST = 8  # pixels follow the header


@dataclass(frozen=True, slots=True, kw_only=True)
class DngTags:
    """What a DNG file says of its mosaic (Adobe, Digital Negative Specification 1.7).

    Attributes:
        pattern: colours of the 2x2 cell at the active area's origin, row by row, such as "RGGB".
        black: level of no light: one for all, or (r, c) repeated from the active area's origin.
        black_rows: added to each row of the active area.
        black_columns: added to each of its columns.
        white: level of saturation.
        xyz_to_camera: (3, 3) ColorMatrix1, for D65; None leaves it out.
        forward: (3, 3) ForwardMatrix1, white-balanced camera values to XYZ under D50; None leaves
            it out.
        neutral: AsShotNeutral: what the camera sees of a white; None leaves it out.
        active: top, left, bottom, right of the active area; None is all.
        orientation: EXIF orientation, 1 to 8.
        baseline_exposure: EV.
        make: of the camera.
        model: of the camera.
        exif: fields of the EXIF directory.
        gps: fields of the GPS directory.
        more: further fields of the only directory; they replace those of the same number.
    """

    pattern: str = "RGGB"
    black: float | NDArray[Any] = 0.0
    black_rows: NDArray[Any] | None = None
    black_columns: NDArray[Any] | None = None
    white: int = 65535
    xyz_to_camera: NDArray[Any] | None = None
    forward: NDArray[Any] | None = None
    neutral: NDArray[Any] | None = None
    active: tuple[int, int, int, int] | None = None
    orientation: int = 1
    baseline_exposure: float | None = None
    make: str = "restore"
    model: str = "simulated"
    exif: tuple[Field, ...] = ()
    gps: tuple[Field, ...] = ()
    more: tuple[Field, ...] = ()


def write_dng(path: Path, mosaic: NDArray[np.uint16], tags: DngTags) -> None:
    """Write a mosaic, uncompressed, 16 bits a sample.

    Args:
        path: the file; replaced if it exists.
        mosaic: (H, W) codes.
        tags: what to say of it.

    Raises:
        RestoreError: the file cannot be written.
    """
    write_atomically(path, dng_bytes(mosaic, tags))


def dng_bytes(mosaic: NDArray[np.uint16], tags: DngTags) -> bytes:
    """The file that `write_dng` writes."""
    pixels = np.ascontiguousarray(mosaic, "<u2").tobytes()
    height, width = mosaic.shape
    black = np.atleast_2d(np.asarray(tags.black, np.float64))
    fields = [
        integers("<", 254, LONG, 0),
        integers("<", 256, LONG, width),
        integers("<", 257, LONG, height),
        integers("<", 258, SHORT, 16),
        integers("<", 259, SHORT, 1),
        integers("<", 262, SHORT, 32803),
        text(271, tags.make),
        text(272, tags.model),
        integers("<", 273, LONG, _FIRST),
        integers("<", 274, SHORT, tags.orientation),
        integers("<", 277, SHORT, 1),
        integers("<", 278, LONG, height),
        integers("<", 279, LONG, len(pixels)),
        integers("<", 284, SHORT, 1),
        integers("<", 33421, SHORT, 2, 2),
        _bytes(33422, bytes("RGB".index(colour) for colour in tags.pattern)),
        _bytes(50706, bytes((1, 4, 0, 0))),
        _bytes(50707, bytes((1, 1, 0, 0))),
        text(50708, f"{tags.make} {tags.model}"),
        integers("<", 50713, SHORT, *black.shape),
        rationals(50714, black.ravel()),
        integers("<", 50717, LONG, tags.white),
        integers("<", 50778, SHORT, _D65),
    ]
    optional = (
        (50715, tags.black_columns, True),
        (50716, tags.black_rows, True),
        (50721, tags.xyz_to_camera, True),
        (50964, tags.forward, True),
        (50728, tags.neutral, False),
        (50730, None if tags.baseline_exposure is None else [tags.baseline_exposure], True),
    )
    for tag, values, signed in optional:
        if values is not None:
            fields.append(rationals(tag, np.ravel(values), signed=signed))
    if tags.active is not None:
        fields.append(integers("<", 50829, LONG, *tags.active))
    for tag, children in ((0x8769, tags.exif), (0x8825, tags.gps)):
        if children:
            fields.append(Field(tag, LONG, 1, b"", children=children))
    replaced = {field.tag for field in tags.more}
    fields = [field for field in fields if field.tag not in replaced] + list(tags.more)
    start = _FIRST + len(pixels) + len(pixels) % 2
    directory = serialise("<", fields, start)
    return b"".join((header("<", start), pixels, directory))


def text(tag: int, value: str) -> Field:
    """Make a text field."""
    raw = value.encode() + b"\0"
    return Field(tag, _ASCII, len(raw), raw)


def rationals(tag: int, values: Sequence[float] | NDArray[Any], *, signed: bool = False) -> Field:
    """Make a field of fractions, close to the values to about nine digits."""
    pairs: list[int] = []
    for value in values:
        ratio = Fraction(float(value)).limit_denominator(1_000_000)
        pairs += [ratio.numerator, ratio.denominator]
    code, kind = ("i", _SRATIONAL) if signed else ("I", _RATIONAL)
    return Field(tag, kind, len(pairs) // 2, struct.pack(f"<{len(pairs)}{code}", *pairs))


def _bytes(tag: int, value: bytes) -> Field:
    return Field(tag, _BYTE, len(value), value)
