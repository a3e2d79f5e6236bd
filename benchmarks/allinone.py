"""All-in-one: BaryIR against the same network with L1 alone, and against specialists.

    python benchmarks/allinone.py DATA --runs RUNS --write

DATA holds photos/train and photos/val. All start from the recipe `baryir` (`restore train --init
baryir`), same network, data, optimiser, steps and seeds. Measured on photos/val, whole pictures,
8 bits in and out: the five tasks, also against a specialist for each (one seed), levels beyond
training's, mixtures that it never showed, and clean photos. Then what the latents say: distances
between sources, a linear probe of the degradation, the potentials' constraint. Beside them the
shipped model of each task, and with --shipped models/auto, whose latents are plotted.
"""

import argparse
import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from allinone_latents import Facts, collect, constraint, facts, plot
from blocks import markdown_table, replace_block
from quality import ROOT, SEED
from quality_measure import as_file, read_photos
from rows import RESULTS, read_rows, write_rows
from torch import Tensor

from restore_cli.degradations.compose import Compose
from restore_cli.engine.restorer import Restorer
from restore_cli.evaluation.metrics import psnr
from restore_cli.models import zoo
from restore_cli.networks.base import Network
from restore_cli.recipe import Mixture, Recipe
from restore_cli.training.loop import train
from restore_cli.training.runs import Run
from restore_cli.training.templates import template

SEEDS = (1, 2, 3)
ARMS = ("BaryIR", "L1 alone")
SPECIALIST, SHIPPED, SINGLE = "specialist", "models/auto", "single-task models"
EVERY = (*ARMS, SPECIALIST, SHIPPED, SINGLE)
# The shipped model for each of the five tasks.
SINGLE_TASK = {
    "noise": "denoise", "rain": "derain", "haze": "dehaze", "blur": "deblur",
    "low light": "lowlight",
}  # fmt: skip
Steps = list[dict[str, object]]
# Flakes: short, wide, bright, falling every way; no rain of training's is like that.
SNOW: dict[str, object] = {
    "name": "rain", "layers": [2, 4], "angle": [-80.0, 80.0], "length": [2.0, 5.0],
    "width": [2.0, 4.0], "density": [20.0, 60.0], "brightness": [0.6, 1.0], "mist_probability": 0.0,
}  # fmt: skip
FILE: Steps = [{"name": "file"}]
RAIN: dict[str, object] = {
    "name": "rain", "layers": [1, 3], "angle": [-45.0, 45.0], "length": [10.0, 60.0],
    "brightness": [0.3, 0.8], "mist_probability": 0.0,
}  # fmt: skip
HAZE: dict[str, object] = {"name": "haze", "thickness": [0.3, 1.0], "far_probability": 0.0}
SHAKE: dict[str, object] = {"name": "camera-shake", "extent": [4.0, 14.0]}
DARK: dict[str, object] = {
    "name": "low-light", "stops": [1.0, 4.0], "lit_probability": 0.0, "lamp_probability": 0.0
}  # fmt: skip
SENSOR: dict[str, object] = {"name": "sensor-noise", "shot": [1e-4, 8e-4], "read": [2e-4, 1.5e-3]}


def _noise(sigma: float) -> dict[str, object]:
    return {"name": "gaussian-noise", "sigma": [sigma, sigma]}


# What is measured: the source that a task belongs to, or what kind of surprise it is.
CASES: dict[tuple[str, str], Steps] = {
    ("task", "noise"): [_noise(25.0)],
    ("task", "rain"): [RAIN],
    ("task", "haze"): [HAZE],
    ("task", "blur"): [SHAKE, _noise(1.5)],
    ("task", "low light"): [DARK, SENSOR],
    ("level", "noise 60"): [_noise(60.0)],
    ("level", "heavier rain"): [
        RAIN | {"layers": [4, 5], "density": [40.0, 100.0], "brightness": [0.4, 0.9]}
    ],
    ("level", "denser haze"): [HAZE | {"thickness": [1.6, 2.6]}],
    ("mixture", "haze + rain"): [HAZE, RAIN],
    ("mixture", "blur + noise"): [SHAKE, _noise(20.0)],
    ("mixture", "low light + noise"): [DARK, _noise(20.0)],
    ("mixture", "low light + rain"): [DARK, RAIN],
    ("type", "JPEG 20"): [{"name": "jpeg", "quality": [20, 20]}],
    ("type", "snow"): [SNOW],
    ("clean", "clean photo, against itself"): [],
}


