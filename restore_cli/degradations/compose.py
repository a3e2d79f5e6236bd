"""From a recipe's mixture to one function: clean picture and seed in, training pair out."""

import numpy as np
import torch
from torch import Tensor

from restore_cli.degradations import DEGRADATIONS
from restore_cli.degradations.sample import Degradation, Sample
from restore_cli.recipe import Mixture, construct


class Compose:
    """Draws one entry of a mixture for each picture and applies its steps in order.

    Args:
        mixture: entries with weights; an entry without steps leaves the picture as it is.

    Raises:
        RestoreError: unknown degradation or option.
    """

    def __init__(self, mixture: list[Mixture]) -> None:
        self._chains: list[list[Degradation]] = [
            [construct(step, DEGRADATIONS, section="degradation") for step in entry.steps]
            for entry in mixture
        ]
        weights = np.array([entry.weight for entry in mixture], dtype=np.float64)
        self._chances = weights / weights.sum()

    def __call__(self, clean: Tensor, rng: np.random.Generator) -> Sample:
        """Degrade one picture.

        Args:
            clean: (3, H, W) float32 in [0, 1].
            rng: the only source of chance: the same state gives the same sample.
        """
        noise = torch.zeros(1, *clean.shape[-2:])
        sample = Sample(image=clean, target=clean, noise=noise)
        chain = self._chains[int(rng.choice(len(self._chains), p=self._chances))]
        for step in chain:
            sample = step(sample, rng)
        return sample
