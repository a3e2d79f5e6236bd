"""Proofs: pictures of half the size, fast, for choosing among many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restore_cli.raw.dng_tags import Area


def binned(light: NDArray[np.float32], cfa: str) -> NDArray[np.float32]:
    """Half the size: a mosaic's cells as pixels, or the mean of four pixels."""
    height, width = (max(2, size - size % 2) for size in light.shape[:2])
    light = (
        np.resize(light, (height, width, *light.shape[2:])) if min(light.shape[:2]) < 2 else light
    )
    parts = [light[y:height:2, x:width:2] for y in (0, 1) for x in (0, 1)]
    if light.ndim == 3 or not cfa:
        return np.asarray(np.mean(parts, axis=0, dtype=np.float32))
    colours = [[p for p, c in zip(parts, cfa, strict=True) if c == name] for name in "RGB"]
    return np.stack([np.mean(same, axis=0, dtype=np.float32) for same in colours], axis=2)


def halved(crop: Area, size: tuple[int, ...]) -> Area:
    """An area at half the size, inside of a picture of that size."""
    small = Area(*(value // 2 for value in crop)).within(Area(0, 0, size[0], size[1]))
    return small if min(small.height, small.width) > 0 else Area(0, 0, size[0], size[1])
