"""Restoring a part of each training picture while the network surveys all of it."""

import torch
from torch import Tensor, nn

from restore_cli.methods.base import Batch


def check_window(network: nn.Module, side: int) -> None:
    """Refuse a window that a network cannot use; 0, which is none, fits every network.

    Raises:
        ValueError: the network has no surveyor, or `side` is no multiple of the network's.
    """
    if side and getattr(network, "surveyor", None) is None:
        raise ValueError("a window needs a network with a survey (network.survey above 0)")
    if side < 0 or side % int(getattr(network, "multiple", 1)):
        raise ValueError(f"window is {side}; it must be a multiple of the network's")


def windowed(batch: Batch, side: int) -> tuple[Batch, dict[str, Tensor]]:
    """The same random window of every picture of a batch, and of what belongs to it.

    Where pictures are smaller, it is their size. The position comes from torch's global generator,
    which the loop seeds for each step.

    Args:
        batch: what is (B, C, H, W) is cut, all else stays.
        side: of the window, px; 0 leaves the batch as it is.

    Returns:
        The batch, and `whole` for the network's call: the uncut pictures, where they were cut.
    """
    if not side:
        return batch, {}
    height, width = batch["image"].shape[-2:]
    top = int(torch.randint(max(1, height - side + 1), ()))
    left = int(torch.randint(max(1, width - side + 1), ()))
    place = (..., slice(top, top + side), slice(left, left + side))
    cut = {name: t[place] if t.ndim == 4 else t for name, t in batch.items()}
    return cut, {"whole": batch["image"]}
