"""Too little light: exposure, uneven light, colour cast and a camera's tone curve."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from restore_cli.degradations.random_fields import Plane, borrowing_edges, fractal, region
from restore_cli.degradations.sample import Range, Sample, check_options, log_uniform
from restore_cli.images.color import linear_to_srgb, srgb_to_linear


@dataclass(frozen=True, kw_only=True)
class LowLight:
    """A photo as it would have come out with less light.

    In linear light, as a sensor sees it. Some scenes are dark in one place only: a part of the
    picture keeps its light, and lamps, which the target shows as well, outshine everything. There
    darkness belongs to the scene, and the target is lifted by `lift` stops at most. Noise
    is a step of its own: `sensor-noise` after this one is noise against the darkened signal, and
    `jpeg` or `file` keep what a file keeps of shadows.

    Attributes:
        stops: range of the missing exposure, in stops (EV); 0 leaves the light as it is.
        uneven: range of how much the light varies from place to place, in stops.
        cast: range of the largest factor between two channels, 1 is neutral, drawn log-uniformly.
        gamma: range of the exponent of an additional tone curve over linear light, drawn
            log-uniformly; above 1 darkens the shadows further.
        lit_probability: how often a part of the picture keeps most of its light.
        lamp_probability: how often there are lamps.
        lift: most stops that the target of such a scene is brighter than it; more stays dark.
        black: range of the black level that was not taken off, in linear light.
    """

    stops: Range = (0.0, 5.0)
    uneven: Range = (0.0, 1.0)
    cast: Range = (1.0, 1.4)
    gamma: Range = (0.85, 1.3)
    lit_probability: float = 0.4
    lamp_probability: float = 0.25
    lift: float = 2.5
    black: Range = (0.0, 0.003)

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("cast", "gamma"))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Darken `sample.image`, clipped to [0, 1]; lamps are added to `sample.target`, too."""
        height, width = sample.image.shape[-2:]
        picture = sample.image.clamp(0, 1)
        linear = srgb_to_linear(picture)
        field = 2 * (fractal(height, width, rng, roughness=0.3) - 0.5)
        stops = rng.uniform(*self.stops) - rng.uniform(*self.uneven) / 2 * (1 + field)
        partly, lamps = rng.uniform(size=2) < (self.lit_probability, self.lamp_probability)
        if partly:
            lit = region(height, width, rng, cover=(0.003, 0.6))
            lit = borrowing_edges(lit, picture, rng) if rng.uniform() < 0.5 else lit
            stops = stops * (1 - rng.uniform(0.6, 1) * lit)
        light = torch.from_numpy(np.exp2(-np.maximum(stops, 0)).astype(np.float32))
        factor = log_uniform(self.cast, rng)
        gains = factor ** rng.permutation([0.0, -rng.uniform(), -1.0])
        colour = torch.from_numpy(gains.astype(np.float32)).view(3, 1, 1)
        target, shine = sample.target, torch.zeros(())
        if lamps:
            shine = torch.from_numpy(_lamps(height, width, rng))
        if partly or lamps:
            kept = torch.from_numpy(np.exp2(-np.maximum(stops - self.lift, 0)).astype(np.float32))
            target = linear_to_srgb((srgb_to_linear(target) * kept + shine).clamp(0, 1))
        dark = (linear * colour * light + shine).clamp(0, 1).pow(log_uniform(self.gamma, rng))
        level = rng.uniform(*self.black)
        image = linear_to_srgb(dark * (1 - level) + level)
        return replace(sample, image=image.clamp(0, 1), target=target, sigma=math.nan)


def _lamps(height: int, width: int, rng: np.random.Generator) -> Plane:
    """Light of a few lamps, (3, H, W), linear: far above 1 in the middle, with a glow around."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = np.zeros((3, height, width), np.float32)
    for _ in range(int(rng.integers(1, 6))):
        radius = max(height, width) * 10 ** rng.uniform(-2.7, -1.5)
        place = rng.uniform(0, 1, 2) * (height, width)
        squared = ((y - place[0]) ** 2 + (x - place[1]) ** 2) / radius**2
        colour = np.array([1.0, rng.uniform(0.6, 1.0), rng.uniform(0.3, 1.0)])
        strength = rng.uniform(0.5, 4.0) * colour.astype(np.float32)[:, None, None]
        light += strength * ((1 + squared) ** -rng.uniform(1.5, 2.5)).astype(np.float32)
    return light
