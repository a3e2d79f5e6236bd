"""Pixels of noise, and EXIF blocks."""

import numpy as np
from PIL import Image

RNG = np.random.default_rng(7)


def noise(height: int, width: int, channels: int, depth: int) -> np.ndarray:
    dtype = np.uint8 if depth == 8 else np.uint16
    return RNG.integers(0, 1 << depth, (height, width, channels)).astype(dtype)


def exif_block(orientation: int = 1, **more: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    return exif.tobytes().removeprefix(b"Exif\0\0")
