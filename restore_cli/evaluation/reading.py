"""Pairs read ahead in threads, grouped into batches of equal size.

Pictures wait as their files have them, in 8 or 16 bits. How far reading runs ahead is bounded by
number and by pixels, so that 10,000 pairs, or a few very large ones, never sit in memory.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_cli.errors import RestoreError
from restore_cli.evaluation.comparable import samples, unlikeness
from restore_cli.evaluation.pairing import Pair
from restore_cli.images.header import upright_size
from restore_cli.images.picture import Picture
from restore_cli.workers import Workers

Unlike = Literal["resize", "crop"] | None
"""What becomes of a reference of another size than its output; None: an error."""
AHEAD_PIXELS = 64 << 20
"""Pixels of outputs that may wait to be computed; one batch may, whatever its size."""
BATCH_PIXELS = 16 << 20
"""Pixels of outputs in one batch, however many pictures that is; one may be larger."""
_LOOK_AHEAD = 4  # batches' worth of pictures among which equal sizes are sought


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pair as read.

    Attributes:
        index: its place in the order.
        pair: which.
        output: (H, W, 1 or 3) uint8, uint16, or float32 in [0, 1].
        reference: the same, of the output's height and width.
        notes: how pictures of unlike kinds were made comparable, in words.
    """

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


def read_ahead(
    pairs: Sequence[Pair], batch_size: int, workers: int, unlike: Unlike
) -> Generator[list[Loaded]]:
    """Read in threads; give one batch after another, and read the next ones meanwhile.

    Args:
        pairs: in order.
        batch_size: most pictures of one size in a batch.
        workers: threads that read.
        unlike: what becomes of a reference of another size.

    Yields:
        Pairs to be computed together: of one size, though depth and colour may differ.

    Raises:
        RestoreError: a file cannot be read, or sizes differ. Names the file.
    """
    plan = _plan(pairs, batch_size)
    upcoming = next(plan, None)
    waiting: deque[tuple[_Planned, list[Future[Loaded]]]] = deque()
    most = 2 * workers + batch_size
    with Workers(workers, "read") as readers:
        while upcoming is not None or waiting:
            loaded: list[Loaded] = []
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


def _load(index: int, pair: Pair, unlike: Unlike) -> Loaded:
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
    return Loaded(index, pair, output, reference, notes)


def _middle(picture: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """The middle of a larger picture; a smaller one passes."""
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    if top < 0 or left < 0:
        return picture
    return picture[top : top + height, left : left + width]


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
