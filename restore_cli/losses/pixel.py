"""Pixel losses: what a restored picture is from its target, place by place."""

from collections.abc import Callable

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


PIXEL_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1, "charbonnier": charbonnier}
"""What `objective.loss` of a supervised recipe may be."""


def _same_shape(output: Tensor, target: Tensor) -> None:
    if output.shape != target.shape:
        raise ValueError(f"shapes differ: {tuple(output.shape)} and {tuple(target.shape)}")
