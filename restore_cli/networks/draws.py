"""Random numbers and means of a batch that may be spread over several processes."""

from collections.abc import Callable

import torch
from torch import Tensor, distributed


def processes() -> int:
    """How many processes share a batch."""
    shared = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if shared else 1


def drawn(like: Tensor, draw: Callable[[Tensor], Tensor]) -> Tensor:
    """Random numbers for each sample, the same ones however many processes share the batch.

    Process r of P holds the samples r, r + P, ... of the whole batch (`data.loader.RangeSampler`).

    Args:
        like: (B, ...), of this process's samples.
        draw: gives random numbers of a tensor's shape, as `torch.rand_like`, from a generator that
            all processes have seeded alike.

    Returns:
        (B, ...), of these samples.
    """
    count = processes()
    if count == 1:
        return draw(like)
    return draw(torch.cat([like.detach()] * count))[distributed.get_rank() :: count]


@torch.no_grad()
def mean_of_all(values: Tensor) -> Tensor:
    """The mean of a whole batch, of which every process has as many values; without a gradient.

    Args:
        values: of this process's samples.

    Returns:
        Scalar, the same for all processes.
    """
    mean, count = values.detach().mean(), processes()
    if count > 1:
        distributed.all_reduce(mean)
    return mean / count
