"""What our own optimisers share: one step, group by group."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class GroupOptimizer(torch.optim.Optimizer):
    """An optimiser whose groups are moved one after the other.

    Attributes:
        found_inf: () 0 or 1, as torch's fused optimisers read it; where it is 1, the step is to be
            left out.
    """

    _step_supports_amp_scaling = True  # torch's name for: reads `found_inf`
    found_inf: Tensor | None = None

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step; `closure` as in torch.optim."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self.move(group)
        return loss

    @abstractmethod
    def move(self, group: dict[str, Any]) -> None:
        """Move the parameters of one group that have a gradient."""
