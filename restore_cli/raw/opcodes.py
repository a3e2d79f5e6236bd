"""DNG's opcode lists: corrections that the file asks for, each at its place in development.

Source: Adobe, Digital Negative Specification 1.7.1, chapter 7. Lists are big-endian. Reading is
bounded by the bytes that are there, applying by the picture: a list that claims more is damaged.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restore_cli.raw import geometry
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
_GAIN_MAP = 9
_OPTIONAL, _MOST_OPCODES, _MOST_PIXELS = 1, 256, 1_000_000
_BAND = 256  # rows at a time
Light = NDArray[np.float32]


class RequiredOpcodeError(ValueError):
    """A correction without which the file must not be developed, and which is not known here."""


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
        ValueError: one is damaged and required.
    """
    whole = Area(0, 0, *image.shape[:2])
    area, names, notes = whole, list[str](), list[str]()
    planes = image[..., None] if image.ndim == 2 else image
    planes = planes.copy()
    for opcode in opcodes:
        if not lens and opcode.is_lens:
            continue
        if opcode.number not in NAMES:
            if not opcode.optional:
                raise RequiredOpcodeError(f"it asks for {opcode.name}, which is not known here")
            notes.append(f"its optional {opcode.name} is not known here and was left out")
            continue
        try:
            if opcode.number == 6:
                area = Area(*_unpack(">4i", opcode.data)).within(whole)
                if min(area.height, area.width) < 1:
                    area = whole
                    raise ValueError("TrimBounds leaves nothing")
            else:
                planes = _one(opcode, planes, cfa_step, scale)
        except (ValueError, struct.error, OverflowError) as error:
            if not opcode.optional:
                raise ValueError(f"its {opcode.name} is damaged: {error}") from error
            notes.append(f"its {opcode.name} is damaged and was left out")
            continue
        names.append(opcode.name)
    return Applied(planes[..., 0] if image.ndim == 2 else planes, area, tuple(names), tuple(notes))


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
            return _fix_constant(planes, data, cfa_step)
        case 5:
            return _fix_list(planes, data, cfa_step)
        case 7:
            return _map_table(planes, data, scale)
        case 8:
            return _map_polynomial(planes, data, scale)
        case 9:
            return _gain_map(planes, data)
        case _:
            return _per_line(planes, data, opcode.number, scale)


def _unpack(format: str, data: bytes, at: int = 0) -> tuple[int, ...]:
    return struct.unpack_from(format, data, at)


@dataclass(frozen=True, slots=True)
class _Region:
    """The samples that an opcode works on."""

    rows: slice
    columns: slice
    planes: slice

    @classmethod
    def read(cls, data: bytes, shape: tuple[int, ...]) -> _Region:
        top, left, bottom, right, plane, planes, down, across = _unpack(">4i4I", data)
        if not down or not across:
            raise ValueError("a pitch of 0")
        area = Area(top, left, bottom, right).within(Area(0, 0, shape[0], shape[1]))
        # The first line at or after the picture's edge that the pitch meets.
        first = area.top + (top - area.top) % down, area.left + (left - area.left) % across
        return cls(
            slice(first[0], area.bottom, min(down, shape[0])),
            slice(first[1], area.right, min(across, shape[1])),
            slice(min(plane, shape[2]), min(plane + planes, shape[2])),
        )

    def of(self, planes: Light) -> Light:
        return planes[self.rows, self.columns, self.planes]


def _gain_map(planes: Light, data: bytes) -> Light:
    region = _Region.read(data, planes.shape)
    down, across = _unpack(">2I", data, 32)
    step_y, step_x, top, left = np.array(struct.unpack_from(">4d", data, 40))
    (deep,) = _unpack(">I", data, 72)
    if not 1 <= down * across * deep <= (len(data) - 76) // 4:
        raise ValueError("it is cut off")
    gains = np.frombuffer(data, ">f4", down * across * deep, 76).reshape(down, across, deep)
    if not np.isfinite(gains).all() or not np.isfinite([step_y, step_x, top, left]).all():
        raise ValueError("it holds what is no number")
    height, width, _ = planes.shape
    at_y = _nodes(np.arange(height)[region.rows], height, top, step_y, down)
    at_x = _nodes(np.arange(width)[region.columns], width, left, step_x, across)
    for plane in range(region.planes.start, region.planes.stop):
        map_ = gains[..., min(plane, deep - 1)].astype(np.float64)
        by_column = _between(map_, at_x, axis=1)
        part = planes[region.rows, region.columns, plane]
        for rows in _bands(len(part)):
            part[rows] *= _between(by_column, at_y[rows], axis=0).astype(np.float32)
    return planes


def _bands(height: int) -> Iterator[slice]:
    return (slice(top, min(top + _BAND, height)) for top in range(0, height, _BAND))


