"""Opcodes that change the levels of a region: gain maps, tables, polynomials, factors of lines.

Source: Adobe, Digital Negative Specification 1.7.1, chapter 7.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restore_cli.raw.dng_tags import Area

_BAND = 256  # rows at a time
Light = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Region:
    """The samples that an opcode works on.

    Attributes:
        rows: of the picture.
        columns: of the picture.
        planes: of the picture.
        beyond: rows and columns of the region that lie before the picture's.
    """

    rows: slice
    columns: slice
    planes: slice
    beyond: tuple[int, int]

    @classmethod
    def read(cls, data: bytes, shape: tuple[int, ...]) -> _Region:
        top, left, bottom, right, plane, planes, down, across = struct.unpack_from(">4i4I", data)
        if not down or not across:
            raise ValueError("a pitch of 0")
        area = Area(top, left, bottom, right).within(Area(0, 0, shape[0], shape[1]))
        # The first line at or after the picture's edge that the pitch meets.
        first = area.top + (top - area.top) % down, area.left + (left - area.left) % across
        return cls(
            slice(first[0], area.bottom, min(down, shape[0])),
            slice(first[1], area.right, min(across, shape[1])),
            slice(min(plane, shape[2]), min(plane + planes, shape[2])),
            ((first[0] - top) // down, (first[1] - left) // across),
        )

    def of(self, planes: Light) -> Light:
        return planes[self.rows, self.columns, self.planes]


def gain_map(planes: Light, data: bytes) -> Light:
    """GainMap: times a map of gains, linear between its nodes.

    Args:
        planes: (H, W, C); changed in place.
        data: the opcode's parameters.

    Raises:
        ValueError, struct.error: they are damaged.
    """
    region = _Region.read(data, planes.shape)
    down, across = struct.unpack_from(">2I", data, 32)
    step_y, step_x, top, left = np.array(struct.unpack_from(">4d", data, 40))
    (deep,) = struct.unpack_from(">I", data, 72)
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


def map_table(planes: Light, data: bytes, scale: float) -> Light:
    """MapTable: each level becomes what a table says.

    Args:
        planes: (H, W, C); changed in place.
        data: the opcode's parameters.
        scale: of the samples: 65535 for codes, 1 for light.

    Raises:
        ValueError, struct.error: they are damaged.
    """
    region = _Region.read(data, planes.shape)
    (count,) = struct.unpack_from(">I", data, 32)
    if not 1 <= count <= min(65536, (len(data) - 36) // 2):
        raise ValueError("it is cut off")
    table = np.frombuffer(data, ">u2", count, 36).astype(np.float32)
    part = region.of(planes)
    for rows in _bands(len(part)):
        # Light is in 65535ths there; codes of list 1 are themselves.
        codes = np.clip(part[rows] * np.float32(65535 / scale) + np.float32(0.5), 0, count - 1)
        part[rows] = table[codes.astype(np.intp)] * np.float32(scale / 65535)
    return planes


def map_polynomial(planes: Light, data: bytes, scale: float) -> Light:
    """MapPolynomial: each level x becomes f0 + f1 x + f2 x^2 + ...; see `map_table`."""
    region = _Region.read(data, planes.shape)
    (degree,) = struct.unpack_from(">I", data, 32)
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


def per_line(planes: Light, data: bytes, number: int, scale: float) -> Light:
    """DeltaPerRow and -Column, ScalePerRow and -Column: plus or times a number for each line.

    Args:
        planes: (H, W, C); changed in place.
        data: the opcode's parameters.
        number: which of the four, 10 to 13.
        scale: of the samples: 65535 for codes, 1 for light.

    Raises:
        ValueError, struct.error: they are damaged.
    """
    region = _Region.read(data, planes.shape)
    (count,) = struct.unpack_from(">I", data, 32)
    part = region.of(planes)
    by_row = number in (10, 12)
    lines, before = part.shape[0 if by_row else 1], region.beyond[0 if by_row else 1]
    if count > (len(data) - 36) // 4:
        raise ValueError("it is cut off")
    if count < before + lines:
        what = "rows" if by_row else "columns"
        raise ValueError(f"{count} numbers for {before + lines} {what}")
    values = np.frombuffer(data, ">f4", lines, 36 + 4 * before).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("it holds what is no number")
    values = values[:, None, None] if by_row else values[None, :, None]
    if number >= 12:
        part *= values
    else:
        part += values * np.float32(scale)
    return planes
