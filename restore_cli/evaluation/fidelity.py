"""Peak signal-to-noise ratio: how far each pixel is from its reference."""

import torch
from torch import Tensor

from restore_cli.errors import RestoreError


def psnr(output: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over all pixels and channels of each picture.

    PSNR = -10 log10(mean((output - reference)^2)), for a data range of 1. The mean is taken in
    float64, so that it does not depend on the picture's size or the device. 8-bit files divided
    by 255 give the numbers that papers print, because the range then is 1 here and 255 there.

    Args:
        output: (B, C, H, W), values in [0, 1].
        reference: the same shape.

    Returns:
        (B,) float64, in dB; infinity where the two are equal.

    Raises:
        RestoreError: the shapes differ.
    """
    check_shapes(output, reference)
    # Differences in the pictures' own float32, their squares and the sum in float64: no copies of
    # the pictures in float64 (`benchmarks/evaluation.py` shows how little that changes).
    difference = output.to(torch.promote_types(output.dtype, torch.float32)) - reference
    norm = torch.linalg.vector_norm(difference, dim=(1, 2, 3), dtype=torch.float64)
    return decibels(norm.square() / output[0].numel())


def decibels(error: Tensor) -> Tensor:
    """PSNR of a mean squared error, for a data range of 1: -10 log10(error); infinity for 0."""
    return -10.0 * error.log10()


def check_shapes(output: Tensor, reference: Tensor) -> None:
    """Refuse what would broadcast into a wrong number.

    Raises:
        RestoreError: the two are not of one shape (B, C, H, W).
    """
    if output.shape != reference.shape or output.ndim != 4:
        raise RestoreError(
            f"the picture's shape {_shape(output)} and its reference's {_shape(reference)} differ",
            hint="compare pictures of the same size and number of channels",
        )


def check_smallest_side(image: Tensor, smallest: int, *, metric: str) -> None:
    """Refuse pictures on which a metric has no place to stand.

    Args:
        image: (..., H, W).
        smallest: what the shorter side needs, in pixels.
        metric: its name for people.

    Raises:
        RestoreError: a side is shorter.
    """
    height, width = image.shape[-2:]
    if min(height, width) < smallest:
        raise RestoreError(
            f"{metric} needs pictures of at least {smallest} x {smallest} pixels; "
            f"this one has {width} x {height}",
            hint="leave such pictures out, or ask for other metrics",
        )


def _shape(image: Tensor) -> str:
    return " x ".join(str(size) for size in image.shape)