def _nodes(
    places: NDArray[np.intp], length: int, start: float, step: float, count: int
) -> NDArray[np.float64]:
    """Where pixels' centres lie between a map's nodes."""
    if count == 1 or step <= 0:
        return np.zeros(len(places))
    return np.clip(((places + 0.5) / length - start) / step, 0, count - 1)


def _between(map_: NDArray[np.float64], at: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    below = np.minimum(at.astype(np.intp), map_.shape[axis] - 1)
    above = np.minimum(below + 1, map_.shape[axis] - 1)
    part = (at - below)[:, None] if axis == 0 else (at - below)[None]
    return np.take(map_, below, axis) * (1 - part) + np.take(map_, above, axis) * part


def _map_table(planes: Light, data: bytes, scale: float) -> Light:
    region = _Region.read(data, planes.shape)
    (count,) = _unpack(">I", data, 32)
    if not 1 <= count <= min(65536, (len(data) - 36) // 2):
        raise ValueError("it is cut off")
    table = np.frombuffer(data, ">u2", count, 36).astype(np.float32)
    part = region.of(planes)
    for rows in _bands(len(part)):
        # Light is in 65535ths there; codes of list 1 are themselves.
        codes = np.clip(part[rows] * np.float32(65535 / scale) + np.float32(0.5), 0, count - 1)
        part[rows] = table[codes.astype(np.intp)] * np.float32(scale / 65535)
    return planes


def _map_polynomial(planes: Light, data: bytes, scale: float) -> Light:
    region = _Region.read(data, planes.shape)
    (degree,) = _unpack(">I", data, 32)
    if degree > 8:
        raise ValueError("a degree above 8")
    factors = struct.unpack_from(f">{degree + 1}d", data, 36)
    part = region.of(planes)
    if not np.isfinite(factors).all():
        raise ValueError("it holds what is no number")
    for rows in _bands(len(part)):
        x = (part[rows] / scale).astype(np.float64)
        value = np.zeros_like(x)
        for factor in reversed(factors):
            value = value * x + factor
        part[rows] = np.clip(np.nan_to_num(value), -1, 1) * scale
    return planes


def _per_line(planes: Light, data: bytes, number: int, scale: float) -> Light:
    region = _Region.read(data, planes.shape)
    (count,) = _unpack(">I", data, 32)
    part = region.of(planes)
    by_row = number in (10, 12)
    lines = part.shape[0 if by_row else 1]
    if count > (len(data) - 36) // 4 or count < lines:
        raise ValueError("it is cut off")
    values = np.frombuffer(data, ">f4", lines, 36).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("it holds what is no number")
    values = values[:, None, None] if by_row else values[None, :, None]
    if number >= 12:
        part *= values
    else:
        part += values * np.float32(scale)
    return planes


def _fix_constant(planes: Light, data: bytes, step: int) -> Light:
    constant, _ = _unpack(">2I", data)
    bad = planes[..., 0] == np.float32(constant)
    return _mend(planes, bad, step)


def _fix_list(planes: Light, data: bytes, step: int) -> Light:
    _, points, rects = _unpack(">3I", data)
    if points * 8 + rects * 16 > len(data) - 12 or points + rects > _MOST_PIXELS:
        raise ValueError("it is cut off")
    bad = np.zeros(planes.shape[:2], bool)
    places = np.frombuffer(data, ">u4", 2 * points, 12).reshape(-1, 2).astype(np.int64)
    inside = (places < planes.shape[:2]).all(axis=1)
    bad[places[inside, 0], places[inside, 1]] = True
    areas = np.frombuffer(data, ">u4", 4 * rects, 12 + 8 * points).reshape(-1, 4)
    for top, left, bottom, right in areas.astype(np.int64):
        bad[top:bottom, left:right] = True
    return _mend(planes, bad, step)


def _mend(planes: Light, bad: NDArray[np.bool_], step: int) -> Light:
    """Put the mean of the good samples of the same colour around in place of each bad one."""
    if not bad.any():
        return planes
    for reach in (step, 2 * step, 4 * step):
        rows, columns = np.nonzero(bad)
        if not len(rows) or len(rows) > bad.size // 2:
            break
        total, weight = np.zeros((len(rows), planes.shape[2])), np.zeros(len(rows))
        for dy in (-reach, 0, reach):
            for dx in (-reach, 0, reach):
                y, x = rows + dy, columns + dx
                good = (y >= 0) & (y < bad.shape[0]) & (x >= 0) & (x < bad.shape[1])
                good &= (dy != 0) | (dx != 0)
                good[good] &= ~bad[y[good], x[good]]
                # Nearer ones count more: corners of the square are further away.
                share = 1.0 if 0 in (dy, dx) else 0.5
                total[good] += share * planes[y[good], x[good]]
                weight[good] += share
        done = weight > 0
        planes[rows[done], columns[done]] = total[done] / weight[done, None]
        bad = bad.copy()
        bad[rows[done], columns[done]] = False
    return planes