@dataclass(frozen=True)
class Row:
    """One trained network on one case.

    Attributes:
        arm: "BaryIR", "L1 alone", "specialist" (of the case's task), "models/auto", or
            "single-task models" (the shipped one for the case's task).
        seed: of the run.
        kind: "task", "level", "mixture", "type" (that training never showed) or "clean".
        case: what was done to the photos.
        input_psnr: mean over photos/val, dB; 0 for clean photos, which are identical.
        psnr: of the outputs, dB.
    """

    arm: str
    seed: int
    kind: str
    case: str
    input_psnr: float
    psnr: float


@dataclass(frozen=True)
class Job:
    """One network to be trained in `folder` and measured, on one task only where that is given."""

    arm: str
    seed: int
    recipe: Recipe
    folder: Path
    task: str = ""


def recipe_of(arm: str, seed: int, data: Path, changes: list[str], *, task: str = "") -> Recipe:
    """The recipe `baryir`; with L1 alone but for the arm "BaryIR"; of one task only for `task`."""
    settings = [f"data.root={data}", f"optim.seed={seed}", *changes]
    recipe = Recipe.parse(template("baryir"), source="baryir", overrides=settings)
    table = recipe.model_dump(exclude_none=True)
    if arm != "BaryIR":
        kept = {k: v for k, v in recipe.objective.options.items() if k == "window"}
        table["objective"] = {"name": "supervised", "loss": "l1", **kept}
    if task:
        mixture = table["data"]["mixture"]
        table["data"]["mixture"] = [e for e in mixture if e["source"] in (task, "clean")]
    return Recipe.model_validate(table)


def with_tasks(recipe: Recipe) -> Recipe:
    """The recipe with the five tasks as they are measured, in equal shares, as its mixture."""
    tasks = {case: steps for (kind, case), steps in CASES.items() if kind == "task"}
    table = recipe.model_dump(exclude_none=True)
    table["data"]["mixture"] = [{"source": k, "steps": v + FILE} for k, v in tasks.items()]
    return Recipe.model_validate(table)


def trained(recipe: Recipe, folder: Path, device: str) -> Network:
    """The averaged network of the run in `folder`, which goes on where it was interrupted."""
    return train(recipe, Run(folder, recipe, resume=True), device=device).network


def measure(network: Network, photos: list[Tensor], *, only: str = "") -> Iterator[tuple[str, ...]]:
    """(kind, case, input PSNR, PSNR) of every case, or of the task `only`."""
    restorer = Restorer(network, tile="none")
    for (kind, case), steps in CASES.items():
        if only and (kind, case) != ("task", only):
            continue
        degrade = Compose([Mixture.model_validate({"steps": steps + FILE if steps else []})])
        values: list[tuple[float, float]] = []
        for index, clean in enumerate(photos):
            image = as_file(degrade(clean, np.random.default_rng([SEED, index])).image)
            output = as_file(restorer(image).image)
            before = float(psnr(image[None], clean[None])) if steps else 0.0
            values.append((before, float(psnr(output[None], clean[None]))))
        means = [f"{value:.4f}" for value in np.mean(values, axis=0)]
        yield kind, case, *means


def _rows(arm: str, seed: int, measured: Iterable[tuple[str, ...]]) -> Iterator[Row]:
    for kind, case, before, after in measured:
        yield Row(arm, seed, kind, case, float(before), float(after))


def summary(rows: list[Row]) -> str:
    """Markdown: PSNR of each case, mean and standard deviation of the seeds."""
    arms = [arm for arm in EVERY if any(row.arm == arm for row in rows)]
    lines: list[list[str]] = []
    for kind, case in CASES:
        own = [row for row in rows if (row.kind, row.case) == (kind, case)]
        cells = [_spread([row.psnr for row in own if row.arm == arm]) for arm in arms]
        before = f"{own[0].input_psnr:.2f} dB" if own and own[0].input_psnr else ""
        lines.append([kind, case, before, *cells])
    for kinds in (("task",), ("level", "mixture"), ("type",)):
        cells: list[str] = []
        for arm in arms:
            # The mean of the cases for each seed first: the spread is that of whole runs.
            own = [row for row in rows if row.arm == arm and row.kind in kinds]
            seeds = sorted({row.seed for row in own})
            means = [statistics.fmean(r.psnr for r in own if r.seed == seed) for seed in seeds]
            cells.append(_spread(means))
        lines.append(["**mean**", " and ".join(kinds), "", *cells])
    return markdown_table(["what", "", "input", *arms], lines)


