"""Enlarged crops of developed RAW files: LibRaw's AHD beside the learned engine, to be looked at.

    python benchmarks/isp_crops.py                   # benchmarks/results/isp-crops.png
    python benchmarks/isp_crops.py --model runs/isp/model -o crops.png

The example photos become DNG files as in `isp.py`, without noise and at ISO 6400, and are developed
by `restore isp --look none`. Each row shows the photo, AHD and the learned engine.
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
from isp import ROOT, Protocol, develop, shoot

from restore_cli.images.picture import Picture

PHOTOS = ROOT / "examples" / "clean"
CROPS = (("astronaut", 30, 150), ("chelsea", 90, 110), ("coffee", 150, 210))  # name, top, left
SIDE, SCALE, GAP = 88, 3, 4
ISOS = (0.0, 6400.0)


def rows(options: list[str]) -> list[np.ndarray]:
    """One strip for each light: photo, AHD, learned, of every crop."""
    strips: list[np.ndarray] = []
    for iso in ISOS:
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            (folder / "raws").mkdir()
            for number, (name, _, _) in enumerate(CROPS):
                photo = Picture.read(PHOTOS / f"{name}.jpg").to_srgb()
                target = folder / "raws" / f"{name}.dng"
                shoot(photo, target, Protocol(plain=False, iso=iso), number)
            develop(folder / "raws", "-o", folder / "ahd", "--look", "none", "--engine", "libraw")
            develop(folder / "raws", "-o", folder / "learned", "--look", "none", *options)
            for name, top, left in CROPS:
                pictures = (
                    Picture.read(PHOTOS / f"{name}.jpg"),
                    Picture.read(folder / "ahd" / f"{name}.png"),
                    Picture.read(folder / "learned" / f"{name}.png"),
                )
                strips.append(
                    _beside([_enlarged(picture, top, left) for picture in pictures], axis=1)
                )
    return strips


def _enlarged(picture: Picture, top: int, left: int) -> np.ndarray:
    part = picture.pixels[top : top + SIDE, left : left + SIDE]
    return cv2.resize(part, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST)


def _beside(pictures: list[np.ndarray], *, axis: int) -> np.ndarray:
    """Pictures of one size in a row or column, a white gap between them."""
    shape = list(pictures[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)]
    return np.concatenate(parts[1:], axis=axis)


def main() -> None:
    """Develop, cut, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", help="model for the learned engine instead of the shipped one")
    parser.add_argument(
        "-o", "--output", type=Path, default=ROOT / "benchmarks/results/isp-crops.png"
    )
    given = parser.parse_args()
    strips = rows(["--model", given.model] if given.model else [])
    clean, noisy = strips[: len(CROPS)], strips[len(CROPS) :]
    sheet = _beside([_beside(clean, axis=0), _beside(noisy, axis=0)], axis=1)
    Picture(pixels=np.ascontiguousarray(sheet)).write(given.output)


if __name__ == "__main__":
    main()
