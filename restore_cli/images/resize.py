"""Pixels at another size: what a picture carries beside what an upscaler made of it."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def resized(pixels: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """(H, W, C) uint8, uint16 or floats at another size, bicubic, of the same type."""
    if pixels.shape[:2] == (height, width):
        return pixels
    # OpenCV has no half floats.
    known = pixels.astype(np.float32) if pixels.dtype == np.float16 else pixels
    large = cv2.resize(known, (width, height), interpolation=cv2.INTER_CUBIC)
    return large.reshape(height, width, pixels.shape[2]).astype(pixels.dtype, copy=False)
