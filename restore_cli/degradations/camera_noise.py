"""Noise as a camera's finished file shows it: demosaiced, developed, in blotches and bands."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from restore_cli.degradations.change import Change, Planned
from restore_cli.degradations.curves import Plane, decode, encode
from restore_cli.degradations.filters import local_mean
from restore_cli.degradations.planes import clip_, drawn, planes, tensor
from restore_cli.degradations.random_fields import fractal
from restore_cli.degradations.sample import (
    Range,
    Sample,
    check_options,
    log_uniform,
    measure,
    number,
    root,
)


@dataclass(frozen=True, kw_only=True)
class CameraNoise(Planned):
    """Shot and read noise of a Bayer sensor, through what a camera makes of it.

    Raw noise is demosaiced (OpenCV, bilinear, so that the grain is a few px wide and neighbouring
    colours share it), mixed by a colour matrix, and laid under the sRGB curve. The picture itself
    is not demosaiced: only noise is to be removed. JPEG is a step of its own, `jpeg`.

    Attributes:
        shot: range of the shot-noise factor in linear light, drawn log-uniformly.
        read: range of the read noise's deviation, drawn log-uniformly.
        grain: range of the size of the frame on which noise is made, as a factor on the picture's,
            drawn log-uniformly: below 1 the grain is enlarged, above 1 averaged, as by resizing.
        saturate: range of how much the colour matrix spreads the colours of the noise.
        blotch_probability: how often there are coloured blotches.
        blotch: range of their deviation in sRGB, 0..255 scale.
        band_probability: how often rows or columns are shifted in brightness.
        band: range of that deviation, 0..255 scale.
    """

    shot: Range = (1e-4, 1.5e-2)
    read: Range = (2e-4, 1.5e-2)
    grain: Range = (0.5, 1.6)
    saturate: Range = (0.0, 0.6)
    blotch_probability: float = 0.3
    blotch: Range = (0.0, 8.0)
    band_probability: float = 0.1
    band: Range = (0.0, 4.0)

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("shot", "read", "grain"))

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Add the noise, clipped to [0, 1]; its map and level are measured, smoothed over 15 px."""
        height, width = sample.image.shape[-2:]
        shot, read = log_uniform(self.shot, rng), log_uniform(self.read, rng)
        unit = _raw_grain(height, width, log_uniform(self.grain, rng), rng)
        spread = np.float32(rng.uniform(*self.saturate))
        unit += spread * (unit - unit.mean(axis=0))
        more: list[Tensor] = []
        if rng.uniform() < self.blotch_probability:
            blotches = _blotches(height, width, rng)
            more.append(drawn(blotches * np.float32(rng.uniform(*self.blotch) / 255)))
        if rng.uniform() < self.band_probability:
            lines = rng.standard_normal((height, 1) if rng.uniform() < 0.5 else (1, width))
            more.append(drawn(lines * rng.uniform(*self.band) / 255))
        found = {"shot": shot, "read": read, "grain": drawn(unit), "more": more}
        return Change(_with_camera, found)


def _with_camera(
    sample: Sample, *, shot: float, read: float, grain: Tensor, more: list[Tensor]
) -> Sample:
    before = planes(sample.image.clamp(0, 1))
    linear = decode(before)
    linear += (shot * linear + read**2) ** 0.5 * planes(grain)
    noise = encode(clip_(linear)) - before
    for one in more:
        noise += planes(one)
    square = (noise * noise).mean(axis=0)
    local = tensor(planes(local_mean(tensor(square), side=15)) ** 0.5)
    changed = replace(
        sample,
        image=tensor(clip_(before + noise)),
        noise=torch.sqrt(sample.noise**2 + local[None] ** 2),
        sigma=math.nan,
    )
    return measure(changed, "sigma", 255 * root(number(square.mean())))


def _raw_grain(height: int, width: int, factor: float, rng: np.random.Generator) -> Plane:
    """Noise of a Bayer frame, demosaiced and resized, (3, H, W) of unit deviation."""
    rows, columns = (2 * max(2, math.ceil(side * factor / 2)) for side in (height, width))
    frame = rng.standard_normal((rows, columns), dtype=np.float32)
    codes = np.clip(frame * 6000 + 32768, 0, 65535).astype(np.uint16)
    colours = cv2.cvtColor(codes, cv2.COLOR_BayerBG2RGB).astype(np.float32) - 32768
    how = cv2.INTER_AREA if factor > 1 else cv2.INTER_LINEAR
    colours = cv2.resize(colours, (width, height), interpolation=how).reshape(height, width, 3)
    grain = np.ascontiguousarray(colours.transpose(2, 0, 1))
    return np.asarray(grain / max(float(grain.std()), 1e-3), np.float32)


def _blotches(height: int, width: int, rng: np.random.Generator) -> Plane:
    """Coloured clouds without brightness of their own, (3, H, W), about unit deviation."""
    size = rng.uniform(4, 24)
    shape = (max(2, round(height / size)), max(2, round(width / size)), 3)
    coarse = rng.standard_normal(shape, dtype=np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    planes = field.reshape(height, width, 3).transpose(2, 0, 1)
    return (planes - planes.mean(axis=0)) * np.float32(1.5)


@dataclass(frozen=True, kw_only=True)
class UnevenNoise(Planned):
    """White Gaussian noise whose deviation changes over the picture, not clipped.

    Attributes:
        sigma: range of the deviation on the 0..255 scale; each picture draws two ends from it.
    """

    sigma: Range = (0.0, 75.0)

    def __post_init__(self) -> None:
        check_options(vars(self))

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Add the noise; no single number is true of it, and the map says how much is where."""
        height, width = sample.image.shape[-2:]
        low, high = rng.uniform(*self.sigma, 2) / 255
        field = low + (high - low) * fractal(height, width, rng, roughness=0.3)
        grain = rng.standard_normal((3, height, width), dtype=np.float32)
        return Change(_with_uneven, {"deviation": drawn(field)[None], "grain": drawn(grain)})


def _with_uneven(sample: Sample, *, deviation: Tensor, grain: Tensor) -> Sample:
    changed = replace(
        sample,
        image=sample.image + deviation * grain,
        noise=torch.sqrt(sample.noise**2 + deviation**2),
        sigma=math.nan,
    )
    return measure(changed, "sigma", 255 * number(deviation.square().mean().sqrt()))
