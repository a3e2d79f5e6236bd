"""Pairs that do not agree in brightness and colour: the situation PAL is for."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from restore_cli.degradations.sample import Range, Sample, Sometimes


@dataclass(frozen=True, kw_only=True)
class PhotometricJitter(Sometimes):
    """Gives each pair's target its own affine colour map, t -> C t + b.

    Real pairs are like that: exposed twice, developed by two cameras, retouched (Li et al. 2026,
    "On the Global Photometric Alignment for Low-Level Vision"). The map sends [0, 1] into itself,
    so nothing is clipped and the map stays exactly affine.

    Attributes:
        contrast: range of the sum of each row of C.
        mix: largest share of a row that comes from the other two channels.
    """

    contrast: Range = (0.6, 1.0)
    mix: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.contrast[0] > 0 and self.contrast[1] <= 1 and 0 <= self.mix <= 1):
            raise ValueError(
                "contrast must lie in (0, 1] and mix in [0, 1]: values must fit [0, 1]"
            )

    def degraded(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Map `sample.target`; the input stays."""
        rows = rng.uniform(*self.contrast) * rng.uniform(0.9, 1.0, 3)  # a colour cast of a tenth
        others = rng.dirichlet([1.0, 1.0], 3) * rng.uniform(0, self.mix, (3, 1))
        matrix = np.zeros((3, 3))
        for channel in range(3):
            matrix[channel, channel] = 1 - others[channel].sum()
            matrix[channel, [k for k in range(3) if k != channel]] = others[channel]
        matrix *= rows[:, None]
        offset = (1 - rows) * rng.uniform()
        c = torch.from_numpy(matrix.astype(np.float32))
        b = torch.from_numpy(offset.astype(np.float32)).view(3, 1, 1)
        target = torch.einsum("oc,chw->ohw", c, sample.target) + b
        return replace(sample, target=target.clamp(0, 1))
