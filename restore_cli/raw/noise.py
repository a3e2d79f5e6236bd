"""How noisy a mosaic is: as its NoiseProfile says, or as it shows.

Noise of a sensor has the variance shot * x + read at the light x (Foi et al., "Practical
Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE TIP 2008; DNG's
NoiseProfile says the same two numbers). Where no tag tells them, they are fitted to the weakest
second differences among samples of one colour, brightness by brightness: texture only adds to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.profile import encode_srgb

Source = Literal["profile", "estimated"]
_BLOCK = 8
_BINS = 24
_QUANTILE, _OF_THE_MEAN = 0.05, 0.464
"""Of a brightness's blocks, and what it is of the mean of blocks of white noise."""
_ABOVE = 0.03
"""Weight of a brightness that lies above the line, by texture."""
_PASSES = 30
_CLIPPED = 0.95
_MOST_SAMPLES = 1 << 22


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """Variance of noise by light, light from 0 (black) to 1 (saturation) before white balance.

    Attributes:
        shot: (3,) variance per light, of red, green, blue.
        read: (3,) variance without light.
        source: who says so.
    """

    shot: NDArray[np.float64]
    read: NDArray[np.float64]
    source: Source

    def deviation(self, light: NDArray[Any], colour: int) -> NDArray[np.float64]:
        """Standard deviation at these lights."""
        return np.sqrt(np.maximum(self.shot[colour] * np.maximum(light, 0) + self.read[colour], 0))


def from_profile(profile: NDArray[np.float64]) -> NoiseModel:
    """That of a NoiseProfile, (1, 2) or (colours, 2)."""
    rows = np.broadcast_to(profile, (3, 2)) if len(profile) == 1 else profile[:3]
    return NoiseModel(rows[:, 0].copy(), rows[:, 1].copy(), "profile")


def estimate(light: NDArray[np.float32], cfa: str) -> NoiseModel:
    """That which a mosaic shows.

    Args:
        light: (H, W), black at 0, saturation at 1.
        cfa: colours of its 2x2 cell.
    """
    means, variances = list[NDArray[np.float64]](), list[NDArray[np.float64]]()
    for place in range(4):
        row, column = divmod(place, 2)
        mean, variance = _blocks(light[row::2, column::2])
        means.append(mean)
        variances.append(variance)
    shot, read = _fit(np.concatenate(means), np.concatenate(variances))
    return NoiseModel(np.full(3, shot), np.full(3, read), "estimated")


def level(
    light: NDArray[np.float32], cfa: str, model: NoiseModel, gains: tuple[float, float, float]
) -> float:
    """One number for a network: the noise of a balanced mosaic under the sRGB curve.

    Args:
        light: (H, W), before white balance.
        cfa: colours of its 2x2 cell.
        model: its noise.
        gains: multipliers that bring it to what the network reads, headroom included.

    Returns:
        Root of the mean variance, on the 0..255 scale.
    """
    squares = list[float]()
    step = max(1, round((light.size / _MOST_SAMPLES) ** 0.5))
    for place, colour in enumerate(cfa):
        row, column = divmod(place, 2)
        number = "RGB".index(colour)
        seen = light[row::2, column::2][::step, ::step]
        if not seen.size:
            continue
        gain = gains[number]
        signal = np.clip(seen, 0, 1).astype(np.float64)
        deviation = model.deviation(signal, number) * gain
        balanced = np.minimum(signal * gain, 1)
        # First order: half the step that one deviation up and down makes under the curve.
        up, down = np.minimum(balanced + deviation, 1), balanced - deviation
        half = (_curve(up) - _curve(down)) / 2
        squares.append(float(np.square(half).mean()))
    return 255 * float(np.sqrt(np.mean(squares))) if squares else 0.0


def _curve(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(x < 0, x * 12.92, encode_srgb(np.maximum(x, 0)))


def _blocks(plane: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean, and noise variance as second differences show it, of blocks of samples of a colour."""
    step = max(1, round((plane.size / _MOST_SAMPLES) ** 0.5))
    height, width = ((size // _BLOCK) * _BLOCK for size in plane.shape)
    if height < _BLOCK or width < _BLOCK:
        return np.empty(0), np.empty(0)
    blocks = plane[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    blocks = blocks.transpose(0, 2, 1, 3)[::step, ::step].reshape(-1, _BLOCK, _BLOCK)
    blocks = blocks[blocks.max(axis=(1, 2)) < _CLIPPED].astype(np.float64)
    if not len(blocks):
        return np.empty(0), np.empty(0)
    # The mask [1 -2 1; -2 4 -2; 1 -2 1] has norm 6 and sees no slope (Immerkaer, CVIU 1996).
    across = blocks[:, :, :-2] - 2 * blocks[:, :, 1:-1] + blocks[:, :, 2:]
    both = across[:, :-2] - 2 * across[:, 1:-1] + across[:, 2:]
    return blocks.mean(axis=(1, 2)), np.square(both).mean(axis=(1, 2)) / 36


def _fit(means: NDArray[np.float64], variances: NDArray[np.float64]) -> tuple[float, float]:
    """Shot and read variance under the weakest blocks of each brightness."""
    if len(means) < 4:
        return 0.0, 0.0
    order = np.argsort(means)
    bins = np.array_split(order, max(1, min(_BINS, len(order) // 32)))
    x = np.array([means[b].mean() for b in bins])
    y = np.array([np.quantile(variances[b], _QUANTILE) for b in bins]) / _OF_THE_MEAN
    if len(bins) < 3 or np.ptp(x) < 1e-3:
        return 0.0, float(np.median(y))
    shot, read = 0.0, 0.0
    weight = 1 / np.maximum(y, 1e-12)
    for _ in range(_PASSES):
        # Texture only raises a bin: those above the line count less (asymmetric least squares).
        design = np.stack([x, np.ones_like(x)], 1) * weight[:, None]
        (shot, read), *_ = np.linalg.lstsq(design, y * weight, rcond=None)
        square = np.square(weight)
        if read < 0:
            shot, read = float((square * x * y).sum() / (square * x * x).sum()), 0.0
        if shot < 0:
            shot, read = 0.0, float((square * y).sum() / square.sum())
        line = np.maximum(shot * x + read, 1e-12)
        weight = np.where(y > line, _ABOVE, 1.0) / line
    return float(shot), float(read)
