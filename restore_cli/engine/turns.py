"""Test-time augmentation: the same picture seen eight ways."""

from collections.abc import Callable

import torch
from torch import Tensor


def over_turns(compute: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """The mean of what is computed of all flips and quarter turns, each turned back.

    Args:
        compute: keeps the orientation of what it is given.
        images: (B, C, H, W).

    Returns:
        What `compute` gives for `images`, averaged.
    """
    results: list[Tensor] = []
    for turns in range(4):
        seen = torch.rot90(images, turns, (2, 3))
        both = compute(seen) + compute(seen.flip(3)).flip(3)
        results.append(torch.rot90(both, -turns, (2, 3)))
    return torch.stack(results).sum(0) / 8
