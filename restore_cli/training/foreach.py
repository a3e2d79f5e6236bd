"""One call for many tensors: torch's own multi-tensor kernels, typed.

torch's optimisers are built on these functions; their names begin with an underscore all the same.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def multiply_(tensors: Sequence[Tensor], factor: float | Tensor) -> None:
    """Multiply each in place by one factor, a number or a tensor ()."""
    torch._foreach_mul_(list(tensors), factor)  # pyright: ignore


def decay_and_add_(tensors: Sequence[Tensor], factor: float, others: Sequence[Tensor]) -> None:
    """Multiply each in place by one factor, and add its partner."""
    if tensors and tensors[0].device.type == "cpu":  # where memory is what takes time: one pass
        for tensor, other in zip(tensors, others, strict=True):
            torch.add(other, tensor, alpha=factor, out=tensor)
        return
    torch._foreach_mul_(list(tensors), factor)  # pyright: ignore
    torch._foreach_add_(list(tensors), list(others))  # pyright: ignore


def added(tensors: Sequence[Tensor], others: Sequence[Tensor], *, alpha: float) -> list[Tensor]:
    """Each plus `alpha` times its partner."""
    return list(torch._foreach_add(list(tensors), list(others), alpha=alpha))  # pyright: ignore


def lerp_(tensors: Sequence[Tensor], ends: Sequence[Tensor], share: Tensor) -> None:
    """Move each, in place, by a share of the way to its end.

    Args:
        tensors: are changed.
        ends: of the same shapes.
        share: () on their device, 0 to 1.
    """
    starts = list(tensors)
    if share.device.type == "cpu":  # a number is read at no cost, and saves two passes
        torch._foreach_lerp_(starts, list(ends), float(share))  # pyright: ignore
        return
    ways = torch._foreach_sub(list(ends), starts)  # pyright: ignore
    torch._foreach_mul_(ways, share)  # pyright: ignore
    torch._foreach_add_(starts, ways)  # pyright: ignore


def norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The 2-norm of each, () each."""
    return list(torch._foreach_norm(list(tensors)))  # pyright: ignore
