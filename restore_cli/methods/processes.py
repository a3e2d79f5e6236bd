"""One batch that is spread over several processes: what they compare with each other.

The gradients of all processes are averaged. A loss that is a mean over samples needs nothing from
here; one that compares samples with each other, or counts what is known, does. Then P processes do
what one does with P times the batch; for what is drawn see `networks.draws`.
"""

from typing import cast

import torch
from torch import Tensor, distributed

from restore_cli.networks.draws import processes


def gathered(rows: Tensor) -> Tensor:
    """The rows (B, ...) of all processes, (P B, ...), this one's at `own`; gradients flow back."""
    if processes() == 1:
        return rows
    return cast("Tensor", _Gathered.apply(rows.contiguous()))


def own(rows: Tensor) -> Tensor:
    """Of rows in the order of `gathered`, (P B, ...), those of this process, (B, ...)."""
    count = processes()
    return rows if count == 1 else rows.chunk(count)[distributed.get_rank()]


def mean_known(error: Tensor, known: Tensor) -> Tensor:
    """The mean of the errors that are known, over the whole batch; 0 where none is.

    Args:
        error: of this process's samples.
        known: of the same shape, bool; what is not known counts as 0.

    Returns:
        Scalar, to be averaged over the processes.
    """
    count, number = known.sum(), processes()
    if number > 1:
        distributed.all_reduce(count)
    return number * torch.where(known, error, 0.0).sum() / count.clamp(min=1)


class _Gathered(torch.autograd.Function):
    """Rows of all processes; a row's gradient is the sum of what all of them find.

    torch's own (`torch.distributed.nn`) keeps the group of processes of the first run for ever.
    """

    @staticmethod
    def forward(ctx: object, rows: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        del ctx
        parts = [torch.empty_like(rows) for _ in range(processes())]
        distributed.all_gather(parts, rows)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: object, slopes: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        del ctx
        total = slopes.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return own(total)
