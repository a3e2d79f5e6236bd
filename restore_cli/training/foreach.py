"""One call for many tensors: torch's own multi-tensor kernels, typed.

torch's optimisers are built on these functions; their names begin with an underscore all the same.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def multiply_(tensors: Sequence[Tensor], factor: float | Tensor) -> None:
    """Multiply each in place by one factor, a number or a tensor ()."""
    torch._foreach_mul_(list(tensors), factor)  # pyright: ignore


def add_(tensors: Sequence[Tensor], others: Sequence[Tensor]) -> None:
    """Add to each, in place, its partner."""
    torch._foreach_add_(list(tensors), list(others))  # pyright: ignore


def added(tensors: Sequence[Tensor], others: Sequence[Tensor], *, alpha: float) -> list[Tensor]:
    """Each plus `alpha` times its partner."""
    return list(torch._foreach_add(list(tensors), list(others), alpha=alpha))  # pyright: ignore


def differences(tensors: Sequence[Tensor], others: Sequence[Tensor]) -> list[Tensor]:
    """Each minus its partner."""
    return list(torch._foreach_sub(list(tensors), list(others)))  # pyright: ignore


def norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The 2-norm of each, () each."""
    return list(torch._foreach_norm(list(tensors)))  # pyright: ignore
