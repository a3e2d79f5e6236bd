"""Levels, white balance and matrix of a RAW file, and what to do where they make no sense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.raw.colorimetry import Matrix, to_srgb_matrix

Gains = tuple[float, float, float]
_MOST_BLACK = 0.25
"""A black level above this part of white is taken for nonsense."""
_MOST_GAIN = 64.0
_LINES = 256  # rows at a time


@dataclass(frozen=True, slots=True)
class Levels:
    """What codes mean.

    Attributes:
        tile: (r, c) black level, or (r, c, samples), repeated from the visible origin.
        white: code of saturation.
        rows: (H,) added to the black level of each row, or None.
        columns: (W,) added to that of each column, or None.
        replaced: whether LibRaw would take others from the file.
        whites: (samples,) codes of saturation where they differ, or None.
    """

    tile: NDArray[np.float64]
    white: float
    rows: NDArray[np.float64] | None = None
    columns: NDArray[np.float64] | None = None
    replaced: bool = False
    whites: NDArray[np.float64] | None = None

    def black(self, rows: slice, width: int) -> NDArray[np.float32]:
        """Black level of some rows, (h, W), (h, W, samples), or whatever broadcasts to it."""
        if self.tile.shape[:2] == (1, 1) and self.rows is None and self.columns is None:
            return self.tile.astype(np.float32)
        height, breadth = self.tile.shape[:2]
        lines = np.arange(rows.start, rows.stop) % height
        black = self.tile[lines][:, np.arange(width) % breadth]
        deep = (1,) * (black.ndim - 2)
        if self.rows is not None:
            black = black + self.rows[rows].reshape(-1, 1, *deep)
        if self.columns is not None:
            black = black + self.columns.reshape(1, -1, *deep)
        return black.astype(np.float32)

    def light(self, codes: NDArray[Any]) -> NDArray[np.float32]:
        """Codes as light: black at 0, saturation at 1.

        Args:
            codes: (H, W), or (H, W, samples).

        Returns:
            The same shape; noise reaches below 0, and nothing is cut off.
        """
        height, width = codes.shape[:2]
        out = np.empty(codes.shape, np.float32)
        white = np.float32(self.white) if self.whites is None else self.whites.astype(np.float32)
        for top in range(0, height, _LINES):
            rows = slice(top, min(top + _LINES, height))
            black = self.black(rows, width)
            if codes.ndim > black.ndim:
                black = black[..., None]
            np.divide(codes[rows] - black, white - black, out=out[rows])
        return out

    def lowest_range(self) -> float:
        """The least distance from black to white; 0 or less where they leave none."""
        white = self.white if self.whites is None else self.whites
        deltas = sum(float(d.max()) for d in (self.rows, self.columns) if d is not None)
        return float((white - self.tile).min()) - max(deltas, 0.0)


def usable_gains(values: Sequence[float]) -> Gains | None:
    """White-balance multipliers with green at 1, or None where they are nonsense (-1, 0, NaN)."""
    numbers = np.array(values[:3], np.float64)
    if len(numbers) < 3 or not np.isfinite(numbers).all() or (numbers <= 0).any():
        return None
    red, blue = numbers[0] / numbers[1], numbers[2] / numbers[1]
    if max(red, blue, 1 / red, 1 / blue) > _MOST_GAIN:
        return None
    return float(red), 1.0, float(blue)


def choose_gains(camera: Sequence[float], daylight: Sequence[float]) -> tuple[Gains, list[str]]:
    """The camera's white balance; where it is nonsense, daylight's; else none.

    Returns:
        Multipliers, and notes on what was done instead.
    """
    if (gains := usable_gains(camera)) is not None:
        return gains, []
    if (gains := usable_gains(daylight)) is not None:
        return gains, ["the camera's white balance makes no sense: daylight's is used"]
    return (1.0, 1.0, 1.0), ["neither camera nor daylight white balance is known: none is applied"]


def choose_matrix(
    embedded: NDArray[np.float64], xyz_to_camera: NDArray[np.float64]
) -> tuple[Matrix, list[str]]:
    """White-balanced camera values to linear sRGB, rows summing to 1.

    Args:
        embedded: (3, 3+) LibRaw's `cmatrix`: made from a DNG's own matrices, zero elsewhere.
        xyz_to_camera: (3+, 3) LibRaw's `cam_xyz`: from its table of cameras, zero where unknown.

    Returns:
        (3, 3), and notes on what was done instead.
    """
    matrix = embedded[:3, :3].astype(np.float64)
    # The condition under which LibRaw itself takes it.
    if (
        np.isfinite(matrix).all()
        and matrix[0, 0] > 0.25
        and np.abs(matrix.sum(axis=1) - 1).max() < 0.05
    ):
        return matrix / matrix.sum(axis=1, keepdims=True), []
    try:
        return to_srgb_matrix(xyz_to_camera[:3].astype(np.float64)), []
    except ValueError:
        return np.eye(3), ["it has no colour matrix: camera colours are taken for sRGB"]


def masked_black(frame: NDArray[np.uint16], top: int, left: int, white: float) -> float | None:
    """The black level as the sensor's masked border says.

    Args:
        frame: (H, W), border included.
        top: rows of the border above the picture.
        left: columns of the border beside it.
        white: code of saturation.

    Returns:
        The median of the darker border; None where there is none or it is no dark, even area.
    """
    borders = [part for part in (frame[:top], frame[:, :left]) if min(part.shape) >= 4]
    levels = [float(np.median(part)) for part in borders]
    if not levels:
        return None
    level = min(levels)
    part = borders[levels.index(level)]
    spread = float(np.percentile(part, 90) - np.percentile(part, 10))
    return level if 0 < level < _MOST_BLACK * white and spread < 0.05 * white else None


def check_black(
    tile: NDArray[np.float64], white: float, *, least: float = 0.0
) -> tuple[NDArray[np.float64], list[str]]:
    """The black level, or 0 where it leaves too little below white or lies under `least`."""
    if np.isfinite(tile).all() and (tile >= least).all() and tile.max() < 0.9 * white:
        return tile, []
    return np.zeros((1, 1)), ["its black level makes no sense: taken as 0"]
