"""Pairs that do not lie on each other: taken one after the other, or by two cameras."""

from dataclasses import dataclass, replace

import numpy as np
from torch.nn import functional as F

from restore_cli.degradations.sample import Sample, Sometimes


@dataclass(frozen=True, kw_only=True)
class ShiftTarget(Sometimes):
    """Moves each pair's target by whole pixels, another way for each; its border is repeated.

    Attributes:
        px: the furthest that it goes along an axis, 0 or more.
    """

    px: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.px < 0:
            raise ValueError("px must be 0 or more")

    def degraded(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Move `sample.target`; the input stays."""
        down, right = (int(shift) for shift in rng.integers(-self.px, self.px + 1, 2))
        height, width = sample.target.shape[-2:]
        padded = F.pad(sample.target[None], (self.px,) * 4, mode="replicate")[0]
        top, left = self.px - down, self.px - right
        return replace(
            sample, target=padded[:, top : top + height, left : left + width].contiguous()
        )
