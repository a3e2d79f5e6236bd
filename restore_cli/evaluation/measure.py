"""Pairs in, numbers out: reading overlaps computing, and memory stays flat.

`workers` threads decode ahead; the thread that iterates computes. Pictures wait as their files
have them, in 8 or 16 bits, and become floats on the device. How far reading runs ahead is bounded
by number and by pixels, so that 10,000 pairs, or a few very large ones, never sit in memory.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore_cli.engine.out_of_memory import is_out_of_memory
from restore_cli.errors import RestoreError
from restore_cli.evaluation.comparable import samples, unlikeness
from restore_cli.evaluation.pairing import Pair
from restore_cli.images.header import upright_size
from restore_cli.images.picture import Picture

if TYPE_CHECKING:
    from restore_cli.evaluation.metrics import Metric

Unlike = Literal["resize", "crop"] | None
"""What becomes of a reference of another size than its output; None: an error."""
AHEAD_PIXELS = 64 << 20
"""Pixels of outputs that may wait to be computed; one batch may, whatever its size."""
BATCH_PIXELS = 16 << 20
"""Pixels of outputs in one batch, however many pictures that is; one may be larger."""
_LOOK_AHEAD = 4  # batches' worth of pictures among which equal sizes are sought


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one pair.

    Attributes:
        pair: which.
        width: of the output, pixels.
        height: of the output, pixels.
        values: by metric, in that metric's unit, for the metrics that judge single pictures.
            Infinite where the metric says so of equal pictures (PSNR).
        notes: how pictures of unlike kinds were made comparable, in words.
    """

    pair: Pair
    width: int
    height: int
    values: dict[str, float]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What a number means.

    Attributes:
        name: as the user asked for it, "psnr".
        unit: "dB", or "" for a bare number.
        higher_is_better: False for errors and distances.
        per_picture: False where there is one number for the whole set.
        protocol: how it is computed, in words, so that two numbers can be compared.
    """

    name: str
    unit: str
    higher_is_better: bool
    per_picture: bool
    protocol: str

    @classmethod
    def of(cls, metric: "Metric") -> "MetricInfo":
        """Take it from a metric."""
        return cls(
            metric.name, metric.unit, metric.higher_is_better, metric.per_picture, metric.protocol
        )


@dataclass(frozen=True)
class Measurement:
    """All numbers of one set of outputs.

    Attributes:
        label: what the set is called: the output folder's name.
        rows: one for each pair, in order.
        metrics: what the numbers mean, by name.
        totals: one number for the set, by metric: the mean over pictures where it is finite.
    """

    label: str
    rows: list[Row]
    metrics: dict[str, MetricInfo]
    totals: dict[str, float]

    @classmethod
    def of(cls, label: str, rows: Sequence[Row], metrics: "Sequence[Metric]") -> "Measurement":
        """Put together what `measure` gave and what the metrics have gathered meanwhile."""
        infos = {metric.name: MetricInfo.of(metric) for metric in metrics}
        totals = {metric.name: float(metric.compute()) for metric in metrics}
        return cls(label, list(rows), infos, totals)


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
    batches = _read_ahead(
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


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A pair as read: (H, W, 1 or 3) uint8, uint16, or float32 in [0, 1]."""

    index: int
    pair: Pair
    output: NDArray[Any]
    reference: NDArray[Any]
    notes: tuple[str, ...]

    @property
    def kind(self) -> tuple[object, ...]:
        """What must be equal for two to be computed together."""
        ours, theirs = self.output, self.reference
        return ours.shape, ours.dtype, theirs.shape, theirs.dtype


@dataclass(frozen=True, slots=True)
class _Planned:
    """Pairs to be read and computed together.

    Attributes:
        pairs: with their place in the order.
        pixels: of all outputs.
    """

    pairs: list[tuple[int, Pair]]
    pixels: int


