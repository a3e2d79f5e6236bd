"""Pictures to fit corrections to, in the working folder."""

from pathlib import Path

import numpy as np

from restore_cli.images.picture import Picture


def picture(
    path: str, seed: int, *, mean: int = 120, spread: int = 20, size: str = "24x30"
) -> None:
    """Write a picture of normal noise."""
    height, width = map(int, size.split("x"))
    pixels = np.random.default_rng(seed).normal(mean, spread, (height, width, 3))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Picture(pixels=pixels.clip(0, 255).round().astype(np.uint8)).write(Path(path))


def folders() -> None:
    """Write three restored pictures, and three natural ones that are brighter and rougher."""
    for index in range(3):
        picture(f"restored/{index}.png", index, spread=10)
        picture(f"natural/n{index}.png", 10 + index, mean=140, spread=30)
