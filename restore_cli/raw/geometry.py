"""The opcodes that follow from a lens: distortion, lateral colour, radial vignetting.

Source: Adobe, Digital Negative Specification 1.7.1, chapter 7. The optical centre is told in parts
of the picture's sides; radii are parts of the distance from there to the furthest corner.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Light = NDArray[np.float32]
Plane = NDArray[np.float64]
Place = Callable[[int, Plane, Plane], tuple[Plane, Plane]]
"""Of a plane and places from the centre, rows and columns: where their values come from."""

_BAND = 512  # rows at a time
_MOST_SHIFT = 4.0
"""A place taken from more than that many radii away is nonsense."""


def fix_vignette(planes: Light, data: bytes) -> Light:
    """FixVignetteRadial: times 1 + k0 r^2 + k1 r^4 + ... + k4 r^10.

    Args:
        planes: (H, W, C); changed in place.
        data: the opcode's parameters.

    Raises:
        ValueError: they are damaged.
    """
    *k, x, y = _numbers(data, 0, 7)
    centre = _Centre.of(planes, x, y)
    for rows in _bands(planes.shape[0]):
        dy, dx = centre.offsets(rows, planes.shape[1])
        square = dy**2 + dx**2
        gain = np.zeros_like(square)
        for factor in reversed(k):
            gain = (gain + factor) * square
        planes[rows] *= np.clip(1 + gain, 0, 1e3)[..., None].astype(np.float32)
    return planes


def warp_rectilinear(planes: Light, data: bytes, *, second: bool = False) -> Light:
    """WarpRectilinear, and its successor of DNG 1.6: where each place of the result comes from.

    Args:
        planes: (H, W, C).
        data: the opcode's parameters.
        second: it is WarpRectilinear2, with 15 radial terms.

    Raises:
        ValueError: they are damaged.
    """
    (count,) = struct.unpack_from(">I", data)
    size = 19 if second else 6
    if not 1 <= count <= 4:
        raise ValueError("a number of planes that is not 1 to 4")
    sets = [_numbers(data, 4 + 8 * size * i, size) for i in range(count)]
    x, y = _numbers(data, 4 + 8 * size * count, 2)
    reciprocal = second and struct.unpack_from(">I", data, 20 + 8 * size * count)[0] == 1

    def place(number: int, dy: Plane, dx: Plane) -> tuple[Plane, Plane]:
        k = sets[min(number, count - 1)]
        square = dy**2 + dx**2
        if second:
            radius = np.clip(np.sqrt(square), k[17], max(k[17], k[18]))
            ratio = _polynomial(k[:15], radius)
            if reciprocal:
                ratio = 1 / np.where(np.abs(ratio) > 1e-6, ratio, 1e-6)
            t0, t1 = k[15], k[16]
        else:
            ratio = _polynomial(k[:4], square)
            t0, t1 = k[4], k[5]
        turned = 2 * t0 * dx * dy + t1 * (square + 2 * dx**2)
        upward = 2 * t1 * dx * dy + t0 * (square + 2 * dy**2)
        return ratio * dy + upward, ratio * dx + turned

    return _warp(planes, _Centre.of(planes, x, y), place)


def warp_fisheye(planes: Light, data: bytes) -> Light:
    """WarpFisheye: a fisheye picture as a rectilinear lens would have made it.

    Raises:
        ValueError: the parameters are damaged.
    """
    (count,) = struct.unpack_from(">I", data)
    if not 1 <= count <= 4:
        raise ValueError("a number of planes that is not 1 to 4")
    sets = [_numbers(data, 4 + 32 * i, 4) for i in range(count)]
    x, y = _numbers(data, 4 + 32 * count, 2)

    def place(number: int, dy: Plane, dx: Plane) -> tuple[Plane, Plane]:
        k = sets[min(number, count - 1)]
        radius = np.sqrt(dy**2 + dx**2)
        angle = np.arctan(radius)
        distorted = angle * _polynomial(k, angle**2)
        ratio = np.where(radius > 1e-9, distorted / np.maximum(radius, 1e-9), k[0])
        return ratio * dy, ratio * dx

    return _warp(planes, _Centre.of(planes, x, y), place)


class _Centre:
    """The optical centre in pixels, and the distance of the furthest corner from it."""

    def __init__(self, x: float, y: float, reach: float) -> None:
        self.x, self.y, self.reach = x, y, reach

    @classmethod
    def of(cls, planes: Light, x: float, y: float) -> _Centre:
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError("its centre lies outside of the picture")
        height, width = planes.shape[:2]
        # Sides are counted from the first pixel's outer edge.
        across, down = x * width, y * height
        reach = np.hypot(max(across, width - across), max(down, height - down))
        return cls(across - 0.5, down - 0.5, float(max(reach, 1e-9)))

    def offsets(self, rows: slice, width: int) -> tuple[Plane, Plane]:
        dy = (np.arange(rows.start, rows.stop)[:, None] - self.y) / self.reach
        dx = (np.arange(width)[None] - self.x) / self.reach
        both = np.broadcast_arrays(dy, dx)
        return both[0], both[1]


def _warp(planes: Light, centre: _Centre, place: Place) -> Light:
    height, width, count = planes.shape
    if max(height, width) > 32767:
        raise ValueError("the picture is too large to be warped")
    out = np.empty_like(planes)
    for number in range(count):
        source = np.ascontiguousarray(planes[..., number])
        for rows in _bands(height):
            dy, dx = centre.offsets(rows, width)
            y, x = place(number, dy, dx)
            if not (np.isfinite(y).all() and np.isfinite(x).all()):
                raise ValueError("it leaves no numbers")
            y, x = (np.clip(p, -_MOST_SHIFT, _MOST_SHIFT) * centre.reach for p in (y, x))
            out[rows, :, number] = cv2.remap(
                source,
                (x + centre.x).astype(np.float32),
                (y + centre.y).astype(np.float32),
                cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )
    return out


def _polynomial(factors: list[float], x: Plane) -> Plane:
    value = np.zeros_like(x)
    for factor in reversed(factors):
        value = value * x + factor
    return value


def _numbers(data: bytes, at: int, count: int) -> list[float]:
    values = list(struct.unpack_from(f">{count}d", data, at))
    if not np.isfinite(values).all():
        raise ValueError("it holds what is no number")
    return values


def _bands(height: int) -> list[slice]:
    return [slice(top, min(top + _BAND, height)) for top in range(0, height, _BAND)]
