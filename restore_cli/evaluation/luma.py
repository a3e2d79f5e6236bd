"""Brightness of a colour picture, in the two ways that papers mean by "Y" and by "grey"."""

import torch
from torch import Tensor

from restore_cli.evaluation.fidelity import check_shapes, psnr
from restore_cli.evaluation.structure import ssim

STUDIO_WEIGHTS = (65.481, 128.553, 24.966)
STUDIO_BLACK = 16.0
GREY_WEIGHTS = (0.299, 0.587, 0.114)


def studio_luma(image: Tensor) -> Tensor:
    """BT.601 luma in studio range, as MATLAB's rgb2ycbcr weighs it, on a scale of 0..1.

    Y = (65.481 R + 128.553 G + 24.966 B + 16) / 255: black is 16/255, white 235/255. It is not
    rounded, as in the Python code of the restoration papers (BasicSR's to_y_channel). MATLAB
    rounds it for 8-bit pictures, which moves a PSNR by hundredths of a dB.

    Args:
        image: (B, C, H, W) in [0, 1], RGB or one grey channel (taken as R = G = B).

    Returns:
        (B, 1, H, W) float64.
    """
    return (_weighted(image, STUDIO_WEIGHTS) + STUDIO_BLACK) / 255


def grey(image: Tensor) -> Tensor:
    """BT.601 luma in full range, 0.299 R + 0.587 G + 0.114 B, as OpenCV's RGB2GRAY weighs it.

    Args:
        image: (B, C, H, W) in [0, 1], RGB or one grey channel (taken as R = G = B).

    Returns:
        (B, 1, H, W) float64.
    """
    return _weighted(image, GREY_WEIGHTS)


def psnr_y(output: Tensor, reference: Tensor) -> Tensor:
    """PSNR of the unrounded studio-range luma with the peak at 255 of 255, as papers print it.

    The peak is the whole scale and not the 219 steps between black and white: that is the
    convention, and worth 1.3 dB.

    Args:
        output: (B, C, H, W) in [0, 1], RGB or grey.
        reference: the same shape.

    Returns:
        (B,) float64, dB; infinity where the two are equal.

    Raises:
        RestoreError: the shapes differ.
    """
    check_shapes(output, reference)
    return psnr(studio_luma(output), studio_luma(reference))


def ssim_y(output: Tensor, reference: Tensor) -> Tensor:
    """SSIM (`ssim`: Gaussian 11 x 11, sigma 1.5, valid) of the unrounded studio-range luma.

    Arguments, result and errors are those of `ssim`; pictures are RGB or grey.
    """
    check_shapes(output, reference)
    return ssim(studio_luma(output), studio_luma(reference))


def _weighted(image: Tensor, weights: tuple[float, float, float]) -> Tensor:
    image = image.double()
    if image.shape[1] == 1:
        return image * sum(weights)
    scale = torch.tensor(weights, dtype=torch.float64, device=image.device)
    return (image * scale[:, None, None]).sum(dim=1, keepdim=True)
