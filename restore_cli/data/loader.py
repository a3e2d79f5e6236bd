"""Batches in their order, drawn by as many processes as there are cores to spare.

Every sample follows from (seed, index) alone, so that any number of workers and any point of
resuming sees the same pictures.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from restore_cli.data.begun import BegunBatch
from restore_cli.data.pairs import Degraded, Source
from restore_cli.data.sample import Batch
from restore_cli.recipe import Recipe

Drawn = TypeVar("Drawn")
_MOST_WORKERS = 8  # that are taken unasked


class Stream(Dataset[Drawn]):
    """An endless data set: sample `index` is drawn from the generator seeded with (seed, index)."""

    def __init__(self, source: Callable[[np.random.Generator], Drawn], *, seed: int) -> None:
        self._source, self._seed = source, seed

    def __getitem__(self, index: int) -> Drawn:
        """The sample of this index, always the same."""
        return self._source(np.random.default_rng([self._seed, 0, index]))


class RangeSampler(Sampler[int]):
    """Indices from `start` to `stop` for one of several processes; a resumed run goes on."""

    def __init__(self, start: int, stop: int, *, rank: int = 0, processes: int = 1) -> None:
        self._range = range(start + rank, stop, processes)

    def __iter__(self) -> Iterator[int]:
        return iter(self._range)

    def __len__(self) -> int:
        return len(self._range)


def training_loader(
    source: Source,
    recipe: Recipe,
    *,
    first_step: int,
    rank: int = 0,
    processes: int = 1,
    beyond: int = 0,
    device: str = "cpu",
) -> DataLoader[Any]:
    """Batches for the steps from `first_step` on, for one of several processes.

    There are `optim.steps` of the recipe, and `beyond` more that training does not see. For a
    `device` of CUDA batches lie in pinned memory, from which they are copied while it computes, and
    degradations end there: batches are a `BegunBatch`, whose pictures `to` makes.
    """
    data, optim = recipe.data, recipe.optim
    per_step = data.batch * processes * optim.accumulate
    last = (optim.steps + beyond) * per_step
    order = RangeSampler(first_step * per_step, last, rank=rank, processes=processes)
    workers = spare_workers(device, processes) if data.workers == "auto" else data.workers
    stream: Stream[Any] = Stream(source, seed=optim.seed)
    collate: Callable[..., Any] = Batch.stacked
    if device == "cuda" and isinstance(source, Degraded):
        stream, collate = Stream(source.begun, seed=optim.seed), BegunBatch.of
    return DataLoader(
        stream,
        batch_size=data.batch,
        sampler=order,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_leave_signals_to_the_parent,
        # Its own, because a loader draws from it: the global one belongs to the objective.
        generator=torch.Generator(),
        pin_memory=device == "cuda",
    )


def spare_workers(device: str, processes: int = 1) -> int:
    """How many processes may draw samples without taking a core from training; 8 at most.

    On a CPU training computes with all its threads: what is left are the other cores. An
    accelerator leaves all but the one that feeds it. None where a process cannot be forked: each
    would hold the photos again.

    Args:
        device: type of the device that computes.
        processes: that train on this machine and share its cores.
    """
    if not sys.platform.startswith("linux"):
        return 0
    cores = len(os.sched_getaffinity(0)) // processes
    busy = torch.get_num_threads() if device == "cpu" else 1
    return min(_MOST_WORKERS, max(0, cores - busy))


def _leave_signals_to_the_parent(worker: int) -> None:
    """A signal for the whole process group must not end a loader before the step that needs it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
