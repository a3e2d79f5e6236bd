"""What a network is told of a whole picture before it sees its windows."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from restore_cli.networks.base import Network

SIDE = 160
"""Side of a patch, px; near what networks are trained on."""
GRID = 4
"""At most this many patches along each side, so that large pictures cost no more than small."""

_WHOLE: ContextVar[Tensor | None] = ContextVar("whole", default=None)


@contextmanager
def part_of(whole: Tensor) -> Generator[None]:
    """Let what this thread restores inside be told of the picture that it is a part of.

    Args:
        whole: patches of that picture, as `patches` gives them.
    """
    before = _WHOLE.set(whole)
    try:
        yield
    finally:
        _WHOLE.reset(before)


def patches(image: Tensor) -> Tensor:
    """Evenly spread patches of a picture, at its own size.

    A picture that is shorter than a patch gives patches of its height or width. The first and the
    last patch touch the edges; patches of small pictures overlap.

    Args:
        image: (3, H, W).

    Returns:
        (N, 3, h, w), N from 1 to `GRID` squared.
    """
    height, width = image.shape[-2:]
    return torch.stack(
        [
            image[:, top : top + SIDE, left : left + SIDE]
            for top in starts(height)
            for left in starts(width)
        ]
    )


def global_context(network: Network, image: Tensor, device: torch.device) -> Tensor | None:
    """What a network wants to know of a whole picture: the mean over its patches.

    Args:
        network: on `device`.
        image: (3, H, W) in [0, 1].
        device: where to compute.

    Returns:
        (1, F), on `device`; None where the network asks nothing. Inside `part_of`, of that whole.
    """
    if not network.info.context:
        return None
    whole = _WHOLE.get()
    seen = patches(image) if whole is None else whole
    answers = network.global_context(seen.to(device))
    return None if answers is None else answers.mean(dim=0, keepdim=True)


def starts(length: int) -> list[int]:
    """Where the patches begin along a side of so many px."""
    last = max(0, length - SIDE)
    count = min(GRID, -(-length // SIDE))
    return sorted({round(last * k / max(1, count - 1)) for k in range(count)})
