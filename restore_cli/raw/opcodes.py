"""DNG's opcode lists: corrections that the file asks for, each at its place in development.

Source: Adobe, Digital Negative Specification 1.7.1, chapter 7. Lists are big-endian. Reading is
bounded by the bytes that are there, applying by the picture: a list that claims more is damaged.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restore_cli.raw import bad_pixels, geometry, regions
from restore_cli.raw.dng_tags import Area

NAMES = {
    1: "WarpRectilinear",
    2: "WarpFisheye",
    3: "FixVignetteRadial",
    4: "FixBadPixelsConstant",
    5: "FixBadPixelsList",
    6: "TrimBounds",
    7: "MapTable",
    8: "MapPolynomial",
    9: "GainMap",
    10: "DeltaPerRow",
    11: "DeltaPerColumn",
    12: "ScalePerRow",
    13: "ScalePerColumn",
    14: "WarpRectilinear2",
}
LENS = frozenset((1, 2, 3, 14))
"""Corrections of the lens that name no places of the picture."""
_TRIM, _GAIN_MAP = 6, 9
_REGIONS = range(7, 14)  # their parameters begin with an area
_OPTIONAL, _MOST_OPCODES = 1, 256
_MOST_PASSES = 32.0
"""Over all of the picture: cameras' lists make two or three."""
Light = NDArray[np.float32]


class RequiredOpcodeError(ValueError):
    """A correction without which the file must not be developed, and which is not known here."""


class LensOpcodeError(ValueError):
    """A correction of the lens that is damaged and required."""


@dataclass(frozen=True, slots=True)
class Opcode:
    """One correction.

    Attributes:
        number: which, see `NAMES`.
        optional: whether the picture is right without it.
        data: its parameters.
    """

    number: int
    optional: bool
    data: bytes

    @property
    def is_lens(self) -> bool:
        """Whether it corrects what the lens did."""
        return self.number in LENS or self.number == _GAIN_MAP

    @property
    def name(self) -> str:
        """In words."""
        return NAMES.get(self.number, f"opcode {self.number}")


def parse(data: bytes) -> list[Opcode]:
    """Read a list.

    Raises:
        ValueError: it is damaged.
    """
    if not data:
        return []
    if len(data) < 4:
        raise ValueError("its opcode list is cut off")
    (count,) = struct.unpack_from(">I", data)
    if count > min(_MOST_OPCODES, (len(data) - 4) // 16):
        raise ValueError("its opcode list is damaged")
    found: list[Opcode] = []
    at = 4
    for _ in range(count):
        if at + 16 > len(data):
            raise ValueError("its opcode list is cut off")
        number, _, flags, size = struct.unpack_from(">4I", data, at)
        if at + 16 + size > len(data):
            raise ValueError("its opcode list is cut off")
        found.append(Opcode(number, bool(flags & _OPTIONAL), data[at + 16 : at + 16 + size]))
        at += 16 + size
    return found


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a list.

    Attributes:
        image: the corrected picture.
        area: what TrimBounds leaves of it.
        names: what was applied.
        notes: what was not, for people.
    """

    image: Light
    area: Area
    names: tuple[str, ...]
    notes: tuple[str, ...]


def apply(
    opcodes: Sequence[Opcode],
    image: Light,
    *,
    lens: bool = True,
    cfa_step: int = 1,
    scale: float = 1.0,
) -> Applied:
    """Apply a list to a picture.

    Args:
        opcodes: from `parse`.
        image: (H, W) mosaic or (H, W, C) picture; for lists 2 and 3 light with white at 1.
        lens: also correct what the lens did: vignetting, distortion, lateral colour.
        cfa_step: distance of two samples of one colour.
        scale: of a table's codes: 65535 for list 1, whose samples are codes, as they are.

    Raises:
        RequiredOpcodeError: one is required and not known.
        LensOpcodeError: one of the lens is damaged and required.
        ValueError: another one is.
    """
    whole = Area(0, 0, *image.shape[:2])
    area, names, notes = whole, list[str](), list[str]()
    planes = image[..., None] if image.ndim == 2 else image
    planes = planes.copy()
    chosen = [opcode for opcode in opcodes if lens or not opcode.is_lens]
    if sum(_share(opcode, whole) for opcode in chosen) > _MOST_PASSES:
        raise ValueError(
            f"its opcode list goes over the picture more than {_MOST_PASSES:.0f} times"
        )
    for opcode in chosen:
        if opcode.number not in NAMES:
            if not opcode.optional:
                raise RequiredOpcodeError(unknown(opcode))
            notes.append(f"its optional {opcode.name} is not known here and was left out")
            continue
        try:
            if opcode.number == _TRIM:
                area = Area(*struct.unpack_from(">4i", opcode.data)).within(whole)
                if min(area.height, area.width) < 1:
                    area = whole
                    raise ValueError("TrimBounds leaves nothing")
            else:
                planes = _one(opcode, planes, cfa_step, scale)
        except (ValueError, struct.error, OverflowError) as error:
            if not opcode.optional:
                kind = LensOpcodeError if opcode.is_lens else ValueError
                why = "it is cut off" if isinstance(error, struct.error) else error
                raise kind(f"its {opcode.name} is damaged: {why}") from error
            notes.append(f"its {opcode.name} is damaged and was left out")
            continue
        names.append(opcode.name)
    return Applied(planes[..., 0] if image.ndim == 2 else planes, area, tuple(names), tuple(notes))


def unknown(opcode: Opcode) -> str:
    """Why a required correction ends development."""
    return f"it asks for {opcode.name}, which is not known here"


def _share(opcode: Opcode, whole: Area) -> float:
    """What part of the picture an opcode goes over."""
    if opcode.number == _TRIM or opcode.number not in NAMES:
        return 0.0
    if opcode.number not in _REGIONS or len(opcode.data) < 16:
        return 1.0
    area = Area(*struct.unpack_from(">4i", opcode.data)).within(whole)
    return area.height * area.width / max(1, whole.height * whole.width)


def _one(opcode: Opcode, planes: Light, cfa_step: int, scale: float) -> Light:
    data = opcode.data
    match opcode.number:
        case 1 | 14:
            return geometry.warp_rectilinear(planes, data, second=opcode.number == 14)
        case 2:
            return geometry.warp_fisheye(planes, data)
        case 3:
            return geometry.fix_vignette(planes, data)
        case 4:
            return bad_pixels.fix_constant(planes, data, cfa_step)
        case 5:
            return bad_pixels.fix_list(planes, data, cfa_step)
        case 7:
            return regions.map_table(planes, data, scale)
        case 8:
            return regions.map_polynomial(planes, data, scale)
        case 9:
            return regions.gain_map(planes, data)
        case _:
            return regions.per_line(planes, data, opcode.number, scale)
