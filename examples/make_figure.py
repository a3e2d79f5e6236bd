"""Make README's before/after picture from the example photos and what `restore infer` made of them.

restore infer --task derain examples/photos/ -o restored/
python examples/make_figure.py restored/ examples/before-after.jpg
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from restore_cli.images.picture import Picture

HEIGHT = 300  # px of a row


def main(restored: Path, target: Path) -> None:
    """Write the photos over their restorations, one column a photo."""
    columns: list[np.ndarray] = []
    for after in sorted(restored.glob("*.png")):
        before = Path(__file__).parent / "photos" / f"{after.stem}.jpg"
        columns.append(np.concatenate([_scaled(before), _scaled(after)], axis=0))
    Picture(pixels=np.ascontiguousarray(np.concatenate(columns, axis=1))).write(target)


def _scaled(path: Path) -> np.ndarray:
    pixels = Picture.read(path).pixels
    width = round(pixels.shape[1] * HEIGHT / pixels.shape[0])
    return cv2.resize(pixels, (width, HEIGHT), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
