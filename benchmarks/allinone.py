"""All-in-one: BaryIR against the same network with L1 alone, and against specialists.

    python benchmarks/allinone.py DATA --runs RUNS --write

DATA holds photos/train and photos/val. All start from the recipe `baryir` (`restore train --init
baryir`), same network, data, optimiser, steps and seeds. Measured on photos/val, whole pictures,
8 bits in and out: the five tasks, also against a specialist for each (one seed), levels beyond
training's, mixtures that it never showed, and clean photos. Then what the latents say: distances
between sources, a linear probe of the degradation, the potentials' constraint.
"""

import argparse
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from allinone_latents import Facts, collect, constraint, facts, plot
from quality import SEED, as_file, read_photos
from rows import RESULTS, write_rows
from torch import Tensor, nn

from restore_cli.degradations.compose import Compose
from restore_cli.evaluation.metrics import psnr
from restore_cli.inference.restorer import Restorer
from restore_cli.recipe import Mixture, Recipe
from restore_cli.training.loop import train
from restore_cli.training.runs import Run
from restore_cli.training.templates import template
from restore_cli.zoo import export

SEEDS = (1, 2, 3)
ARMS = ("BaryIR", "L1 alone")
Steps = list[dict[str, object]]
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
    ("clean", "clean photo, against itself"): [],
}


@dataclass(frozen=True)
class Row:
    """One trained network on one case.

    Attributes:
        arm: "BaryIR", "L1 alone" or "specialist" (of the case's task).
        seed: of the run.
        kind: "task", "level", "mixture" or "clean".
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


def trained(recipe: Recipe, folder: Path, device: str) -> nn.Module:
    """The averaged network of the run in `folder`, which goes on where it was interrupted."""
    return train(recipe, Run(folder, recipe, resume=True), device=device).network


def measure(
    network: nn.Module, photos: list[Tensor], *, only: str = ""
) -> Iterator[tuple[str, ...]]:
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
    arms = [arm for arm in (*ARMS, "specialist") if any(row.arm == arm for row in rows)]
    lines = [f"| what | | input | {' | '.join(arms)} |", "| --- " * (len(arms) + 3) + "|"]
    for kind, case in CASES:
        own = [row for row in rows if (row.kind, row.case) == (kind, case)]
        cells = [_spread([row.psnr for row in own if row.arm == arm]) for arm in arms]
        before = f"{own[0].input_psnr:.2f} dB" if own and own[0].input_psnr else ""
        lines.append(f"| {kind} | {case} | {before} | {' | '.join(cells)} |")
    for kinds in (("task",), ("level", "mixture")):
        cells: list[str] = []
        for arm in arms:
            # The mean of the cases for each seed first: the spread is that of whole runs.
            own = [row for row in rows if row.arm == arm and row.kind in kinds]
            seeds = sorted({row.seed for row in own})
            means = [statistics.fmean(r.psnr for r in own if r.seed == seed) for seed in seeds]
            cells.append(_spread(means))
        lines.append(f"| **mean** | {' and '.join(kinds)} | | {' | '.join(cells)} |")
    return "\n".join(lines)


def latent_summary(found: list[Facts]) -> str:
    """Markdown: what the latents say, one line a run."""
    lines = [
        "| arm | seed | W2 of sources: source / barycenter latents | ratio"
        " | probe: residual / source / barycenter | named | sum of lambda f |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for f in found:
        probes = " / ".join(
            f"{v:.1%}" for v in (f.probe_residual, f.probe_source, f.probe_barycenter)
        )
        lines.append(
            f"| {f.arm} | {f.seed} | {f.w2_source:.3f} / {f.w2_barycenter:.3f}"
            f" | {f.w2_barycenter / f.w2_source:.2f} | {probes} | {f.named:.1%}"
            f" | {f.constraint:.1e} |"
        )
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.2f}{spread} dB"


def main() -> None:
    """Train, measure, print, and with --write keep CSV and picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder that holds photos/train and photos/val")
    parser.add_argument("--runs", type=Path, required=True, help="folder that keeps the runs")
    parser.add_argument("--seed", action="append", type=int, help="only this one")
    parser.add_argument("--arm", action="append", choices=ARMS, help="only this one")
    parser.add_argument("--no-specialists", action="store_true")
    parser.add_argument("--photos", type=int, default=None, help="measure on so many only")
    parser.add_argument("--samples", type=int, default=300, help="crops that the latents are of")
    parser.add_argument("--set", action="append", default=[], help="change the recipe, as in train")
    parser.add_argument("--export", type=Path, help="keep the models in this folder")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--write", action="store_true", help="keep results/allinone*.csv and .png")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    photos = read_photos(arguments.data / "photos" / "val")[: arguments.photos]
    rows: list[Row] = []
    found: list[Facts] = []
    picture = None
    jobs = [(arm, s, "") for s in arguments.seed or SEEDS for arm in arguments.arm or ARMS]
    if not arguments.no_specialists:
        tasks = [case for kind, case in CASES if kind == "task"]
        jobs += [("specialist", (arguments.seed or SEEDS)[0], task) for task in tasks]
    for arm, seed, task in jobs:
        recipe = recipe_of(arm, seed, arguments.data, arguments.set, task=task)
        name = f"{task or arm}-{seed}".replace(" ", "-").lower()
        network = trained(recipe, arguments.runs / name, arguments.device)
        for row in _rows(arm, seed, measure(network, photos, only=task)):
            rows.append(row)
            print(row, flush=True)
        if arguments.export:
            export(arguments.export / name, network, recipe, "")
        if task:
            continue
        seen = with_tasks(recipe)
        train_latents = collect(network, seen, recipe.data.train, 2 * arguments.samples)
        val_latents = collect(network, seen, recipe.data.val, arguments.samples)
        off = constraint(recipe, arguments.runs / name)
        found.append(facts(arm, seed, train_latents, val_latents, off))
        print(found[-1], flush=True)
        if arm == "BaryIR" and picture is None:
            picture = val_latents
    print(summary(rows))
    print(latent_summary(found))
    if arguments.write:
        write_rows("allinone.csv", rows)
        write_rows("allinone_latents.csv", found)
        if picture is not None:
            plot(picture, RESULTS / "allinone.png")


if __name__ == "__main__":
    main()
