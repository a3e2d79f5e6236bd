"""Pixel losses: what a restored picture is from its target, place by place."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference, |x - y| averaged over all values.

    Args:
        output: any shape.
        target: the same shape.

    Returns:
        Scalar.

    Raises:
        ValueError: the shapes differ (silent broadcasting would average the wrong thing).
    """
    _same_shape(output, target)
    return (output - target).abs().mean()


def charbonnier(output: Tensor, target: Tensor, *, eps: float = 1e-3) -> Tensor:
    """Smooth L1 of Charbonnier et al. 1994, sqrt((x - y)^2 + eps^2) averaged over all values.

    Args:
        output: any shape.
        target: the same shape.
        eps: where the parabola turns into lines, on the scale of the pictures.

    Returns:
        Scalar; eps where the two are equal.

    Raises:
        ValueError: the shapes differ.
    """
    _same_shape(output, target)
    return torch.sqrt((output - target).square() + eps**2).mean()


def psnr_loss(output: Tensor, target: Tensor, *, eps: float = 1e-4) -> Tensor:
    """Each picture's error in dB above a floor, 10 log10(1 + MSE / eps), averaged over the batch.

    Far above the floor it is minus the PSNR, the loss of HINet (Chen et al., CVPRW 2021), so that
    a picture counts by the share of its error that is removed: one with little to restore is
    not drowned by one with much. The floor (ours) keeps it from chasing the last rounding error
    of pictures that are right already.

    Args:
        output: (B, ...).
        target: the same shape.
        eps: mean squared error at the floor; 1e-4 is 40 dB.

    Returns:
        Scalar, dB; 0 where the two are equal.

    Raises:
        ValueError: the shapes differ.
    """
    _same_shape(output, target)
    error = (output - target).square().flatten(start_dim=1).mean(dim=1)
    return 10 / math.log(10) * torch.log1p(error / eps).mean()


PIXEL_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": l1,
    "charbonnier": charbonnier,
    "psnr": psnr_loss,
}
"""What `objective.loss` of a recipe may be."""


def pixel_loss(name: str, *, floor: float = 1e-4) -> Callable[[Tensor, Tensor], Tensor]:
    """The pixel loss that a recipe asks for.

    Args:
        name: one of `PIXEL_LOSSES`.
        floor: `eps` of the loss "psnr"; the others have none.

    Raises:
        ValueError: no such loss, or a floor that is not above 0.
    """
    if name not in PIXEL_LOSSES:
        raise ValueError(f"unknown loss {name!r}; known: {', '.join(sorted(PIXEL_LOSSES))}")
    if floor <= 0:
        raise ValueError(f"floor is {floor}; it must be above 0")
    return partial(psnr_loss, eps=floor) if name == "psnr" else PIXEL_LOSSES[name]


def _same_shape(output: Tensor, target: Tensor) -> None:
    if output.shape != target.shape:
        raise ValueError(f"shapes differ: {tuple(output.shape)} and {tuple(target.shape)}")
