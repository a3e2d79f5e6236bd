"""What `--task auto` should run: the specialists for what it sees, or the all-in-one network.

    python benchmarks/quality_auto.py PHOTOS ... --pairs REAL [--only WAY] --write

The cases of the model auto in `quality_cases.py` and the real pairs, both ways on the same files;
thresholds for the specialists are compared too. With --write results/auto.csv is replaced; with
--only the rows of the other ways stay.
"""

import argparse
import csv
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from quality import measure
from quality_cases import cases
from quality_measure import Restoring, read_photos
from quality_pairs import measure_pairs
from rows import RESULTS
from torch import Tensor

from restore_cli.api.auto import Auto
from restore_cli.api.chain import Step
from restore_cli.api.looking import Looker
from restore_cli.engine.restorer import Restored, Restorer
from restore_cli.models import zoo
from restore_cli.models.entries import naming_model

COLUMNS = ("way", "case", "photos", "pictures", "input_psnr", "psnr", "worst_psnr", "identical")
THRESHOLDS = {"specialists": None, "specialists, all from 0.7": 0.7}
"""Each as shipped, and all at one confidence."""


class Specialists:
    """`Auto` as the measuring code calls a restorer."""

    def __init__(self, look: Looker, threshold: float | None) -> None:
        self._auto = Auto(look, specialist, threshold=threshold)

    def __call__(self, image: Tensor, *, level: float | None = None) -> Restored[Tensor]:
        """Restore (3, H, W); a level is not told."""
        done = self._auto(image.numpy())
        return replace(done, image=torch.from_numpy(done.image))


@cache
def specialist(task: str) -> Step | None:
    """The shipped model of a task."""
    if task not in {entry.name for entry in zoo.entries()}:
        return None
    loaded = zoo.load(task)
    return Step(task, Restorer(loaded.network, usual_overlap=loaded.overlap))


def main() -> None:
    """Measure, print, and with --write replace the committed numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, nargs="*", help="folders of clean photos")
    parser.add_argument("--pairs", type=Path, help="folder of real pairs")
    parser.add_argument("--first", type=int, help="only so many pictures of each folder")
    parser.add_argument("--only", action="append", help="a way to measure, not all")
    parser.add_argument("--write", action="store_true", help="replace results/auto.csv")
    chosen = parser.parse_args()
    loaded = zoo.load("auto")
    look = Looker(zoo.load(naming_model()).network)
    ways: dict[str, Restoring] = {"network": Restorer(loaded.network, usual_overlap=loaded.overlap)}
    ways |= {way: Specialists(look, threshold) for way, threshold in THRESHOLDS.items()}
    ways = {way: how for way, how in ways.items() if not chosen.only or way in chosen.only}
    rows: list[dict[str, str]] = []
    for way, restorer in ways.items():
        found = [
            measure(case, read_photos(folder)[: chosen.first], restorer) | {"photos": folder.name}
            for folder in chosen.photos
            for case in cases()
            if case.model == "auto"
        ]
        if chosen.pairs:
            found += measure_pairs("auto", chosen.pairs, restorer, first=chosen.first)
        for row in found:
            rows.append({"way": way} | {key: row[key] for key in COLUMNS[1:]})
            print(*rows[-1].values(), sep=" | ", flush=True)
    if chosen.write:
        with (RESULTS / "auto.csv").open(newline="", encoding="utf-8") as file:
            others = [row for row in csv.DictReader(file) if chosen.only and row["way"] not in ways]
        with (RESULTS / "auto.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(COLUMNS), lineterminator="\n")
            writer.writeheader()
            writer.writerows([*others, *rows])


if __name__ == "__main__":
    main()
