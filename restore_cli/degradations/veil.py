"""The thin grey air of wet days: it grows with distance and takes contrast away."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from torch import Tensor

from restore_cli.degradations.change import Change, SometimesPlanned
from restore_cli.degradations.planes import Planes, clip_, drawn, planes, tensor
from restore_cli.degradations.random_fields import depth
from restore_cli.degradations.sample import Range, Sample


@dataclass(frozen=True, kw_only=True)
class Veil(SometimesPlanned):
    """A veil over a picture: rain comes with it, and so do dry days.

    Before `set-target` it belongs to the photo, so that a derainer does not take a veil for rain.

    Attributes:
        opacity: range of the opacity at the farthest place.
        near: range of the opacity at the nearest place, as a share of that.
        contrast: range of the factor on the distance from the mean brightness.
    """

    opacity: Range = (0.0, 0.6)
    near: Range = (0.0, 0.7)
    contrast: Range = (0.7, 1.0)

    def happening(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Veil `sample.image`, clipped to [0, 1]; the target stays, and so does the level."""
        height, width = sample.image.shape[-2:]
        return Change(_veiled, {"veil": self.over(height, width, rng)})

    def over(self, height: int, width: int, rng: np.random.Generator) -> "Veiling":
        """One veil for a picture of this size."""
        contrast = float(np.float32(rng.uniform(*self.contrast)))
        opacity = rng.uniform(*self.opacity)
        near = rng.uniform(*self.near)
        rows, columns = max(2, height // 4), max(2, width // 4)
        field = near + (1 - near) * depth(rows, columns, rng)
        through = 1 - opacity * np.clip(field, 0, 1)
        through = cv2.resize(through.astype(np.float32), (width, height)).reshape(height, width)
        air = rng.uniform(0.45, 0.95) * (1 - rng.uniform(0, 0.08, 3))
        return Veiling(contrast, drawn(through), air.tolist())


class Veiling(NamedTuple):
    """A veil that was drawn.

    Attributes:
        contrast: factor on the distance from the mean brightness.
        through: (H, W), the share of the light that comes through.
        air: red, green and blue of the veil, sRGB.
    """

    contrast: float
    through: Tensor
    air: list[float]

    def on(self, picture: Planes) -> Planes:
        """A picture (3, H, W) in [0, 1] behind it, clipped."""
        flat, through = picture.mean() * (1 - self.contrast), planes(self.through)
        out = picture * self.contrast
        for channel, air in enumerate(self.air):  # plane by plane is fastest
            out[channel] += flat
            out[channel] -= air
            out[channel] *= through
            out[channel] += air
        return clip_(out)


def _veiled(sample: Sample, *, veil: Veiling) -> Sample:
    veiled = tensor(veil.on(planes(sample.image.clamp(0, 1))))
    return replace(sample, image=veiled, sigma=math.nan)
