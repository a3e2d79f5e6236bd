"""Does photometric alignment (PAL) help? The paper's claim on our data, whichever way it goes.

    python benchmarks/pal.py DATA --write

DATA holds photos/train and photos/val. A small U-Net learns to denoise, once with L1 and once with
L1 + PAL, from consistent pairs and from pairs whose target has its own random affine colour map
each: the same data, steps and seeds. Measured on photos/val with consistent pairs, before and
after closed-form alignment. Then alpha and eps are swept. What PAL costs in time is in `speed.py`.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from rows import RESULTS, write_rows

from restore_cli.data.source import validation_pairs
from restore_cli.evaluation.fidelity import psnr
from restore_cli.evaluation.photometric import psnr_aligned
from restore_cli.recipe import Recipe
from restore_cli.training.loop import train
from restore_cli.training.runs import Run

SEEDS = (1, 2, 3)
ALPHA, EPS = 0.5, 1e-4
RECIPE = """
[model]
name = "pal"
task = "{task}"
[network]
name = "unet"
widths = [16, 32, 64]
depths = [1, 1, 1]
[objective]
name = "supervised"
[data]
train = "photos/train"
val = "photos/val"
crop = 64
batch = 8
mixture = [
    { steps = [{learnt}, { name = "file" }{jitter}] },
]
validation = [{ steps = [{measured}, { name = "file" }] }]
[optim]
steps = 800
optimizer = "muon"
warmup = 50
ema = 0.99
"""

TASKS = {
    "denoise": (
        '{ name = "gaussian-noise", sigma = [15.0, 50.0] }',
        '{ name = "gaussian-noise", sigma = [25.0, 25.0] }',
    ),
    "derain": ('{ name = "rain" }', '{ name = "rain" }'),
    "dehaze": ('{ name = "haze" }', '{ name = "haze" }'),
    "lowlight": (
        '{ name = "low-light", lit_probability = 0.0 }',
        '{ name = "low-light", lit_probability = 0.0 }',
    ),
}
"""The degradations of each task, as it is learnt and as it is measured."""


@dataclass(frozen=True)
class Row:
    """One trained network.

    Attributes:
        part: "claim", "alpha" or "eps".
        pairs: "consistent" or "jittered", what it was trained on.
        alpha: weight of PAL; 0 is L1 alone.
        eps: ridge of the fit.
        seed: of the run.
        psnr: mean over photos/val, dB.
        aligned: the same after the best affine colour map of each picture, dB.
    """

    part: str
    pairs: str
    alpha: float
    eps: float
    seed: int
    psnr: float
    aligned: float


def runs(steps: int, data: Path) -> Iterator[Row]:
    """Train and measure every network of the study; what two parts share is trained once."""
    for pairs in ("consistent", "jittered"):
        for alpha in (0.0, ALPHA):
            for seed in SEEDS:
                yield _run("claim", pairs, alpha, EPS, seed, steps, data)
    for alpha in (0.1, 0.25, 1.0, 2.0):
        yield _run("alpha", "jittered", alpha, EPS, SEEDS[0], steps, data)
    for eps in (1e-6, 1e-5, 1e-3, 1e-2):
        yield _run("eps", "jittered", ALPHA, eps, SEEDS[0], steps, data)


def _run(part: str, pairs: str, alpha: float, eps: float, seed: int, steps: int, data: Path) -> Row:
    changes = (f"data.root={data}", f"optim.steps={steps}", f"objective.pal_eps={eps}")
    return Row(part, pairs, alpha, eps, seed, *learnt("denoise", pairs, alpha, seed, changes))


def learnt(
    task: str, pairs: str, alpha: float, seed: int, changes: Iterable[str]
) -> tuple[float, float]:
    """What a small network makes of photos/val once it has learnt a task.

    Args:
        task: a key of `TASKS`.
        pairs: "consistent" or "jittered", what it is trained on.
        alpha: weight of PAL; 0 is L1 alone.
        seed: of the run.
        changes: to the recipe; `data.root` among them.

    Returns:
        PSNR and PSNR after the best affine colour map of each picture, means in dB.
    """
    jitter = ', { name = "photometric-jitter" }' if pairs == "jittered" else ""
    text = RECIPE.replace("{jitter}", jitter).replace("{task}", task)
    for word, steps in zip(("{learnt}", "{measured}"), TASKS[task], strict=True):
        text = text.replace(word, steps)
    changes = (f"optim.seed={seed}", f"objective.pal={alpha}", *changes)
    recipe = Recipe.parse(text, source="pal", overrides=changes)
    with tempfile.TemporaryDirectory() as folder:
        network = train(recipe, Run(Path(folder) / "run", recipe, resume=False)).network
    values: list[tuple[float, float]] = []
    for pair in validation_pairs(recipe.data):
        with torch.inference_mode():
            output = network(pair.image[None]).clamp(0, 1)
        target = pair.target[None]
        values.append((float(psnr(output, target)), float(psnr_aligned(output, target))))
    plain, aligned = (statistics.fmean(column) for column in zip(*values, strict=True))
    return round(plain, 4), round(aligned, 4)


def summary(rows: Iterable[Row]) -> str:
    """Markdown: the claim's four arms, each with mean and spread (standard deviation) of seeds."""
    lines = ["| trained on | loss | PSNR | PSNR after alignment |", "| --- | --- | --- | --- |"]
    claim = [row for row in rows if row.part == "claim"]
    for pairs in ("consistent", "jittered"):
        for alpha in (0.0, ALPHA):
            arm = [row for row in claim if (row.pairs, row.alpha) == (pairs, alpha)]
            cells = [_spread([row.psnr for row in arm]), _spread([row.aligned for row in arm])]
            loss = f"L1 + {alpha:g} PAL" if alpha else "L1"
            lines.append(f"| {pairs} pairs | {loss} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values):.2f} dB"


def plot(rows: list[Row], path: Path) -> None:
    """Draw aligned PSNR: every seed of the four arms, and both sweeps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    claim, alphas, ridges = figure.subplots(1, 3, width_ratios=(1.4, 1, 1), sharey=True)
    arms = [(pairs, alpha) for pairs in ("consistent", "jittered") for alpha in (0.0, ALPHA)]
    for place, (pairs, alpha) in enumerate(arms):
        own = [r.aligned for r in rows if (r.part, r.pairs, r.alpha) == ("claim", pairs, alpha)]
        claim.plot([place] * len(own), own, "o", color="C1" if alpha else "C0")
        claim.plot([place - 0.2, place + 0.2], [statistics.fmean(own)] * 2, "-", color="black")
    claim.set_xticks(range(len(arms)), [f"{p}\nL1{' + PAL' if a else ''}" for p, a in arms])
    claim.set_ylabel("PSNR after alignment, dB")
    shared = [r for r in rows if (r.part, r.pairs, r.seed) == ("claim", "jittered", SEEDS[0])]
    swept = [r for r in rows if r.part == "alpha"] + shared
    _line(alphas, [(row.alpha, row.aligned) for row in swept], "alpha (jittered pairs)")
    swept = [r for r in rows if r.part == "eps"] + [r for r in shared if r.alpha]
    _line(ridges, [(row.eps, row.aligned) for row in swept], "eps (jittered pairs)")
    ridges.set_xscale("log")
    figure.savefig(path, dpi=110)


def _line(axes: "Axes", points: list[tuple[float, float]], name: str) -> None:  # noqa: F821
    axes.plot(*zip(*sorted(points), strict=True), "o-")
    axes.set_xlabel(name)


def main() -> None:
    """Run the study, print it, and with --write keep CSV and plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder that holds photos/train and photos/val")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--write", action="store_true", help="keep results/pal.csv and pal.png")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for row in runs(arguments.steps, arguments.data):
        rows.append(row)
        print(row, flush=True)
    print(summary(rows))
    if arguments.write:
        write_rows("pal.csv", rows)
        plot(rows, RESULTS / "pal.png")


if __name__ == "__main__":
    main()
