"""How much of making a sample is left to a device that computes (CUDA), family by family.

    python benchmarks/left_to_device.py PHOTOS [--write]

PHOTOS is a folder of clean photos. Each row draws the samples of a shipped recipe's mixture, of 256
px a side, on one thread: finished, and begun as the workers of a GPU do it (packed for the way).
Times are of the processor, the least of a few rounds. With --write the rows go to
benchmarks/results/left_to_device.csv, with the processor's name.
"""

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from blocks import markdown_table

from restore_cli.data.begun import BegunBatch
from restore_cli.data.pairs import Degraded
from restore_cli.data.photos import Photos
from restore_cli.recipe import Recipe
from restore_cli.training.hardware import hardware

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "left_to_device.csv"
COLUMNS = (
    "family", "finished_ms", "begun_ms", "left_to_device", "arithmetic_left", "copied_kib",
    "processor",
)  # fmt: skip
FAMILIES = ("derain", "dehaze", "lowlight", "denoise", "deblur", "dejpeg")
CROP, SAMPLES, ROUNDS = 256, 40, 2


def milliseconds(draw: Callable[[np.random.Generator], object]) -> float:
    """Of one sample."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        for index in range(SAMPLES):
            draw(np.random.default_rng([0, index]))
        rounds.append(1000 * (time.thread_time() - start) / SAMPLES)
    return min(rounds)


def row(family: str, photos: Photos) -> dict[str, str]:
    """One family measured."""
    data = Recipe.load(ROOT / "models" / family / "recipe.toml").data
    source = Degraded(photos, data.mixture, crop=CROP, flips="all")

    def packed(rng: np.random.Generator) -> BegunBatch:
        return BegunBatch.of([source.begun(rng)])

    drawn = [np.random.default_rng([0, index]) for index in range(SAMPLES)]
    begun = [source.begun(rng) for rng in drawn]
    finished, started = milliseconds(source), milliseconds(packed)
    return {
        "family": family,
        "finished_ms": f"{finished:.2f}",
        "begun_ms": f"{started:.2f}",
        "left_to_device": f"{1 - started / finished:.2f}",
        "arithmetic_left": f"{sum(bool(one.changes) for one in begun) / SAMPLES:.2f}",
        "copied_kib": f"{BegunBatch.of(begun).values.numel() / SAMPLES / 1024:.0f}",
        "processor": hardware(),
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    photos = Photos(options.photos, smallest=CROP)
    table = [row(family, photos) for family in FAMILIES]
    print(markdown_table(COLUMNS[:-1], [[line[key] for key in COLUMNS[:-1]] for line in table]))
    if options.write:
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(table)


if __name__ == "__main__":
    main()
