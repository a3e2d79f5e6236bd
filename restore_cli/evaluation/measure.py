"""Pairs in, numbers out: reading overlaps computing, and memory stays flat.

`workers` threads decode ahead (see `reading`); the thread that iterates computes. Pictures become
floats on the device.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore_cli.engine.out_of_memory import is_out_of_memory
from restore_cli.errors import RestoreError
from restore_cli.evaluation.measurement import Row
from restore_cli.evaluation.pairing import Pair
from restore_cli.evaluation.reading import Loaded, read_ahead

if TYPE_CHECKING:
    from restore_cli.evaluation.metrics import Metric


def measure(
    pairs: Sequence[Pair],
    metrics: "Sequence[Metric]",
    *,
    device: torch.device,
    batch_size: int,
    workers: int,
    resize_reference: bool = False,
    crop_reference: bool = False,
) -> Iterator[Row]:
    """Measure every pair, as they come.

    Pictures are compared in sRGB: each is converted from its own colour profile first, and
    premultiplied by its alpha. Two grey pictures are compared in one channel; grey is repeated.

    Args:
        pairs: of one size each; see `pairing.check_sizes`.
        metrics: updated with each batch, in the order of the batches.
        device: where to compute.
        batch_size: most pictures of one size computed at once; they are sought among the next few.
        workers: threads that read.
        resize_reference: bring a reference of another size to its output's: OpenCV's area average
            where it shrinks, bicubic otherwise, clipped to [0, 1]. The numbers' protocol must
            say so.
        crop_reference: take the middle of a reference that is larger than its output.

    Yields:
        A row for each pair, in the order of `pairs`.

    Raises:
        RestoreError: a file cannot be read, sizes differ, a metric cannot judge a picture, or one
            does not fit into memory. Names the file.
    """
    finished: dict[int, Row] = {}
    due = 0
    batches = read_ahead(
        pairs,
        batch_size,
        workers,
        "resize" if resize_reference else "crop" if crop_reference else None,
    )
    try:
        for batch in batches:
            with _threads_beside(workers):
                finished |= dict(_compute(batch, metrics, device))
            batch.clear()
            while due in finished:
                yield finished.pop(due)
                due += 1
    finally:
        batches.close()


@contextmanager
def _threads_beside(readers: int) -> Generator[None]:
    """Leave the readers their cores.

    torch's threads wait for each other after every small step. With more of them than free cores
    they mostly spin.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before - readers))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _compute(
    batch: list[Loaded], metrics: "Sequence[Metric]", device: torch.device
) -> list[tuple[int, Row]]:
    """Iterating thread: judge pictures of one size; those of unlike depth or colour apart."""
    rows: list[tuple[int, Row]] = []
    for kind in dict.fromkeys(one.kind for one in batch):
        alike = [one for one in batch if one.kind == kind]
        pairs = [one.pair for one in alike]
        channels = max(alike[0].output.shape[2], alike[0].reference.shape[2])
        try:
            output = _tensor([one.output for one in alike], channels, device)
            reference = _tensor([one.reference for one in alike], channels, device)
        except (MemoryError, RuntimeError) as error:
            _raise_if_out_of_memory(error, pairs[0])
            raise
        values: list[dict[str, float]] = [{} for _ in alike]
        for metric in metrics:
            numbers = _update(metric, output, reference, pairs)
            for into, number in zip(values, numbers, strict=False):
                into[metric.name] = number
        for one, its in zip(alike, values, strict=True):
            height, width = one.output.shape[:2]
            rows.append((one.index, Row(one.pair, width, height, its, one.notes)))
    return rows


def _tensor(samples: list[NDArray[Any]], channels: int, device: torch.device) -> Tensor:
    """Stack (H, W, C) samples to (B, channels, H, W) float32 in [0, 1] on the device.

    They travel as they are and are divided there: a quarter of the bytes.
    """
    stacked = samples[0][None] if len(samples) == 1 else np.stack(samples)
    planes = torch.from_numpy(stacked).to(device).permute(0, 3, 1, 2)  # pyright: ignore[reportUnknownMemberType]
    height, width = stacked.shape[1:3]
    out = torch.empty((len(samples), channels, height, width), device=device)
    out.copy_(planes)  # one channel fills three
    if stacked.dtype != np.float32:
        out /= np.iinfo(stacked.dtype).max
    return out


def _update(
    metric: "Metric", output: Tensor, reference: Tensor, pairs: Sequence[Pair]
) -> list[float]:
    """Values of a batch, none from a metric of the whole set; halves it where memory runs out."""
    try:
        with torch.inference_mode():
            values = metric.update(output, reference)
            return [] if values is None else [float(value) for value in values.tolist()]
    except RestoreError as error:
        # The metric knows tensors only. Pictures of a batch are of one size: the first stands for
        # them.
        raise RestoreError(
            f"{pairs[0].output}: {error.message}", hint=error.hint, exit_code=error.exit_code
        ) from error
    except (MemoryError, RuntimeError) as error:
        if len(pairs) == 1 or not is_out_of_memory(error):
            _raise_if_out_of_memory(error, pairs[0])
            raise
    # Outside of the handler: the exception holds the memory that is wanted back.
    if output.device.type == "cuda":
        torch.cuda.empty_cache()
    half = len(pairs) // 2
    numbers = _update(metric, output[:half], reference[:half], pairs[:half])
    return numbers + _update(metric, output[half:], reference[half:], pairs[half:])


def _raise_if_out_of_memory(error: BaseException, pair: Pair) -> None:
    if is_out_of_memory(error):
        raise RestoreError(
            f"{pair.output}: not enough memory to compare it with its reference",
            hint="use --device cpu, fewer metrics, or cut the pictures into pieces",
        ) from error
