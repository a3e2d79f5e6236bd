"""What global brightness and colour have to do with an error.

A low-light or a rainy pair often differs by a global map that nobody can guess from the input.
These metrics take it out, in the field's way (GT-mean) or in closed form (affine alignment).
"""

import torch
from torch import Tensor

from restore_cli.evaluation.fidelity import check_shapes, decibels, psnr
from restore_cli.evaluation.luma import grey
from restore_cli.losses.alignment import (
    affine_alignment,
    apply_affine,
    photometric_structural_split,
)

ALIGNMENT_EPS = 1e-12
"""Ridge of the fit (squared units of a picture in [0, 1], float64): keeps grey and constant
pictures solvable, and is far below what one step of 8 bits in one pixel does to a covariance."""

_NOTHING_LEFT = 1e-14
"""A mean squared error after alignment (140 dB) that float32 rounding of the inputs explains."""


def psnr_gtmean(output: Tensor, reference: Tensor) -> Tensor:
    """PSNR after the output is scaled to the reference's mean grey: the convention of LOL papers.

    output * mean(grey(reference)) / mean(grey(output)), clipped to [0, 1], not rounded; grey by
    BT.601 as OpenCV's RGB2GRAY. One factor for the picture, taken from the reference, so it is
    not a number that an application can reach: print it beside plain PSNR only. A black output is
    left as it is.

    Args:
        output: (B, C, H, W) in [0, 1], RGB or grey.
        reference: the same shape.

    Returns:
        (B,) float64, dB; infinity where the scaled output equals the reference.

    Raises:
        RestoreError: the shapes differ.
    """
    check_shapes(output, reference)
    mean, wanted = (grey(image).mean(dim=(1, 2, 3)) for image in (output, reference))
    scale = torch.where(mean > 0, wanted / mean, 1.0)
    return psnr((output.double() * scale[:, None, None, None]).clamp(0, 1), reference)


def psnr_aligned(output: Tensor, reference: Tensor) -> Tensor:
    """PSNR after the output's best global affine colour map onto the reference.

    The map of `restore_cli.losses.alignment.affine_alignment`, one for each picture, eps 1e-12,
    in float64; the mapped output is neither clipped nor rounded. What is left is structural.

    Args:
        output: (B, C, H, W) in [0, 1], RGB or grey.
        reference: the same shape.

    Returns:
        (B,) float64, dB; infinity where less is left than float32 rounding of the inputs (an
        error of 1e-14, 140 dB).

    Raises:
        RestoreError: the shapes differ.
    """
    check_shapes(output, reference)
    output, reference = output.double(), reference.double()
    aligned = apply_affine(output, *affine_alignment(output, reference, eps=ALIGNMENT_EPS))
    error = (aligned - reference).square().mean(dim=(1, 2, 3))
    return decibels(torch.where(error < _NOTHING_LEFT, 0.0, error))


def photometric_share(output: Tensor, reference: Tensor) -> Tensor:
    """Share of the squared error that a global affine colour map explains.

    photometric / (photometric + structural) of
    `restore_cli.losses.alignment.photometric_structural_split`, eps 1e-12, in float64.

    Args:
        output: (B, C, H, W) in [0, 1], RGB or grey.
        reference: the same shape.

    Returns:
        (B,) float64 in [0, 1]: 1 where the error is all brightness and colour, 0 where it is all
        structure, and 0 for identical pictures.

    Raises:
        RestoreError: the shapes differ.
    """
    check_shapes(output, reference)
    output, reference = output.double(), reference.double()
    photometric, structural = photometric_structural_split(output, reference, eps=ALIGNMENT_EPS)
    identical = (output == reference).flatten(1).all(dim=1)
    return torch.where(identical, 0.0, photometric / (photometric + structural))
