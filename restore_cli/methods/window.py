"""Restoring a part of each training picture while the network is told of all of it."""

import torch
from torch import Tensor

from restore_cli.data.sample import Batch
from restore_cli.networks.base import Network


def check_window(network: Network, side: int) -> None:
    """Refuse a window that a network cannot use; 0, which is none, fits every network.

    Raises:
        ValueError: the network takes no global context, or `side` is no multiple of the network's.
    """
    if side and not network.info.context:
        raise ValueError("a window needs a network with a global context")
    if side < 0 or side % network.info.multiple:
        raise ValueError(f"window is {side}; it must be a multiple of the network's")


def windowed(batch: Batch, side: int) -> tuple[Batch, Tensor]:
    """The same random window of every picture of a batch, and of what belongs to it.

    Where pictures are smaller, it is their size. The position comes from torch's global generator,
    which the loop seeds for each step.

    Args:
        batch: what is (B, C, H, W) is cut, all else stays.
        side: of the window, px; 0 leaves the batch as it is.

    Returns:
        The batch, and the uncut pictures, whose global context the network is told.
    """
    if not side:
        return batch, batch.image
    height, width = batch.image.shape[-2:]
    top = int(torch.randint(max(1, height - side + 1), ()))
    left = int(torch.randint(max(1, width - side + 1), ()))
    return batch.cut((slice(top, top + side), slice(left, left + side))), batch.image
