"""Other colours for the same scene, so that none is taken for the usual one."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from restore_cli.degradations.change import Change, Planned
from restore_cli.degradations.planes import colour, drawn
from restore_cli.degradations.sample import Range, Sample, check_options

_LUMA = np.array([0.299, 0.587, 0.114])  # BT.601


@dataclass(frozen=True, kw_only=True)
class Recolour(Planned):
    """Change saturation and swap channels, of the picture and of its target alike.

    Where colour must be guessed, a network guesses that of its training photos: of grassland, if
    they show much of it. With all orders of the channels no hue is more likely than another, and
    with little saturation grey scenes (streets, concrete) are among them.

    Attributes:
        saturation: range of the factor on what differs from the luma; 0 is grey, 1 as it is.
        swap: how often the channels change places.
    """

    saturation: Range = (0.0, 1.2)
    swap: float = 0.5

    def __post_init__(self) -> None:
        check_options(vars(self))

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Both pictures alike, clipped to [0, 1]."""
        factor = rng.uniform(*self.saturation)
        order = rng.permutation(3).tolist() if rng.uniform() < self.swap else [0, 1, 2]
        return Change(_recoloured, {"factor": factor, "order": order, "luma": drawn(_LUMA)})


def _recoloured(sample: Sample, *, factor: float, order: list[int], luma: Tensor) -> Sample:
    def change(picture: Tensor) -> Tensor:
        grey = (picture * colour(luma)).sum(dim=0)
        mixed = torch.lerp(grey.expand(3, -1, -1), picture, factor)
        return torch.stack([mixed[channel] for channel in order]).clamp(0, 1)

    return replace(sample, image=change(sample.image), target=change(sample.target))
