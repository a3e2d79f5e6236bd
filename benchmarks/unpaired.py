"""Dehazing without pairs: contrastive methods, the same network, data, steps and seeds.

    python benchmarks/unpaired.py DATA --runs RUNS --write
    python benchmarks/unpaired.py DATA --runs RUNS --seed 1 --sheet HAZY    # look at real haze too

DATA holds photos/train and photos/val. One half of the training photos gets simulated haze, the
other half stands for the clear side: no photo is on both, no pair is ever seen. Measured on
photos/val with the haze of `quality.py`, whole pictures, 8 bits in and out.

Finished runs in RUNS are only measured again, broken ones go on, so that several seeds can be
trained side by side before all are written.
"""

import argparse
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from blocks import markdown_table, replace_block
from contact_sheet import as_row, stacked
from quality import measure
from quality_cases import cases
from quality_measure import read_photos
from rows import write_rows
from torch import Tensor, nn

from restore_cli.engine.restorer import Restorer
from restore_cli.images.picture import Picture
from restore_cli.recipe import Recipe
from restore_cli.training.loop import train
from restore_cli.training.runs import Run
from restore_cli.training.templates import template

ROOT = Path(__file__).parents[1]
SEEDS = (1, 2, 3)
HAZE = '[{ steps = [{ name = "haze" }, { name = "file" }] }]'
# All start from the recipe `odcr-dehaze`, of which they keep network, data and optimiser.
METHODS: dict[str, dict[str, object]] = {
    "CUT": {"name": "cut", "nce": 1.0, "identity": 1.0},
    "FastCUT": {"name": "cut", "nce": 10.0, "identity": 0.0, "flip": True},
    "ODCR, as printed": {"name": "odcr", "printed": True, "identity": 0.5},
    "ODCR, as the text reads": {"name": "odcr", "printed": False, "identity": 0.5},
}
ONCE = ("FastCUT", "ODCR, as printed")  # beside the comparison: the first seed only
SHARED = ("patches", "features", "discriminator_width", "discriminator_antialias")


@dataclass(frozen=True)
class Row:
    """One trained network on one kind of haze.

    Attributes:
        method: a key of `METHODS`.
        seed: of the run.
        steps: of the run.
        haze: the case of `quality.py`; clear photos are compared with themselves.
        input_psnr: mean over photos/val, dB; 0 where it is infinite.
        psnr: of the outputs.
        input_ssim: mean over photos/val.
        ssim: of the outputs.
    """

    method: str
    seed: int
    steps: int
    haze: str
    input_psnr: float
    psnr: float
    input_ssim: float
    ssim: float


def halves(data: Path, folder: Path) -> None:
    """Link every other training photo into `folder`/hazy, the rest into `folder`/clear."""
    photos = sorted((data / "photos" / "train").resolve().iterdir())
    for place, chosen in (("hazy", photos[::2]), ("clear", photos[1::2])):
        (folder / place).mkdir(parents=True, exist_ok=True)
        for photo in chosen:
            link = folder / place / photo.name
            if not link.exists():
                link.symlink_to(photo)


def recipe_of(method: str, seed: int, folder: Path, changes: list[str]) -> Recipe:
    """The recipe of one method on the two halves in `folder`."""
    base = Recipe.parse(template("odcr-dehaze"), source="odcr-dehaze")
    table = base.model_dump(exclude_none=True)
    options = {key: base.objective.options[key] for key in SHARED}
    table["objective"] = METHODS[method] | options
    text = Recipe.model_validate(table).dump()
    settings = [f"data.root={folder}", f"data.mixture={HAZE}", f"optim.seed={seed}", *changes]
    return Recipe.parse(text, source=method, overrides=settings)


def measured(
    method: str, seed: int, steps: int, network: nn.Module, photos: list[Tensor]
) -> Iterator[Row]:
    """Means over the photos, for each kind of haze, and for clear photos (against themselves)."""
    restorer = Restorer(network, tile="none")
    for case in cases():
        if case.model == "dehaze":
            found = measure(case, photos, restorer)
            keys = ("input_psnr", "psnr", "input_ssim", "ssim")
            yield Row(method, seed, steps, case.name, *(float(found[key] or 0) for key in keys))


def summary(rows: list[Row]) -> str:
    """Markdown: PSNR of each method, mean and standard deviation of its seeds, and the input's."""
    hazes = list(dict.fromkeys(row.haze for row in rows))
    before = {row.haze: row.input_psnr for row in rows}
    lines = [["the input itself", *(f"{before[h]:.2f} dB" if before[h] else "" for h in hazes)]]
    for method in METHODS:
        own = [row for row in rows if row.method == method]
        values = [[row.psnr for row in own if row.haze == haze] for haze in hazes]
        if own:
            lines.append([method, *(f"{statistics.fmean(v):.2f}{_spread(v)} dB" for v in values)])
    return markdown_table(("method", *hazes), lines)


def _spread(values: list[float]) -> str:
    return f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""


def main() -> None:
    """Train, measure, print, and with --write keep the CSV and the documents' table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder that holds photos/train and photos/val")
    parser.add_argument("--runs", type=Path, required=True, help="folder that keeps the runs")
    parser.add_argument("--method", action="append", choices=METHODS, help="only this one")
    parser.add_argument("--seed", action="append", type=int, help="only this one")
    parser.add_argument("--set", action="append", default=[], help="change the recipe, as in train")
    parser.add_argument("--sheet", type=Path, help="hazy pictures for RUNS/sheet.png")
    parser.add_argument(
        "--write", action="store_true", help="keep the CSV and the documents' table"
    )
    arguments = parser.parse_args()
    photos = read_photos(arguments.data / "photos" / "val")
    folder = arguments.runs.resolve()
    halves(arguments.data, folder)
    rows: list[Row] = []
    looks: list[list[np.ndarray]] = []
    hazy = read_photos(arguments.sheet) if arguments.sheet else []
    for seed in arguments.seed or SEEDS:
        for method in arguments.method or METHODS:
            if method in ONCE and seed != SEEDS[0]:
                continue
            recipe = recipe_of(method, seed, folder, arguments.set)
            place = folder / f"{method}-{seed}".replace(", ", "-").replace(" ", "-").lower()
            network = train(recipe, Run(place, recipe, resume=True)).network
            for row in measured(method, seed, recipe.optim.steps, network, photos):
                rows.append(row)
                print(row, flush=True)
            restorer = Restorer(network)
            looks.append(as_row([restorer(image).image for image in hazy]))
    print(summary(rows))
    if hazy:
        Picture(pixels=stacked([as_row(hazy), *looks])).write(folder / "sheet.png")
    if arguments.write:
        write_rows("unpaired.csv", rows)
        replace_block(ROOT / "docs" / "results.md", "unpaired", summary(rows))


if __name__ == "__main__":
    main()
