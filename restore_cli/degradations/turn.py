"""Turning and mirroring what is ready: light and rain then come from every side."""

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from restore_cli.degradations.change import Change, SometimesPlanned
from restore_cli.degradations.sample import Moments, Sample


@dataclass(frozen=True, kw_only=True)
class Turn(SometimesPlanned):
    """Turn or mirror a finished sample, all eight ways alike.

    A picture that is not square keeps its shape: it is mirrored only, either way or both. A mosaic
    stays as it is, since its colours lie at fixed places.

    Attributes:
        probability: how often one of the eight ways is drawn (one of them changes nothing).
    """

    probability: float = 0.5

    def happening(self, sample: Sample, rng: np.random.Generator) -> Change | None:
        """Picture, target, noise map and moments of the blur alike."""
        down, across, swap = (bool(v) for v in rng.integers(0, 2, 3))
        if sample.matrix is not None:
            return None
        height, width = sample.image.shape[-2:]
        ways = {"down": down, "across": across, "swap": swap and height == width}
        return Change(_turned, ways)


def _turned(sample: Sample, *, down: bool, across: bool, swap: bool) -> Sample:
    xx, xy, yy = sample.blur
    xy = -xy if down != across else xy
    blur: Moments = (yy, xy, xx) if swap else (xx, xy, yy)

    def change(planes: Tensor) -> Tensor:
        axes = [axis for axis, flip in ((-2, down), (-1, across)) if flip]
        planes = planes.flip(axes) if axes else planes
        return (planes.transpose(-1, -2) if swap else planes).contiguous()

    return replace(
        sample,
        image=change(sample.image),
        target=change(sample.target),
        noise=change(sample.noise),
        blur=blur,
    )
