"""Files of random pixels."""

from pathlib import Path

import cv2
import numpy as np


def save(
    path: Path,
    height: int = 24,
    width: int = 30,
    *,
    deep: bool = False,
    channels: int = 3,
    seed: int = 0,
) -> np.ndarray:
    """Write a picture of random pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, height, width])
    kind, top = (np.uint16, 65536) if deep else (np.uint8, 256)
    pixels = rng.integers(0, top, (height, width, channels), kind)
    assert cv2.imwrite(str(path), pixels[:, :, ::-1])
    return pixels
