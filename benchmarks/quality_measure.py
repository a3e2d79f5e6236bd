"""Pictures as 8-bit files hold them, and how near two are: shared by the benchmarks of quality."""

import math
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from restore_cli.engine.restorer import Restored
from restore_cli.evaluation.metrics import psnr, ssim
from restore_cli.images.formats import READABLE_SUFFIXES
from restore_cli.images.picture import Picture


class Restoring(Protocol):
    """A `Restorer`, or what is called like one."""

    def __call__(self, image: Tensor, *, level: float | None = None) -> Restored:
        """Restore (3, H, W) in [0, 1]."""
        ...


Values = list[float]
"""PSNR and SSIM before, then after."""


def compared(before: Tensor, after: Tensor, target: Tensor) -> Values:
    """PSNR and SSIM before, then after."""
    return [
        float(metric(picture[None], target[None]))
        for picture in (before, after)
        for metric in (psnr, ssim)
    ]


def means(values: list[Values]) -> dict[str, str]:
    """The measured columns of a row, over pictures."""
    keys = ("input_psnr", "input_ssim", "psnr", "ssim")
    columns = zip(keys, zip(*values, strict=True), strict=True)
    finite = {key: [v for v in column if math.isfinite(v)] for key, column in columns}
    text = {k: f"{np.mean(column):.4f}" if column else "" for k, column in finite.items()}
    worst = f"{min(finite['psnr']):.4f}" if finite["psnr"] else ""
    return {
        "pictures": str(len(values)),
        **text,
        "worst_psnr": worst,
        "identical": str(len(values) - len(finite["psnr"])),
    }


def read_photos(folder: Path) -> list[Tensor]:
    """The pictures of a folder by name, each (3, H, W) in [0, 1], sRGB."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in READABLE_SUFFIXES)
    return [read_picture(path) for path in paths]


def read_picture(path: Path) -> Tensor:
    """One picture, (3, H, W) in [0, 1], sRGB."""
    pixels = torch.from_numpy(Picture.read(path).to_srgb()).permute(2, 0, 1)
    return pixels.float().contiguous()


def as_file(image: Tensor) -> Tensor:
    """Clamped and rounded to the values of an 8-bit file."""
    return (image.clamp(0, 1) * 255 + 0.5).floor() / 255
