"""Filters that OpenCV computes on the CPU and torch on a device."""

import math

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_TRANSFORMED = 64  # px, of which sizes of transforms are multiples


def convolved(pictures: Tensor, kernel: Tensor) -> Tensor:
    """Convolve (C, H, W) with a kernel (K, K), K odd, over borders that mirror the picture."""
    if pictures.device.type != "cpu":
        return convolved_by_spectra(pictures, kernel)
    last = pictures.permute(1, 2, 0).contiguous().numpy()
    # OpenCV correlates: turned by half a circle it is a convolution.
    turned = np.ascontiguousarray(kernel.numpy()[::-1, ::-1])
    found = cv2.filter2D(last, cv2.CV_32F, turned, borderType=cv2.BORDER_REFLECT)
    found = np.asarray(found, np.float32).reshape(last.shape)
    return torch.from_numpy(found).permute(2, 0, 1).contiguous()


def convolved_by_spectra(pictures: Tensor, kernel: Tensor) -> Tensor:
    """The same by transforms, of few sizes: cuDNN would try itself out on every size of kernel."""
    reach, sizes = len(kernel) // 2, pictures.shape[-2:]
    framed = _framed(pictures, reach, repeats=True)
    whole = [math.ceil((size + 2 * reach) / _TRANSFORMED) * _TRANSFORMED for size in sizes]
    spectra = torch.fft.rfft2(framed, s=whole) * torch.fft.rfft2(kernel, s=whole)
    (down, right), start = sizes, 2 * reach
    found = torch.fft.irfft2(spectra, s=whole)
    return found[:, start : start + down, start : start + right].contiguous()


def local_mean(plane: Tensor, *, side: int) -> Tensor:
    """The mean of (H, W) over squares of `side` px, odd; the picture is mirrored at its border."""
    if plane.device.type != "cpu":
        return local_mean_by_pooling(plane, side=side)
    return torch.from_numpy(cv2.blur(plane.numpy(), (side, side)).reshape(plane.shape))


def local_mean_by_pooling(plane: Tensor, *, side: int) -> Tensor:
    """The same by torch's own."""
    return F.avg_pool2d(_framed(plane[None], side // 2, repeats=False), side, stride=1)[0]


def _framed(pictures: Tensor, reach: int, *, repeats: bool) -> Tensor:
    """(C, H, W) with `reach` px more on each side, as in a mirror that repeats the border or not.

    As OpenCV does it, pictures smaller than the frame included.
    """
    for axis in (-2, -1):
        size = pictures.shape[axis]
        period = max(1, 2 * size - (0 if repeats else 2))
        places = torch.arange(-reach, size + reach, device=pictures.device) % period
        mirrored = torch.minimum(places, period - int(repeats) - places)
        pictures = pictures.index_select(axis, mirrored)
    return pictures
