"""Bad pixels that a DNG file names: the opcodes FixBadPixelsConstant and FixBadPixelsList."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

_MOST_PIXELS = 1_000_000
Light = NDArray[np.float32]


def fix_constant(planes: Light, data: bytes, step: int) -> Light:
    """FixBadPixelsConstant: samples of one value are bad.

    Args:
        planes: (H, W, C); changed in place.
        data: the opcode's parameters.
        step: distance of two samples of one colour, px.

    Raises:
        struct.error: they are cut off.
    """
    constant, _ = struct.unpack_from(">2I", data)
    bad = planes[..., 0] == np.float32(constant)
    return _mend(planes, bad, step)


def fix_list(planes: Light, data: bytes, step: int) -> Light:
    """FixBadPixelsList: points and rectangles are bad; what it takes is as in `fix_constant`.

    Raises:
        ValueError, struct.error: they are damaged.
    """
    _, points, rects = struct.unpack_from(">3I", data)
    if points * 8 + rects * 16 > len(data) - 12 or points + rects > _MOST_PIXELS:
        raise ValueError("it is cut off")
    bad = np.zeros(planes.shape[:2], bool)
    places = np.frombuffer(data, ">u4", 2 * points, 12).reshape(-1, 2).astype(np.int64)
    inside = (places < planes.shape[:2]).all(axis=1)
    bad[places[inside, 0], places[inside, 1]] = True
    areas = np.frombuffer(data, ">u4", 4 * rects, 12 + 8 * points).reshape(-1, 4)
    return _mend(planes, _covered(areas, bad), step)


def _covered(areas: NDArray[np.uint32], bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Bad places, with those of rectangles: by their corners, so that many large ones cost little.

    Args:
        areas: (n, 4) top, left, bottom, right.
        bad: (H, W).
    """
    height, width = bad.shape
    limits = np.array([height, width, height, width])
    top, left, bottom, right = np.minimum(areas.astype(np.int64), limits).T
    some = (top < bottom) & (left < right)
    if not some.any():
        return bad
    corners = np.zeros((height + 1, width + 1), np.int32)
    for rows, columns, sign in (
        (top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1)
    ):  # fmt: skip
        np.add.at(corners, (rows[some], columns[some]), sign)
    np.cumsum(corners, axis=0, out=corners)
    np.cumsum(corners, axis=1, out=corners)
    return bad | (corners[:height, :width] > 0)


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
