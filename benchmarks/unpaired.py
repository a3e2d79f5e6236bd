"""Dehazing without pairs: contrastive methods, the same network, data, steps and seeds.

    python benchmarks/unpaired.py DATA --write

DATA holds photos/train and photos/val. One half of the training photos gets simulated haze, the
other half stands for the clear side: no photo is on both, no pair is ever seen. Measured on
photos/val with the haze of `quality.py`, whole pictures, 8 bits in and out.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quality import SEED, as_file, cases, read_photos
from rows import write_rows
from torch import Tensor, nn

from restore_cli.evaluation.metrics import psnr, ssim
from restore_cli.inference.restorer import Restorer
from restore_cli.recipe import Recipe
from restore_cli.training.loop import train
from restore_cli.training.runs import Run
from restore_cli.training.templates import template
from restore_cli.zoo import export

SEEDS = (1, 2, 3)
HAZE = '[{ steps = [{ name = "haze" }, { name = "file" }] }]'
# All start from the recipe `odcr-dehaze`, of which they keep network, data and optimiser.
METHODS: dict[str, dict[str, object]] = {
    "CUT": {"name": "cut", "nce": 1.0, "identity": 1.0},
    "FastCUT": {"name": "cut", "nce": 10.0, "identity": 0.0, "flip": True},
    "ODCR, as printed": {"name": "odcr", "printed": True},
    "ODCR, as the text reads": {"name": "odcr", "printed": False},
}
SHARED = ("places", "features", "critic_width", "critic_antialias")


@dataclass(frozen=True)
class Row:
    """One trained network on one kind of haze.

    Attributes:
        method: a key of `METHODS`.
        seed: of the run.
        haze: the case of `quality.py`.
        input_psnr: mean over photos/val, dB.
        psnr: of the outputs.
        input_ssim: mean over photos/val.
        ssim: of the outputs.
    """

    method: str
    seed: int
    haze: str
    input_psnr: float
    psnr: float
    input_ssim: float
    ssim: float


def halves(data: Path, folder: Path) -> None:
    """Link every other training photo into `folder`/hazy, the rest into `folder`/clear."""
    photos = sorted((data / "photos" / "train").resolve().iterdir())
    for place, chosen in (("hazy", photos[::2]), ("clear", photos[1::2])):
        (folder / place).mkdir()
        for photo in chosen:
            (folder / place / photo.name).symlink_to(photo)


def trained(method: str, seed: int, folder: Path, changes: list[str]) -> tuple[nn.Module, Recipe]:
    """The network that one method makes of the two halves in `folder`."""
    base = Recipe.parse(template("odcr-dehaze"), source="odcr-dehaze")
    table = base.model_dump(exclude_none=True)
    options = {key: base.objective.options[key] for key in SHARED}
    table["objective"] = METHODS[method] | options
    text = Recipe.model_validate(table).dump()
    settings = [f"data.root={folder}", f"data.mixture={HAZE}", f"optim.seed={seed}", *changes]
    recipe = Recipe.parse(text, source=method, overrides=settings)
    run = Run(folder / f"{method}-{seed}", recipe, resume=False)
    return train(recipe, run).network, recipe


def measure(method: str, seed: int, network: nn.Module, photos: list[Tensor]) -> Iterator[Row]:
    """Means over the photos, for each kind of haze, and for clear photos (against themselves)."""
    restorer = Restorer(network, tile="none")
    for case in cases():
        if case.model != "dehaze" or case.target != "clean":
            continue
        values: list[list[float]] = []
        for index, clean in enumerate(photos):
            hazy = as_file(case.degrade(clean, np.random.default_rng([SEED, index])))
            output = as_file(restorer(hazy).image)
            values.append([
                float(metric(picture[None], clean[None]))
                for metric in (psnr, ssim)
                for picture in (hazy, output)
            ])  # fmt: skip
        means = [round(float(value), 4) for value in np.mean(values, axis=0)]
        yield Row(method, seed, case.name, *means)


def summary(rows: list[Row]) -> str:
    """Markdown: gain of each method over the input, mean and standard deviation of the seeds."""
    hazes = sorted({row.haze for row in rows})
    lines = ["| method | " + " | ".join(f"{haze}, gain" for haze in hazes) + " |"]
    lines.append("|" + " --- |" * (len(hazes) + 1))
    for method in METHODS:
        cells: list[str] = []
        for haze in hazes:
            own = [row for row in rows if (row.method, row.haze) == (method, haze)]
            gains = [row.psnr - row.input_psnr for row in own]
            spread = statistics.stdev(gains) if len(gains) > 1 else 0.0
            cells.append(f"{statistics.fmean(gains):+.2f} ± {spread:.2f} dB" if gains else "")
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Train, measure, print, and with --write keep the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder that holds photos/train and photos/val")
    parser.add_argument("--method", action="append", choices=METHODS, help="only this one")
    parser.add_argument("--seed", action="append", type=int, help="only this one")
    parser.add_argument("--set", action="append", default=[], help="change the recipe, as in train")
    parser.add_argument("--export", type=Path, help="keep the models in this folder")
    parser.add_argument("--write", action="store_true", help="keep results/unpaired.csv")
    arguments = parser.parse_args()
    photos = read_photos(arguments.data / "photos" / "val")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        halves(arguments.data, folder)
        for seed in arguments.seed or SEEDS:
            for method in arguments.method or METHODS:
                network, recipe = trained(method, seed, folder, arguments.set)
                for row in measure(method, seed, network, photos):
                    rows.append(row)
                    print(row, flush=True)
                if arguments.export:
                    export(arguments.export / f"{method}-{seed}", network, recipe, "")
    print(summary(rows))
    if arguments.write:
        write_rows("unpaired.csv", rows)


if __name__ == "__main__":
    main()
