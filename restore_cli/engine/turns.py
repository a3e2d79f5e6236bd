"""Test-time augmentation: the same picture seen eight ways."""

from collections.abc import Callable

import torch
from torch import Tensor

TURNS = 8
"""Four quarter turns, each also flipped; the first leaves all as it is."""


def turned(images: Tensor, turn: int) -> Tensor:
    """Pictures (B, C, H, W) in one of the `TURNS`."""
    seen = torch.rot90(images, turn // 2, (2, 3))
    return seen.flip(3) if turn % 2 else seen


def turned_back(images: Tensor, turn: int) -> Tensor:
    """The inverse of `turned`."""
    return torch.rot90(images.flip(3) if turn % 2 else images, -(turn // 2), (2, 3))


def over_turns(compute: Callable[[Tensor, int], Tensor], images: Tensor) -> Tensor:
    """The mean of what is computed of all flips and quarter turns, each turned back.

    Args:
        compute: of turned pictures and the number of the turn; keeps their orientation.
        images: (B, C, H, W).

    Returns:
        What `compute` gives for `images`, averaged.
    """
    made = [turned_back(compute(turned(images, turn), turn), turn) for turn in range(TURNS)]
    return torch.stack(made).sum(0) / TURNS
