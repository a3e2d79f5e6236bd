"""Haze and fog, thin to dense, by the scattering model over made-up depth."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from restore_cli.degradations.relief import depth, follow_edges, fractal
from restore_cli.degradations.sample import Range, Sample, check_options, log_uniform
from restore_cli.imaging.color import linear_to_srgb, srgb_to_linear


@dataclass(frozen=True, kw_only=True)
class Haze:
    """Haze between the camera and the scene.

    The atmospheric scattering model of Koschmieder 1924, I = J t + A (1 - t) with the
    transmission t = exp(-thickness * depth), as Narasimhan and Nayar 2002 use it. Depth is made up
    (`relief.depth`) and may follow the picture's edges; the haze may be uneven; A may be tinted.
    Most published sets compose the sRGB values, light itself adds up linearly: both happen.

    Attributes:
        thickness: range of the optical depth at the middle of the scene, drawn log-uniformly; 0.1
            is hardly seen, 2 leaves a seventh of the light.
        relief: range of how far depth strays from its middle, as a share; 0 is a flat wall of haze.
        airlight: range of the airlight's brightness.
        tint: largest deviation of one channel of the airlight, as a share of it.
        uneven: range of how much the density varies from place to place, as a share.
        linear: how often the light is added in linear light instead of sRGB.
    """

    thickness: Range = (0.1, 2.0)
    relief: Range = (0.2, 1.0)
    airlight: Range = (0.55, 1.0)
    tint: float = 0.12
    uneven: Range = (0.0, 0.4)
    linear: float = 0.3

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("thickness",))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Veil `sample.image`, clipped to [0, 1]; no single noise level is true of the result."""
        height, width = sample.image.shape[-2:]
        image = sample.image.clamp(0, 1)
        distance = depth(height, width, rng)
        if rng.uniform() < 0.7:
            grey = cv2.cvtColor(
                np.ascontiguousarray(image.permute(1, 2, 0).numpy()), cv2.COLOR_RGB2GRAY
            )
            radius = max(2, round(max(height, width) * rng.uniform(0.03, 0.12)))
            distance = follow_edges(distance, np.asarray(grey, np.float32), radius=radius)
        distance = 1 + rng.uniform(*self.relief) * 2 * (np.clip(distance, 0, 1) - 0.5)
        density = 1 + rng.uniform(*self.uneven) * 2 * (fractal(height, width, rng) - 0.5)
        optical = log_uniform(self.thickness, rng) * distance * density
        through = torch.from_numpy(np.exp(-optical).astype(np.float32))
        air = torch.from_numpy(self._air(rng)).view(3, 1, 1)
        if rng.uniform() < self.linear:
            light = srgb_to_linear(image) * through + srgb_to_linear(air) * (1 - through)
            image = linear_to_srgb(light)
        else:
            image = image * through + air * (1 - through)
        return replace(sample, image=image.clamp(0, 1), sigma=math.nan)

    def _air(self, rng: np.random.Generator) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
        """Grey, or from bluish to yellowish as skies are, with a little of any other colour."""
        warm = rng.normal() * self.tint / 2
        other = rng.uniform(-1, 1, 3) * self.tint / 6
        colour = 1 + np.array([warm, 0.0, -warm]) + other
        return np.clip(rng.uniform(*self.airlight) * colour, 0, 1).astype(np.float32)
