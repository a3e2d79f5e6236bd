"""Pictures before and after a model, to be looked at: numbers alone are not enough.

    python benchmarks/contact_sheet.py dehaze                      # models/dehaze/contact-sheet.jpg
    python benchmarks/contact_sheet.py dehaze --photos HAZY -o sheet.jpg

Without --photos, the clean example photos are degraded as in `quality.py`, a pair of rows for each
of the model's cases: what went in, and under it what came out. With --photos, every picture of a
folder of real ones stands beside its restoration.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from quality import SEED
from quality_cases import cases
from quality_measure import as_file, read_photos
from torch import Tensor

from restore_cli.engine.restorer import Restorer
from restore_cli.images.picture import Picture
from restore_cli.models import zoo

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "clean"
SHEET = "contact-sheet.jpg"
GAP = 4  # white px between pictures


def of_cases(restorer: Restorer, model: str, height: int) -> np.ndarray:
    """A pair of rows for each case of `quality.py` that needs no known noise level."""
    photos = read_photos(EXAMPLES)
    rows: list[list[np.ndarray]] = []
    for case in cases():
        if case.model != model or case.sigma is not None:
            continue
        before = [
            as_file(case.degrade(photo, np.random.default_rng([SEED, index])))
            for index, photo in enumerate(photos)
        ]
        rows.append(as_row(before, height))
        rows.append(as_row([restorer(image).image for image in before], height))
    return stacked(rows)


def of_photos(restorer: Restorer, folder: Path, height: int, columns: int = 2) -> np.ndarray:
    """Every picture of a folder beside its restoration, `columns` such pairs in a row."""
    pictures: list[np.ndarray] = []
    for image in read_photos(folder):
        pictures += as_row([image, restorer(image).image], height)
    return stacked(
        [pictures[start : start + 2 * columns] for start in range(0, len(pictures), 2 * columns)]
    )


def as_row(images: list[Tensor], height: int = 120) -> list[np.ndarray]:
    """Pictures (3, H, W) as bytes of one height."""
    return [_thumbnail(as_file(image), height) for image in images]


def _thumbnail(image: Tensor, height: int) -> np.ndarray:
    pixels = (image.permute(1, 2, 0) * 255 + 0.5).to(torch.uint8).contiguous().numpy()
    width = round(pixels.shape[1] * height / pixels.shape[0])
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def stacked(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Rows of pictures of one height on white, each row from the left."""
    lines = [np.concatenate([_framed(picture) for picture in row], axis=1) for row in rows]
    width = max(line.shape[1] for line in lines)
    padding = [((0, 0), (0, width - line.shape[1]), (0, 0)) for line in lines]
    padded = [np.pad(a, p, constant_values=255) for a, p in zip(lines, padding, strict=True)]
    return np.ascontiguousarray(np.concatenate(padded))


def _framed(picture: np.ndarray) -> np.ndarray:
    return np.pad(picture, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


def main() -> None:
    """Write one sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", help="a model's name or folder")
    parser.add_argument("--photos", type=Path, help="folder of real pictures to restore")
    parser.add_argument("-o", "--output", type=Path, help=f"default: models/MODEL/{SHEET}")
    parser.add_argument("--height", type=int, default=120, help="px of a picture on the sheet")
    arguments = parser.parse_args()
    model = zoo.load(arguments.model)
    restorer = Restorer(model.network, overlap=model.overlap)
    if arguments.photos:
        sheet = of_photos(restorer, arguments.photos, arguments.height)
    else:
        sheet = of_cases(restorer, model.name, arguments.height)
    target = arguments.output or ROOT / "models" / arguments.model / SHEET
    Picture(pixels=sheet).write(target)
    print(target)


if __name__ == "__main__":
    main()
