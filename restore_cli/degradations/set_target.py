"""A line between what belongs to the photo and what is to be removed."""

from dataclasses import dataclass

import numpy as np

from restore_cli.degradations.change import Change, Planned
from restore_cli.degradations.sample import Sample, as_target


@dataclass(frozen=True, kw_only=True)
class SetTarget(Planned):
    """Make the picture so far the target: steps before it are the photo's own, and stay.

    Photos from the field come with noise and compression that a derainer has to leave alone.
    """

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Both pictures become `sample.image`, clipped to [0, 1]; no noise is left to remove."""
        return Change(_taken)


def _taken(sample: Sample) -> Sample:
    return as_target(sample, sample.image.clamp(0, 1))
