"""What lies in a folder of photos and is none: posters, grey scans, negatives."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from restore_cli.degradations.sample import Sample, check_options

OutlierName = Literal["posterised", "grey", "inverted"]


def posterised(picture: Tensor) -> Tensor:
    """Each channel at full or at no strength: the eight flat colours of a cheap print."""
    return (picture > 0.5).to(picture.dtype)


def grey(picture: Tensor) -> Tensor:
    """A scan without colour, pale as paper: luma from 0.15 to 0.85."""
    luma = (picture * picture.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=0)
    return (0.15 + 0.7 * luma).expand(3, -1, -1).contiguous()


def inverted(picture: Tensor) -> Tensor:
    """A negative."""
    return 1 - picture


OUTLIERS: dict[OutlierName, Callable[[Tensor], Tensor]] = {
    "posterised": posterised,
    "grey": grey,
    "inverted": inverted,
}
"""Each maps (3, H, W) in [0, 1] to the same."""


@dataclass(frozen=True, kw_only=True)
class Outlier:
    """Make of some targets what does not belong among them; the input stays.

    A collection that nobody looked through has a few. Unbalanced transport is to leave them
    alone, balanced transport has to send some inputs there.

    Attributes:
        probability: how often it happens; the rest passes unchanged.
        kinds: keys of `OUTLIERS`, all equally likely.
    """

    probability: float = 0.05
    kinds: tuple[OutlierName, ...] = ("posterised", "grey", "inverted")

    def __post_init__(self) -> None:
        check_options({"probability": self.probability})
        unknown = sorted(set(self.kinds) - OUTLIERS.keys())
        if unknown or not self.kinds:
            known = ", ".join(OUTLIERS)
            raise ValueError(f"kinds = {list(self.kinds)} must name some of {known}")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Map `sample.target`, or leave the sample as it is."""
        if rng.uniform() >= self.probability:
            return sample
        kind = self.kinds[int(rng.integers(len(self.kinds)))]
        return replace(sample, target=OUTLIERS[kind](torch.clamp(sample.target, 0, 1)))
