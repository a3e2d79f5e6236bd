"""What a network is told of a whole picture before it sees its windows."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from restore_cli.engine.windows import Pixels

SIDE = 160
"""Side of a patch, px; near what networks are trained on."""
GRID = 4
"""At most this many patches along each side, so that large pictures cost no more than small."""

_WHOLE: ContextVar[Pixels | None] = ContextVar("whole", default=None)


@contextmanager
def part_of(whole: Pixels) -> Generator[None]:
    """Let what this thread restores inside be told of the picture that it is a part of.

    Args:
        whole: patches of that picture, as `patches` gives them.
    """
    before = _WHOLE.set(whole)
    try:
        yield
    finally:
        _WHOLE.reset(before)


def patches(image: Pixels) -> Pixels:
    """Evenly spread patches of a picture, at its own size.

    A picture that is shorter than a patch gives patches of its height or width. The first and the
    last patch touch the edges; patches of small pictures overlap.

    Args:
        image: (3, H, W).

    Returns:
        (N, 3, h, w), N from 1 to `GRID` squared.
    """
    height, width = image.shape[-2:]
    return np.stack(
        [
            image[:, top : top + SIDE, left : left + SIDE]
            for top in starts(height)
            for left in starts(width)
        ]
    )


def whole_of(image: Pixels) -> Pixels:
    """Patches of the whole picture that an image is: its own, or inside `part_of` of that whole."""
    whole = _WHOLE.get()
    return patches(image) if whole is None else whole


def starts(length: int) -> list[int]:
    """Where the patches begin along a side of so many px."""
    last = max(0, length - SIDE)
    count = min(GRID, -(-length // SIDE))
    return sorted({round(last * k / max(1, count - 1)) for k in range(count)})
