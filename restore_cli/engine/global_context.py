"""What a network is told of a whole picture before it sees its windows."""

import torch
from torch import Tensor, nn

SIDE = 160
"""Side of a patch, px; near what networks are trained on."""
GRID = 4
"""At most this many patches along each side, so that large pictures cost no more than small."""


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
            for top in _starts(height)
            for left in _starts(width)
        ]
    )


def survey(surveyor: nn.Module, image: Tensor, device: torch.device) -> Tensor:
    """The mean of what a surveyor says of the patches of a picture.

    Args:
        surveyor: maps (N, 3, h, w) to (N, features); on `device`.
        image: (3, H, W) in [0, 1].
        device: where to compute.

    Returns:
        (1, features), on `device`.
    """
    answers: Tensor = surveyor(patches(image).to(device))
    return answers.mean(dim=0, keepdim=True)


def _starts(length: int) -> list[int]:
    last = max(0, length - SIDE)
    count = min(GRID, -(-length // SIDE))
    return sorted({round(last * k / max(1, count - 1)) for k in range(count)})
