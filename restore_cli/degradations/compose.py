"""From a recipe's mixture to one function: clean picture and seed in, training pair out."""

import numpy as np
import torch
from torch import Tensor

from restore_cli.degradations import DEGRADATIONS
from restore_cli.degradations.change import Unfinished
from restore_cli.degradations.sample import Degradation, Sample
from restore_cli.degradations.turn import Turn
from restore_cli.errors import RestoreError
from restore_cli.recipe import Mixture, construct
from restore_cli.recipe.old_degradations import OLD_NAMES

# Errors then quote the name that the recipe has.
_STEPS = DEGRADATIONS | {old: DEGRADATIONS[new] for old, new in OLD_NAMES.items()}


class Compose:
    """Draws one entry of a mixture for each picture and applies its steps in order.

    Args:
        mixture: entries with weights; an entry without steps leaves the picture as it is. Sources
            are labelled in the order of their first entries.
        turned: how often a sample is turned or mirrored, one of eight ways, after its steps.

    Raises:
        RestoreError: unknown degradation or option.
    """

    def __init__(self, mixture: list[Mixture], *, turned: float = 0.0) -> None:
        self._turn = Turn(probability=turned) if turned > 0 else None
        self._chains: list[list[tuple[str, Degradation]]] = [
            [(step.name, construct(step, _STEPS, section="degradation")) for step in entry.steps]
            for entry in mixture
        ]
        weights = np.array([entry.weight for entry in mixture], dtype=np.float64)
        self._chances = weights / weights.sum()
        names = list(dict.fromkeys(entry.source for entry in mixture if entry.source is not None))
        self._labels = [-1 if e.source is None else names.index(e.source) for e in mixture]

    def __call__(self, clean: Tensor, rng: np.random.Generator) -> Sample:
        """Degrade one picture.

        Args:
            clean: (3, H, W) float32 in [0, 1].
            rng: the only source of chance: the same state gives the same sample.

        Raises:
            RestoreError: a step has numbers that it cannot draw from.
        """
        return self.begun(clean, rng).finished()

    def begun(self, clean: Tensor, rng: np.random.Generator) -> Unfinished:
        """The same, of which the last arithmetic is left to whoever finishes it."""
        noise = torch.zeros(1, *clean.shape[-2:])
        drawn = int(rng.choice(len(self._chains), p=self._chances))
        label = self._labels[drawn]
        sample = Unfinished(Sample(image=clean, target=clean, noise=noise, source=label))
        for name, step in self._chains[drawn]:
            try:
                sample = sample.after(step, rng)
            except (ValueError, ArithmeticError) as error:
                raise RestoreError(
                    f"the degradation {name!r} fails, of its options or those of a step before:"
                    f" {error}",
                    hint="choose numbers nearer to the defaults: `restore train --init` lists them",
                ) from error
        return sample if self._turn is None else sample.after(self._turn, rng)
