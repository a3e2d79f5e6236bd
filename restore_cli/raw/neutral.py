"""The plainest way to develop a mosaic, on tensors and differentiable: what a style departs from.

Bilinear interpolation, the camera's matrix, the sRGB curve; the mosaic is white-balanced already.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.images.color import linear_to_srgb, srgb_to_linear

_RED_OR_BLUE = ((0.25, 0.5, 0.25), (0.5, 1.0, 0.5), (0.25, 0.5, 0.25))
_GREEN = ((0.0, 0.25, 0.0), (0.25, 1.0, 0.25), (0.0, 0.25, 0.0))


def camera_to_srgb(image: Tensor, matrix: Tensor) -> Tensor:
    """Convert a camera's colours to sRGB.

    Args:
        image: (B, 3, H, W) white-balanced camera values under the sRGB curve, as `networks.isp.ISP`
            returns them.
        matrix: (B, 3, 3) white-balanced camera values to linear sRGB.

    Returns:
        (B, 3, H, W) sRGB. Not clipped, so that a gradient comes back from everywhere; what leaves
        [0, 1] are colours that sRGB cannot show.
    """
    light = srgb_to_linear(image)
    return linear_to_srgb(torch.einsum("boc,bchw->bohw", matrix.to(light.dtype), light))


def bilinear(planes: Tensor) -> Tensor:
    """Interpolate a mosaic: the mean of the two or four nearest samples of a colour.

    Args:
        planes: (B, 3, H, W) linear light, red at even rows and columns, blue at odd ones, 0 where a
            plane has no sample; H and W even.

    Returns:
        (B, 3, H, W); the samples themselves stay.
    """
    kernels = planes.new_tensor([_RED_OR_BLUE, _GREEN, _RED_OR_BLUE])[:, None]
    # Reflected about the outermost samples, each colour is mirrored onto its own places.
    return F.conv2d(F.pad(planes, (1, 1, 1, 1), mode="reflect"), kernels, groups=3)


def neutral_rendering(planes: Tensor, matrix: Tensor) -> Tensor:
    """Develop a mosaic without any style.

    Args:
        planes: (B, 3, H, W) a mosaic as `networks.isp.ISP` reads it: white-balanced, under the
            sRGB curve, 0 where a plane has no sample; H and W even.
        matrix: (B, 3, 3) white-balanced camera values to linear sRGB.

    Returns:
        (B, 3, H, W) sRGB, not clipped.
    """
    return camera_to_srgb(linear_to_srgb(bilinear(srgb_to_linear(planes))), matrix)
