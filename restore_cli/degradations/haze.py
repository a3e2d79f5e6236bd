"""Haze and fog, thin to dense, by the scattering model over made-up depth."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from restore_cli.degradations.random_fields import borrowing_edges, depth, fractal, region
from restore_cli.degradations.sample import Range, Sample, check_options, log_uniform
from restore_cli.images.color import linear_to_srgb, srgb_to_linear


@dataclass(frozen=True, kw_only=True)
class Haze:
    """Haze between the camera and the scene.

    The atmospheric scattering model of Koschmieder 1924, I = J t + A (1 - t) with the
    transmission t = exp(-thickness * depth), as Narasimhan and Nayar 2002 use it. Depth is made up
    (`random_fields.depth`) and may follow the picture's edges; the haze may be uneven; A may be
    tinted.
    Most published sets compose the sRGB values, light itself adds up linearly: both happen.

    In many pictures a part lies so far away that nothing of it is seen (the sky, the end of the
    road). What stands there cannot be known, and a network that must say something paints the mean
    of its training photos: the target keeps the haze where it hides everything.

    Attributes:
        thickness: range of the optical depth at the middle of the scene, drawn log-uniformly; 0.1
            is hardly seen, 2 leaves a seventh of the light.
        relief: range of how far depth strays from its middle, as a share; 0 is a flat wall of haze.
        airlight: range of the airlight's brightness.
        tint: largest deviation of one channel of the airlight, as a share of it.
        uneven: range of how much the density varies from place to place, as a share.
        far_probability: how often a part of the picture lies far away.
        far: range of the optical depth that this part has in addition.
        hidden: transmissions below the first are left as they are in the target, above the second
            they are cleared wholly.
        linear: how often the light is added in linear light instead of sRGB.
    """

    thickness: Range = (0.1, 2.0)
    relief: Range = (0.2, 1.0)
    airlight: Range = (0.55, 1.0)
    tint: float = 0.12
    uneven: Range = (0.0, 0.4)
    far_probability: float = 0.5
    far: Range = (0.5, 6.0)
    hidden: Range = (0.08, 0.4)
    linear: float = 0.3

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("thickness",))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Veil `sample.image`, clipped to [0, 1]; no single noise level is true of the result.

        `sample.target` is changed where nothing comes through.
        """
        height, width = sample.image.shape[-2:]
        image = sample.image.clamp(0, 1)
        distance = depth(height, width, rng)
        if rng.uniform() < 0.7:
            distance = borrowing_edges(distance, image, rng)
        distance = 1 + rng.uniform(*self.relief) * 2 * (distance - 0.5)
        density = 1 + rng.uniform(*self.uneven) * 2 * (fractal(height, width, rng) - 0.5)
        optical = log_uniform(self.thickness, rng) * distance * density
        if rng.uniform() < self.far_probability:
            away = region(height, width, rng, cover=(0.05, 0.6), up=rng.uniform(0, 3))
            away = borrowing_edges(away, image, rng) if rng.uniform() < 0.7 else away
            optical = optical + rng.uniform(*self.far) * away
        through = torch.from_numpy(np.exp(-optical).astype(np.float32))
        air = torch.from_numpy(self._air(rng)).view(3, 1, 1)
        if rng.uniform() < self.linear:
            light = srgb_to_linear(image) * through + srgb_to_linear(air) * (1 - through)
            image = linear_to_srgb(light)
        else:
            image = image * through + air * (1 - through)
        image = image.clamp(0, 1)
        seen = ((through - self.hidden[0]) / (self.hidden[1] - self.hidden[0])).clamp(0, 1)
        target = torch.lerp(image, sample.target, seen * seen * (3 - 2 * seen))
        return replace(sample, image=image, target=target, sigma=math.nan)

    def _air(self, rng: np.random.Generator) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
        """Grey, or from bluish to yellowish as skies are, with a little of any other colour."""
        warm = rng.normal() * self.tint / 2
        other = rng.uniform(-1, 1, 3) * self.tint / 6
        colour = 1 + np.array([warm, 0.0, -warm]) + other
        return np.clip(rng.uniform(*self.airlight) * colour, 0, 1).astype(np.float32)
