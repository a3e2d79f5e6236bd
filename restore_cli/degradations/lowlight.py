"""Too little light: exposure, uneven light, colour cast and a camera's tone curve."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from restore_cli.degradations.relief import fractal
from restore_cli.degradations.sample import Range, Sample, check_options, log_uniform
from restore_cli.imaging.color import linear_to_srgb, srgb_to_linear


@dataclass(frozen=True, kw_only=True)
class LowLight:
    """A photo as it would have come out with less light.

    In linear light, as a sensor sees it. Noise is a step of its own: `sensor-noise` after this one
    is noise against the darkened signal, and `jpeg` or `file` keep what a file keeps of shadows.

    Attributes:
        stops: range of the missing exposure, in stops (EV); 0 leaves the light as it is.
        uneven: range of how much the light varies from place to place, in stops.
        cast: range of the largest factor between two channels, 1 is neutral, drawn log-uniformly.
        gamma: range of the exponent of an additional tone curve over linear light, drawn
            log-uniformly; above 1 darkens the shadows further.
        black: range of the black level that was not taken off, in linear light.
    """

    stops: Range = (0.0, 5.0)
    uneven: Range = (0.0, 1.0)
    cast: Range = (1.0, 1.4)
    gamma: Range = (0.85, 1.3)
    black: Range = (0.0, 0.003)

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("cast", "gamma"))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Darken `sample.image`, clipped to [0, 1]."""
        height, width = sample.image.shape[-2:]
        linear = srgb_to_linear(sample.image.clamp(0, 1))
        field = 2 * (fractal(height, width, rng, roughness=0.3) - 0.5)
        stops = rng.uniform(*self.stops) - rng.uniform(*self.uneven) / 2 * (1 + field)
        light = torch.from_numpy(np.exp2(-np.maximum(stops, 0)).astype(np.float32))
        factor = log_uniform(self.cast, rng)
        gains = factor ** rng.permutation([0.0, -rng.uniform(), -1.0])
        colour = torch.from_numpy(gains.astype(np.float32)).view(3, 1, 1)
        dark = (linear * colour * light).clamp(0, 1).pow(log_uniform(self.gamma, rng))
        level = rng.uniform(*self.black)
        image = linear_to_srgb(dark * (1 - level) + level)
        return replace(sample, image=image.clamp(0, 1), sigma=math.nan)
