"""Exposing a photo as a meter does: what is too dark for its scene becomes as bright as most."""

from dataclasses import dataclass

import numpy as np
import torch

from restore_cli.degradations.curves import decode, encode
from restore_cli.degradations.sample import Range, Sample, as_target, check_options

_HALVINGS = 12


@dataclass(frozen=True, kw_only=True)
class AutoExposure:
    """Brighten a photo, in linear light, until its mean is that of a well-exposed one.

    A folder of photos holds dusk, night and low key. As targets of `low-light` they teach that dark
    pictures may stay dark, and every dim photo comes back halfway. Meters put the mean of a scene
    near the middle grey of the sRGB curve.

    Attributes:
        brightness: range of the mean of the sRGB values, one of which is to be reached.
        stops: most stops of light that are added.
        clipped: largest share of the values that may become white by it.
    """

    brightness: Range = (0.38, 0.55)
    stops: float = 3.0
    clipped: float = 0.03

    def __post_init__(self) -> None:
        check_options(vars(self))
        if self.stops < 0 or not 0 <= self.clipped <= 1:
            raise ValueError("auto-exposure needs stops of 0 or more and a share from 0 to 1")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Both pictures become the brightened one; one that is bright enough stays as it is."""
        wanted = rng.uniform(*self.brightness)
        picture = sample.image.clamp(0, 1)
        light = decode(picture.numpy())
        few = light[:, ::4, ::4]
        bright = float(np.quantile(few, 1 - self.clipped))
        most = min(self.stops, -np.log2(max(bright, 1e-6)))
        low, high = 0.0, max(0.0, most)
        if encode(few).mean() >= wanted or high == 0:
            return as_target(sample, picture)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            mean = encode(np.minimum(few * np.float32(2**middle), 1)).mean()
            low, high = (middle, high) if mean < wanted else (low, middle)
        light *= np.float32(2**high)
        return as_target(sample, torch.from_numpy(encode(np.minimum(light, 1, out=light))))