def _plan(pairs: Sequence[Pair], batch_size: int) -> Iterator[_Planned]:
    """Group pairs of equal size that lie near each other.

    Goes by the heads of the files: what is computed together must not depend on which thread was
    faster, or numbers would change in their last digits from run to run.
    """
    window: deque[tuple[int, Pair, tuple[int, int]]] = deque()
    reach = _LOOK_AHEAD * batch_size if batch_size > 1 else 1
    coming = enumerate(pairs)
    while True:
        while len(window) < reach and (one := next(coming, None)) is not None:
            window.append((*one, upright_size(one[1].output)))
        if not window:
            return
        size = window[0][2]
        pixels = size[0] * size[1]
        most = min(batch_size, max(1, BATCH_PIXELS // pixels))
        chosen = [entry for entry in window if entry[2] == size][:most]
        for entry in chosen:
            window.remove(entry)
        yield _Planned([(index, pair) for index, pair, _ in chosen], pixels * len(chosen))


def _read_ahead(
    pairs: Sequence[Pair], batch_size: int, workers: int, unlike: Unlike
) -> Generator[list[_Loaded]]:
    """Read in threads; give one batch after another, and read the next ones meanwhile."""
    plan = _plan(pairs, batch_size)
    upcoming = next(plan, None)
    waiting: deque[tuple[_Planned, list[Future[_Loaded]]]] = deque()
    most = 2 * workers + batch_size
    readers = ThreadPoolExecutor(workers, thread_name_prefix="read")
    try:
        while upcoming is not None or waiting:
            loaded: list[_Loaded] = []
            if waiting:
                loaded = [read.result() for read in waiting.popleft()[1]]
            pixels = sum(batch.pixels for batch, _ in waiting)
            count = sum(len(batch.pairs) for batch, _ in waiting)
            while upcoming is not None and (
                not waiting
                or (
                    count + len(upcoming.pairs) <= most and pixels + upcoming.pixels <= AHEAD_PIXELS
                )
            ):
                reads = [readers.submit(_load, i, pair, unlike) for i, pair in upcoming.pairs]
                waiting.append((upcoming, reads))
                pixels += upcoming.pixels
                count += len(upcoming.pairs)
                upcoming = next(plan, None)
            if loaded:
                yield loaded
    finally:
        readers.shutdown(cancel_futures=True)


def _load(index: int, pair: Pair, unlike: Unlike) -> _Loaded:
    """Reader thread: decode both files."""
    ours = Picture.read(pair.output)
    # A comparison with itself need not be decoded twice.
    same = pair.reference == pair.output
    theirs = ours if same else Picture.read(pair.reference)
    notes, output = unlikeness(ours, theirs), samples(ours)
    reference = output if same else samples(theirs)
    if output.shape[:2] != reference.shape[:2] and unlike == "crop":
        reference = _middle(reference, output.shape[0], output.shape[1])
    if output.shape[:2] != reference.shape[:2]:
        if unlike != "resize":
            (height, width), (rows, columns) = output.shape[:2], reference.shape[:2]
            raise RestoreError(
                f"{pair.output} is {width}x{height}, its reference {columns}x{rows}",
                hint="give outputs of the references' size, or say --resize-reference",
            )
        reference = resized(reference, output.shape[0], output.shape[1])
    return _Loaded(index, pair, output, reference, notes)


def _middle(samples: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """The middle of a larger picture; a smaller one passes."""
    top, left = (samples.shape[0] - height) // 2, (samples.shape[1] - width) // 2
    if top < 0 or left < 0:
        return samples
    return samples[top : top + height, left : left + width]


def resized(samples: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Bring a reference to its output's size, the way `--resize-reference` does.

    OpenCV's area average where it shrinks, bicubic otherwise; clipped.

    Args:
        samples: (H, W, C) uint8, uint16, or float32 in [0, 1].
        height: of the result.
        width: of the result.

    Returns:
        (height, width, C) float32 in [0, 1].
    """
    if samples.dtype != np.float32:
        samples = np.divide(samples, np.iinfo(samples.dtype).max, dtype=np.float32)
    shrinks = height <= samples.shape[0] and width <= samples.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    out = cv2.resize(samples, (width, height), interpolation=how)
    return np.clip(out, 0, 1, dtype=np.float32).reshape(height, width, -1)


def _compute(
    batch: list[_Loaded], metrics: "Sequence[Metric]", device: torch.device
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
