"""A line between what belongs to the photo and what is to be removed."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from restore_cli.degradations.sample import UNKNOWN, Sample


@dataclass(frozen=True, kw_only=True)
class SetTarget:
    """Make the picture so far the target: steps before it are the photo's own, and stay.

    Photos from the field come with noise and compression that a derainer has to leave alone.
    """

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Both pictures become `sample.image`, clipped to [0, 1]; no noise is left to remove."""
        picture = sample.image.clamp(0, 1)
        noise = torch.zeros_like(sample.noise)
        return replace(
            sample,
            image=picture,
            target=picture,
            noise=noise,
            sigma=0.0,
            blur=(0.0, 0.0, 0.0),
            level=0.0,
            quantity="",
            airlight=UNKNOWN,
            cast=UNKNOWN,
        )
