"""Hot, dead and stuck pixels: found on the mosaic and mended before anything spreads them.

A defect stands alone: it differs from all samples of its colour around by more than noise
explains, and the samples of the other colours beside it know nothing of it. Stars and glints are
spread by the lens over their neighbours, whatever colour these have, and stay.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_cli.raw.noise import NoiseModel

_DEVIATIONS = 8.0
_LEAST = 0.01
"""Of full scale: fainter ones are nobody's trouble."""
_SHARE = 0.06
"""Of its excess that a star leaves, at least, in the four samples beside it, on average."""
_MOST = 0.15
"""Of its excess in any of the four: more is texture."""
_BAND = 512


def mend(
    light: NDArray[np.float32], cfa: str, model: NoiseModel
) -> tuple[NDArray[np.float32], int]:
    """Replace defects by the median of their colour around.

    Args:
        light: (H, W), black at 0, saturation at 1.
        cfa: colours of its 2x2 cell.
        model: its noise.

    Returns:
        The mended mosaic (the given one where nothing was found), and how many were mended.
    """
    height, width = light.shape
    if min(height, width) < 8:
        return light, 0
    found = list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]]()
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        first, last = max(0, top - 4), min(height, bottom + 4)
        rows, columns, values = _defects(light[first:last], cfa, first, model)
        rows = rows + first
        own = (rows >= top) & (rows < bottom)
        found.append((rows[own], columns[own], values[own]))
    rows, columns, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not len(rows):
        return light, 0
    mended = light.copy()
    mended[rows, columns] = values
    return mended, len(rows)


def _defects(
    band: NDArray[np.float32], cfa: str, first: int, model: NoiseModel
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Rows, columns and new values of a band's defects; `first` is its first row."""
    around = _ring()
    # Beyond the edges there is nothing: a mirror would show places next to one to themselves.
    upper, lower = cv2.dilate(band, around), cv2.erode(band, around)
    high, low = band - upper, lower - band
    # Cheap first: what cannot be a defect is most of the picture.
    hot = (high > _LEAST) & (band > 1.5 * upper)
    dead = (low > _LEAST) & (band < 0.5 * lower)
    rows, columns = np.nonzero(hot | dead)
    if not len(rows):
        return rows, columns, np.empty(0, np.float32)
    padded = np.pad(band, 4, mode="reflect")
    y, x = rows + 4, columns + 4

    def at(dy: int, dx: int) -> NDArray[np.float32]:
        return padded[y + dy, x + dx]

    ring = _around(band, rows, columns)
    middle = np.median(ring, axis=0).astype(np.float32)
    excess = np.abs(band[rows, columns] - middle)
    edge = np.maximum(high[rows, columns], low[rows, columns])
    signal = np.maximum(ring.max(axis=0), 0)
    colours = np.array(["RGB".index(c) for c in cfa]).reshape(2, 2)
    colour = colours[(rows + first) % 2, columns % 2]
    deviation = np.zeros(len(rows))
    for number in range(3):
        own = colour == number
        deviation[own] = model.deviation(signal[own], number)
    sign = np.where(band[rows, columns] > middle, 1, -1)
    beside, most = np.zeros(len(rows)), np.zeros(len(rows))
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        # The neighbour against its own colour around the place, on both sides.
        ground = np.stack(
            [
                at(dy + a, dx + b)
                for a, b in ((-2, 0), (2, 0), (0, -2), (0, 2))
                if (a, b) != (-2 * dy, -2 * dx)
            ]
        )
        raised = sign * (at(dy, dx) - np.median(ground, axis=0))
        beside += raised / 4
        most = np.maximum(most, np.abs(raised))
    # In busy texture nothing stands alone.
    quiet = (edge > 2 * np.ptp(ring, axis=0)) & (most < _MOST * excess + 3 * deviation)
    alone = quiet & (beside < _SHARE * excess)
    bad = alone & (edge > _DEVIATIONS * deviation)
    return rows[bad], columns[bad], middle[bad]


def _around(
    band: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    """(8, N) the nearest samples of a place's colour, those beyond an edge from the other side."""
    height, width = band.shape
    found = list[NDArray[np.float32]]()
    for dy in (-2, 0, 2):
        for dx in (-2, 0, 2):
            y, x = rows + dy, columns + dx
            y = np.where((y < 0) | (y >= height), rows - dy, y)
            x = np.where((x < 0) | (x >= width), columns - dx, x)
            if dy or dx:
                found.append(band[y, x])
    return np.stack(found)


def _ring() -> NDArray[np.uint8]:
    """The eight nearest samples of a colour."""
    ring = np.zeros((5, 5), np.uint8)
    ring[::2, ::2] = 1
    ring[2, 2] = 0
    return ring
