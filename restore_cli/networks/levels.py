"""Global contexts for levels that a user tells, for a network that estimates none."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from restore_cli.errors import RestoreError
from restore_cli.networks.amounts import QUANTITIES


class LevelTable(nn.Module):
    """For each of a few levels the global context with which a network restores such pictures.

    What a network takes a picture for decides what it removes, and it may be wrong: real rain that
    looks unlike the simulated is taken for none. Told a level, it gets the table's context instead
    of its own. The table is learnt after the network, which stays as it is
    (`methods.supervised.levels`).

    Args:
        quantity: of `QUANTITIES`, what the levels are of.
        levels: in its unit, rising, above 0, two or more.
        features: length of a context.

    Raises:
        ValueError: no such quantity, or levels that are not as above.
    """

    contexts: Tensor
    """(K, F), one for each level; all 0 until it is learnt."""
    bounds: Tensor
    """(2, F), what the contexts of simulated pictures lie between; all 0 until it is learnt."""

    def __init__(self, quantity: str, levels: Sequence[float], features: int) -> None:
        super().__init__()
        if quantity not in QUANTITIES or quantity == "quality":
            known = ", ".join(name for name in QUANTITIES if name != "quality")
            raise ValueError(f"levels of {quantity!r} are unknown; known: {known}")
        rising = all(a < b for a, b in itertools.pairwise((0.0, *levels)))
        if len(levels) < 2 or not rising:
            raise ValueError("levels must be two or more numbers above 0 that rise")
        self.quantity = quantity
        self.levels = tuple(levels)
        self.register_buffer("contexts", torch.zeros(len(levels), features))
        self.register_buffer("bounds", torch.zeros(2, features))

    @property
    def is_learnt(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.contexts.any())

    def within(self, context: Tensor) -> Tensor:
        """A context (B, F) of a real picture, no further out than those of simulated ones.

        What no picture of the training was like drives a network anywhere: dark hills behind haze
        came out black, with a halo.
        """
        return context.clamp(self.bounds[0], self.bounds[1]) if self.is_learnt else context

    def weights(self, levels: Tensor) -> Tensor:
        """How much each context counts for levels (B,): (B, K), linear in their logarithm.

        Beyond the first and the last level these count alone.
        """
        knots = torch.tensor(self.levels, device=levels.device).log()
        place = levels.float().clamp(self.levels[0], self.levels[-1]).log()
        above = torch.searchsorted(knots, place).clamp(1, len(knots) - 1)
        share = ((place - knots[above - 1]) / (knots[above] - knots[above - 1])).clamp(0, 1)
        found = torch.zeros(len(levels), len(knots), device=levels.device)
        found.scatter_(1, above[:, None], share[:, None])
        return found.scatter_(1, above[:, None] - 1, 1 - share[:, None])

    def of(self, level: float) -> Tensor:
        """The context (1, F) for a level in the unit of the quantity.

        Raises:
            RestoreError: it has not been learnt.
        """
        if not self.is_learnt:
            raise RestoreError(
                "this model was never taught levels",
                hint="leave --level out; training on simulated pictures teaches them",
            )
        told = torch.tensor([level], device=self.contexts.device)
        return self.weights(told) @ self.contexts
