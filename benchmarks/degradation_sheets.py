"""Sheets of simulated samples, to be looked at beside real photos, and what a sample costs.

    python benchmarks/degradation_sheets.py                        # sheets in benchmarks/results
    python benchmarks/degradation_sheets.py rain haze --photos DIR -o OUT --side 200
    python benchmarks/degradation_sheets.py --times                # milliseconds a sample at 256 px

A sheet has five rows of eight samples, of one photo each, by the family's mixture below.
"""

import argparse
import csv
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from restore_cli.degradations.compose import Compose
from restore_cli.images.formats import READABLE_SUFFIXES
from restore_cli.images.picture import Picture
from restore_cli.recipe import Mixture

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
ROWS, COLUMNS, TIMED = 5, 8, 60
Step = dict[str, object]
_JPEG: Step = {"name": "jpeg", "quality": [40, 98], "probability": 0.7}
_SENSOR: Step = {"name": "sensor-noise", "shot": [1e-5, 1e-3], "read": [1e-4, 2e-3]}
FAMILIES: dict[str, list[Step]] = {
    "rain": [
        {"name": "thin-things", "probability": 0.12},
        {"name": "wet-ground", "probability": 0.2},
        {
            "name": "rain", "layers": [1, 4], "angle": [-180, 180], "length": [4, 60],
            "width": [0.7, 3],
            "density": [5, 200], "brightness": [0.03, 0.6], "zoom": [0.8, 2],
            "dotted_probability": 0.15, "dark_probability": 0.08,
            "near_probability": 0.15, "veil_probability": 0.6,
        },
        _JPEG,
    ],
    "haze": [
        {"name": "haze", "near_probability": 0.5, "colour_probability": 0.25,
         "sky_probability": 0.15, "patchy_probability": 0.15, "gain": [0.8, 1.1]},
        _JPEG,
    ],
    "low-light": [
        {"name": "low-light", "stops": [0.5, 7], "lift": 5, "lit_probability": 0.15,
         "lamp_probability": 0.1, "window_probability": 0.15, "backlight_probability": 0.15,
         "response_probability": 0.5, "shot": [1e-5, 1.5e-3], "read": [1e-4, 2.5e-3]},
        _JPEG,
    ],
    "noise": [{"name": "camera-noise"}, _JPEG],
    "uneven-noise": [{"name": "uneven-noise"}, {"name": "quantize8", "clip_probability": 0.5}],
    "turning-shake": [{"name": "turning-shake"}, _SENSOR, _JPEG],
    "moving-things": [{"name": "moving-things"}, _SENSOR, _JPEG],
    "depth-defocus": [{"name": "depth-defocus"}, _SENSOR, _JPEG],
    "dejpeg": [{"name": "recompress"}],
    "clean": [{"name": "graphic"}],
}  # fmt: skip
PLAIN: dict[str, list[Step]] = {name: [{"name": name}] for name in ("rain", "haze", "low-light")}
"""The three families with every option at its default, to be compared with earlier versions."""


def photos(folder: Path, side: int, count: int) -> list[torch.Tensor]:
    """Centre squares of the first pictures of a folder, `side` px, (3, side, side)."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in READABLE_SUFFIXES)
    found: list[torch.Tensor] = []
    for path in paths[:: max(1, len(paths) // count)][:count]:
        pixels = Picture.read(path).to_srgb()
        cut = min(pixels.shape[:2])
        top, left = (pixels.shape[0] - cut) // 2, (pixels.shape[1] - cut) // 2
        square = np.ascontiguousarray(pixels[top : top + cut, left : left + cut])
        small = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
        found.append(torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1))))
    return found


def change_of(steps: list[Step]) -> Compose:
    """The mixture of one entry."""
    return Compose([Mixture.model_validate({"steps": steps})])


def sheet(change: Compose, clean: list[torch.Tensor]) -> np.ndarray:
    """ROWS x COLUMNS samples, (H, W, 3) bytes, BGR; sample i is drawn with the seed i."""
    rows = [
        np.concatenate(
            [
                change(clean[i % len(clean)], np.random.default_rng(i)).image.clamp(0, 1).numpy()
                for i in range(row * COLUMNS, (row + 1) * COLUMNS)
            ],
            axis=2,
        )
        for row in range(ROWS)
    ]
    whole = np.concatenate(rows, axis=1)
    return np.ascontiguousarray((whole * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)[:, :, ::-1])


def milliseconds(change: Compose, clean: torch.Tensor) -> tuple[float, float]:
    """Mean and median of the time that a sample takes on one thread."""
    spent: list[float] = []
    for seed in range(TIMED):
        rng = np.random.default_rng(seed)
        start = time.process_time()
        change(clean, rng)
        spent.append(1e3 * (time.process_time() - start))
    return float(np.mean(spent)), float(np.median(spent))


def main() -> None:
    """Write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", default=list(FAMILIES), metavar="FAMILY")
    parser.add_argument("--photos", type=Path, default=ROOT / "examples" / "clean")
    parser.add_argument("--side", type=int, default=96, help="px of a sample")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    parser.add_argument("--times", action="store_true", help="write milliseconds, no sheets")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    if given.times:
        (clean,) = photos(given.photos, 256, 1)
        with (given.output / "degradations.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["mixture", "family", "mean ms", "median ms"])
            for kind, table in (("defaults", PLAIN), ("wide", FAMILIES)):
                for name, steps in table.items():
                    mean, median = milliseconds(change_of(steps), clean)
                    writer.writerow([kind, name, f"{mean:.2f}", f"{median:.2f}"])
        return
    clean_photos = photos(given.photos, given.side, ROWS * COLUMNS)
    for name in given.families:
        path = given.output / f"degradations-{name}.jpg"
        cv2.imwrite(
            str(path),
            sheet(change_of(FAMILIES[name]), clean_photos),
            [cv2.IMWRITE_JPEG_QUALITY, 80],
        )


if __name__ == "__main__":
    main()
