"""Restorers that need no training, for `peers.py`.

Each takes and gives (H, W, 3) float32 sRGB in [0, 1].
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from skimage import restoration

Array = npt.NDArray[np.float32]
Classic = Callable[[Array], Array]
_WINDOW = 15  # px; of the dark channel, as published
_OMEGA, _LEAST = 0.95, 0.1  # share of the haze that goes, least transmission: as published


def dark_channel(picture: Array) -> Array:
    """He, Sun and Tang, CVPR 2009, with the guided filter of their ECCV 2010 paper."""
    square = np.ones((_WINDOW, _WINDOW), np.uint8)

    def darkest(values: Array) -> Array:
        return np.asarray(cv2.erode(values.min(axis=2), square), np.float32)

    dark = darkest(picture)
    brightest = dark.ravel().argsort()[-max(1, dark.size // 1000) :]
    light = picture.reshape(-1, 3)[brightest].max(axis=0)
    raw = 1 - _OMEGA * darkest((picture / light).astype(np.float32))
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    passed = _guided(grey, raw, radius=40, eps=1e-3)[:, :, None].clip(_LEAST, 1)
    return ((picture - light) / passed + light).astype(np.float32)


def _guided(guide: Array, values: Array, *, radius: int, eps: float) -> Array:
    def mean(of: npt.NDArray[Any]) -> Array:
        return np.asarray(cv2.blur(of, (2 * radius + 1, 2 * radius + 1)), np.float32)

    both = mean(guide * values) - mean(guide) * mean(values)
    slope = both / (mean(guide * guide) - mean(guide) ** 2 + eps)
    offset = mean(values) - slope * mean(guide)
    return np.asarray(mean(slope) * guide + mean(offset), np.float32)


def equalised(picture: Array) -> Array:
    """Contrast-limited adaptive histogram equalisation of the lightness (OpenCV, clip limit 2)."""
    lab = cv2.cvtColor(_codes(picture), cv2.COLOR_RGB2LAB)
    lab[:, :, 0] = cv2.createCLAHE(2.0, (8, 8)).apply(lab[:, :, 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) / 255, np.float32)


def non_local_means(picture: Array) -> Array:
    """Buades, Coll and Morel 2005 (scikit-image), the noise estimated."""
    sigma = float(restoration.estimate_sigma(picture, channel_axis=2, average_sigmas=True))
    return np.asarray(
        restoration.denoise_nl_means(
            picture, patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma, channel_axis=2
        ),
        np.float32,
    )


def block_matching(picture: Array) -> Array:
    """BM3D (Dabov et al. 2007, package bm3d), the noise estimated.

    Raises:
        ImportError: the package is not installed.
    """
    import bm3d  # pyright: ignore[reportMissingImports]

    sigma = float(restoration.estimate_sigma(picture, channel_axis=2, average_sigmas=True))
    return np.asarray(bm3d.bm3d_rgb(picture, sigma), np.float32)  # pyright: ignore


def wiener(picture: Array) -> Array:
    """Wiener's filter for a Gaussian point spread of 1.5 px (scikit-image)."""
    side = np.arange(-5, 6)
    row = np.exp(-(side**2) / (2 * 1.5**2))
    spread = np.outer(row, row) / row.sum() ** 2
    planes = [
        np.asarray(restoration.wiener(picture[:, :, k], spread, 0.02, clip=False), np.float32)
        for k in range(3)
    ]
    return np.stack(planes, axis=2)


def _codes(picture: Array) -> npt.NDArray[np.uint8]:
    return (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)


CLASSIC: dict[str, dict[str, Classic]] = {
    "denoise": {"non-local means": non_local_means, "BM3D": block_matching},
    "derain": {},
    "deblur": {"Wiener": wiener},
    "dehaze": {"dark channel": dark_channel, "CLAHE": equalised},
    "lowlight": {"CLAHE": equalised},
}
