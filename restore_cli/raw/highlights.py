"""Highlights in which some colours are saturated: cut off at white, or rebuilt.

Rebuilt, a saturated colour takes its ratio to the others from the nearest place where none is
saturated; where all are, the light is white. So nothing turns magenta, and what is brighter than
the first saturated colour keeps its shading.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Highlights = Literal["clip", "reconstruct"]
Light = NDArray[np.float32]
_SATURATED = 0.985
_LEVELS = 8


def reconstruct(light: Light, gains: tuple[float, float, float]) -> Light:
    """Rebuild saturated colours of a picture.

    Args:
        light: (H, W, 3) before white balance, saturation at 1.
        gains: white-balance multipliers, the smallest 1.

    Returns:
        (H, W, 3) balanced; reaches above 1, at most to the largest gain.
    """
    multipliers = np.array(gains, np.float32)
    balanced = light * multipliers
    clipped = light >= _SATURATED
    some: NDArray[np.bool_] = np.asarray(clipped.any(axis=2))
    all_: NDArray[np.bool_] = np.asarray(clipped.all(axis=2))
    if not some.any():
        return balanced
    most = float(multipliers.max())
    ratios = _spread(balanced, ~some)
    known = np.where(clipped, 0, balanced)
    weight = np.where(clipped, 0, ratios)
    # Brightness as the unsaturated colours tell it, by the ratios of the surroundings.
    brightness = known.sum(axis=2) / np.maximum(weight.sum(axis=2), np.float32(1e-6))
    rebuilt = np.maximum(ratios * brightness[..., None], balanced)
    out = np.where(clipped, np.minimum(rebuilt, most), balanced)
    out[all_] = most
    return out.astype(np.float32)


def reconstruct_mosaic(light: Light, cfa: str, gains: tuple[float, float, float]) -> Light:
    """The same for a mosaic (H, W): cell by cell, at half the size."""
    height, width = light.shape
    padded = np.pad(light, ((0, height % 2), (0, width % 2)), mode="symmetric")
    cells = np.stack([padded[y::2, x::2] for y in (0, 1) for x in (0, 1)], axis=2)
    numbers = ["RGB".index(colour) for colour in cfa]
    planes = np.stack(
        [np.max([cells[..., i] for i in range(4) if numbers[i] == c], axis=0) for c in range(3)],
        axis=2,
    )
    out = np.empty_like(padded)
    rebuilt = reconstruct(planes, gains)
    whole = (planes >= _SATURATED).all(axis=2)
    for place, colour in enumerate(numbers):
        row, column = divmod(place, 2)
        own = cells[..., place] * np.float32(gains[colour])
        saturated = (cells[..., place] >= _SATURATED) | whole
        out[row::2, column::2] = np.where(saturated, rebuilt[..., colour], own)
    return out[:height, :width]


def _spread(balanced: Light, known: NDArray[np.bool_]) -> Light:
    """Ratios of the colours, from places where they are known into those where they are not."""
    total = np.maximum(balanced.sum(axis=2, keepdims=True), np.float32(1e-6))
    # Near saturation a place says most of the colours of the saturated ones.
    weight = np.where(known, np.square(np.minimum(total[..., 0], 3)), 0).astype(np.float32)
    sums = (balanced / total) * weight[..., None]
    pyramid = [(sums, weight)]
    for _ in range(_LEVELS):
        sums, weight = (
            np.asarray(cv2.pyrDown(np.ascontiguousarray(p)), np.float32) for p in pyramid[-1]
        )
        pyramid.append((sums, weight))
        if min(weight.shape) < 4:
            break
    grey = np.full(3, 1 / 3, np.float32)
    sums, weight = pyramid[-1]
    strong = weight[..., None]
    ratios = np.where(strong > 1e-6, sums / np.maximum(strong, 1e-6), grey).astype(np.float32)
    for sums, weight in reversed(pyramid[:-1]):
        size = (weight.shape[1], weight.shape[0])
        coarse = cv2.resize(ratios, size, interpolation=cv2.INTER_LINEAR)
        trust = np.clip(weight / 0.05, 0, 1)[..., None]
        own = sums / np.maximum(weight[..., None], np.float32(1e-6))
        ratios = (trust * own + (1 - trust) * coarse).astype(np.float32)
    return ratios