def latent_summary(found: list[Facts]) -> str:
    """Markdown: what the latents say, one line a run."""
    head = ["trained", "seed", "W2 between sources: source latents", "barycenter latents", "ratio"]
    head += ["probe: residual", "source latent", "barycenter latent", "named", "sum of lambda f"]
    lines: list[list[str]] = []
    for f in found:
        shares = (f.probe_residual, f.probe_source, f.probe_barycenter, f.named)
        apart = (
            f"{f.w2_source:.3f}",
            f"{f.w2_barycenter:.3f}",
            f"{f.w2_barycenter / f.w2_source:.3f}",
        )
        off = f"{f.constraint:.1e}" if math.isfinite(f.constraint) else ""
        cells = [f"{share:.1%}" if math.isfinite(share) else "" for share in shares]
        lines.append([f.arm, str(f.seed), *apart, *cells, off])
    return markdown_table(head, lines)


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.2f}{spread} dB"


def jobs_of(arguments: argparse.Namespace) -> Iterator[Job]:
    """Everything that is to be trained and measured, in this order."""
    data, seeds = arguments.data, arguments.seed or SEEDS
    for seed in seeds:
        for arm in (arm for arm in ARMS if arm in arguments.arm):
            recipe = recipe_of(arm, seed, data, arguments.set)
            yield Job(arm, seed, recipe, arguments.runs / _folder(arm, seed))
    for task in SINGLE_TASK if SPECIALIST in arguments.arm else ():
        recipe = recipe_of(SPECIALIST, seeds[0], data, arguments.set, task=task)
        yield Job(SPECIALIST, seeds[0], recipe, arguments.runs / _folder(task, seeds[0]), task)
    if SHIPPED in arguments.arm:
        recipe = Recipe.load(arguments.shipped / "recipe.toml", [f"data.root={data}"])
        yield Job(SHIPPED, recipe.optim.seed, recipe, arguments.shipped)


def _folder(what: str, seed: int) -> str:
    return f"{what}-{seed}".replace(" ", "-").lower()


def main() -> None:
    """Train, measure, print, and with --write keep CSV, picture and the documents' tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder that holds photos/train and photos/val")
    parser.add_argument("--runs", type=Path, required=True, help="folder that keeps the runs")
    parser.add_argument("--seed", action="append", type=int, help="only this one")
    parser.add_argument(
        "--arm", action="append", choices=EVERY, help="only this one; the CSV keeps the others"
    )
    parser.add_argument("--shipped", type=Path, help="the run of models/auto, for its arm")
    parser.add_argument("--photos", type=int, default=None, help="measure on so many only")
    parser.add_argument("--samples", type=int, default=300, help="crops that the latents are of")
    parser.add_argument("--set", action="append", default=[], help="change the recipe, as in train")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--write", action="store_true", help="keep results/allinone*, the documents too"
    )
    arguments = parser.parse_args()
    arguments.arm = arguments.arm or [a for a in EVERY if a != SHIPPED or arguments.shipped]
    if SHIPPED in arguments.arm and not arguments.shipped:
        parser.error(f"{SHIPPED} needs --shipped")
    torch.manual_seed(0)
    photos = read_photos(arguments.data / "photos" / "val")[: arguments.photos]
    rows: list[Row] = []
    found: list[Facts] = []
    pictured = None
    for job in jobs_of(arguments):
        network = trained(job.recipe, job.folder, arguments.device)
        for row in _rows(job.arm, job.seed, measure(network, photos, only=job.task)):
            rows.append(row)
            print(row, flush=True)
        if job.task:
            continue
        seen = with_tasks(job.recipe)
        train_latents = collect(network, seen, seen.data.train, 2 * arguments.samples)
        val_latents = collect(network, seen, seen.data.val, arguments.samples)
        off = constraint(job.recipe, job.folder)
        found.append(facts(job.arm, job.seed, train_latents, val_latents, off))
        print(found[-1], flush=True)
        if job.arm == SHIPPED:
            pictured = val_latents
    for task, name in SINGLE_TASK.items() if SINGLE in arguments.arm else ():
        network = zoo.load(name).network
        rows.extend(_rows(SINGLE, 0, measure(network, photos, only=task)))
    rows += [row for row in read_rows("allinone.csv", Row) if row.arm not in arguments.arm]
    found += [f for f in read_rows("allinone_latents.csv", Facts) if f.arm not in arguments.arm]
    rows.sort(key=lambda row: EVERY.index(row.arm))
    found.sort(key=lambda f: EVERY.index(f.arm))
    text = f"{summary(rows)}\n\n{latent_summary(found)}"
    print(text)
    if arguments.write:
        write_rows("allinone.csv", rows)
        write_rows("allinone_latents.csv", found)
        replace_block(ROOT / "docs" / "results.md", "allinone", text)
        if pictured is not None:
            plot(pictured, RESULTS / "allinone.png")


if __name__ == "__main__":
    main()
