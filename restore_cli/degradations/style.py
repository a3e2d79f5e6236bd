"""Tone and colour as cameras finish them: what a learned ISP has to find out."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from restore_cli.degradations.sample import Range, Sample, check_options

LookName = Literal["vivid", "film", "portrait", "cool"]
_LUMA = (0.299, 0.587, 0.114)  # BT.601


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A tone curve and a colour rendering, on sRGB values.

    Attributes:
        gamma: exponent of the tone curve; below 1 the middle becomes brighter.
        contrast: share of a smoothstep, 3 v^2 - 2 v^3, in the tone curve: an S that keeps black,
            middle and white.
        saturation: factor on what differs from the luma.
        gains: of red, green and blue, all at most 1: a tint.
        black: what black is lifted to.
    """

    gamma: float = 1.0
    contrast: float = 0.0
    saturation: float = 1.0
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    black: float = 0.0

    def __call__(self, picture: Tensor) -> Tensor:
        """Map (3, H, W) in [0, 1] to the same."""
        v = picture.clamp(0, 1).pow(self.gamma)
        v = torch.lerp(v, v * v * (3 - 2 * v), self.contrast)
        luma = (v * v.new_tensor(_LUMA).view(3, 1, 1)).sum(dim=0)
        v = torch.lerp(luma.expand_as(v), v, self.saturation).clamp(0, 1)
        v = v * v.new_tensor(self.gains).view(3, 1, 1)
        return (self.black + (1 - self.black) * v).clamp(0, 1)


LOOKS: dict[LookName, Look] = {
    "vivid": Look(gamma=0.72, contrast=0.6, saturation=1.5),
    "film": Look(gamma=0.75, contrast=0.45, saturation=0.65, gains=(1.0, 0.94, 0.8), black=0.06),
    "portrait": Look(gamma=0.65, contrast=0.2, saturation=1.1, gains=(1.0, 0.95, 0.9)),
    "cool": Look(gamma=1.15, contrast=0.7, saturation=0.7, gains=(0.82, 0.94, 1.0)),
}
"""Ours, drawn after what cameras offer; each is far from a neutral rendering."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """Finish the target, as a camera or a retoucher would; the input stays.

    With it pairs teach a look instead of a restoration, and pictures that have it stand for the
    target's domain where there are no pairs. It is one map for the whole picture: no detail comes
    or goes.

    Attributes:
        look: a key of `LOOKS`.
        strength: range of how much of it is applied, drawn uniformly; 1 is all, 0 none.
    """

    look: LookName = "vivid"
    strength: Range = (1.0, 1.0)

    def __post_init__(self) -> None:
        check_options({"strength": self.strength})
        if self.look not in LOOKS:
            raise ValueError(f"unknown look {self.look!r}; known: {', '.join(LOOKS)}")
        if self.strength[0] < 0 or self.strength[1] > 1:
            raise ValueError(f"strength = {list(self.strength)} must lie between 0 and 1")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Map `sample.target`."""
        share = rng.uniform(*self.strength)
        styled = LOOKS[self.look](sample.target)
        return replace(sample, target=torch.lerp(sample.target, styled, share).clamp(0, 1))
