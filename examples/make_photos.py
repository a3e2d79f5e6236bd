"""Make the photos in `examples/photos` (rainy) and `examples/clean` (what they were).

    python examples/make_photos.py [FOLDER]

The photos come with scikit-image (`pip install scikit-image`): astronaut (NASA, public domain),
chelsea (Stéfan van der Walt, CC0), coffee (Rachel Michetti, CC0), rocket (SpaceX, CC0). The rain is
simulated.
"""

import sys
from pathlib import Path

import numpy as np
import skimage.data
import torch

from restore_cli.degradations.rain import Rain
from restore_cli.degradations.sample import Sample
from restore_cli.images.picture import Picture


def _shower(angle: float, layers: int, length: tuple[float, float], bright: float) -> Rain:
    return Rain(
        layers=(layers, layers),
        angle=(angle, angle),
        spread=(2.0, 6.0),
        length=length,
        width=(0.8, 1.8),
        density=(15.0, 50.0),
        grains=(1e-3, 4e-3),
        brightness=(0.5 * bright, bright),
        mist_probability=0.0,
    )


SHOWERS = {
    "astronaut": _shower(-15, layers=2, length=(15, 50), bright=0.6),
    "chelsea": _shower(30, layers=3, length=(20, 60), bright=0.7),
    "coffee": _shower(10, layers=2, length=(10, 30), bright=0.5),
    "rocket": _shower(-25, layers=4, length=(25, 70), bright=0.8),
}


def main(folder: Path) -> None:
    """Write both folders into `folder`."""
    for index, (name, shower) in enumerate(SHOWERS.items()):
        pixels: np.ndarray = getattr(skimage.data, name)()
        clean = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
        start = Sample(image=clean, target=clean, noise=torch.zeros(1, *clean.shape[-2:]))
        rainy = shower(start, np.random.default_rng([2026, index])).image
        for kind, picture in (("photos", rainy), ("clean", clean)):
            target = folder / kind / f"{name}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            bytes_ = (picture.permute(1, 2, 0) * 255 + 0.5).to(torch.uint8).contiguous().numpy()
            Picture(pixels=bytes_).write(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
