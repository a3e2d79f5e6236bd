"""Photos as RAW files, developed by us and by other RAW developers, beside each other.

    python benchmarks/raw_pictures.py                # benchmarks/results/raw-judges.jpg

The example photos become DNG files as in `isp.py`, without noise and at ISO 1600, and are developed
as in `raw_judges.py`: without a look, and by the two others without their noise reduction, which
neither does unasked. Enlarged crops, to be looked at.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
import tifffile
from isp import ROOT, Protocol, develop, shoot
from numpy.typing import NDArray
from raw_judges import JUDGES

from restore_cli.images.picture import Picture
from restore_cli.images.sheet import Labelled, drawn

PHOTOS = ROOT / "examples" / "clean"
CROPS = (("astronaut", 30, 150), ("coffee", 150, 210))  # name, top, left
SIDE, SCALE = 96, 2
ISOS = (0.0, 1600.0)
OURS: dict[str, list[str]] = {
    "restore isp": [],
    "restore isp --engine libraw": ["--engine", "libraw"],
}

Row = tuple[str, list[Labelled]]


def rows(iso: float) -> list[Row]:
    """One row for each crop: the photo, ours, and those of the judges that are installed."""
    judges = [name for name in JUDGES if shutil.which(name)]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (raws := folder / "raws").mkdir()
        for number, (name, _, _) in enumerate(CROPS):
            photo = Picture.read(PHOTOS / f"{name}.jpg").to_srgb()
            shoot(photo, raws / f"{name}.dng", Protocol(plain=False, iso=iso), number)
        for program, options in OURS.items():
            develop(raws, "-o", folder / program, "--look", "none", "--format", "tiff", *options)
        for judge in judges:
            JUDGES[judge](raws, folder / judge)
        found: list[Row] = []
        for name, top, left in CROPS:
            photo = Picture.read(PHOTOS / f"{name}.jpg").pixels
            pictures = [Labelled(_enlarged(photo, top, left, photo.shape), "photo")]
            for program in (*OURS, *judges):
                (path,) = (folder / program).glob(f"{name}.tif*")
                made = _eight_bits(tifffile.imread(path)[..., :3])
                pictures.append(Labelled(_enlarged(made, top, left, photo.shape), program))
            found.append((f"ISO {iso:g}" if iso else "without noise", pictures))
        return found


def _eight_bits(samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    if samples.dtype == np.uint8:
        return samples.astype(np.uint8)
    return np.floor(samples.astype(np.float32) / 257 + 0.5).astype(np.uint8)


def _enlarged(
    picture: NDArray[np.uint8], top: int, left: int, whole: tuple[int, ...]
) -> NDArray[np.uint8]:
    """The crop of a picture, which may lack a border all round."""
    top -= (whole[0] - picture.shape[0]) // 2
    left -= (whole[1] - picture.shape[1]) // 2
    part = np.ascontiguousarray(picture[top : top + SIDE, left : left + SIDE])
    large = cv2.resize(part, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST)
    return large.astype(np.uint8)


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument(
        "-o", "--output", type=Path, default=ROOT / "benchmarks/results/raw-judges.jpg"
    )
    target: Path = parser.parse_args().output
    Picture(drawn([row for iso in ISOS for row in rows(iso)])).save(target, quality=90)
    print(target)


if __name__ == "__main__":
    main()
