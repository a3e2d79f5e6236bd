"""Learning an ISP by unbalanced transport: without pairs, with pairs, among outliers, and ablated.

    python benchmarks/eguot.py DATA --write
    python benchmarks/eguot.py DATA --part outliers --part experts --seeds 1 2

DATA holds photos/train and photos/val. Every other training photo becomes RAW, the rest get a look
and stand for finished pictures: no scene is on both sides. Pairs, where they are used, are the
first half's. All runs have the same network, steps and seeds; what two tables share is trained
once. Measured on photos/val, finished in the look, through mosaics with noise; the plain rendering
(bilinear, matrix, curve) is what the network begins near.

A finished run is kept in --folder with its rows, a broken one goes on from its checkpoint.
"""

import argparse
import csv
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from blocks import markdown_table, replace_block
from rows import RESULTS, write_rows
from torch import Tensor

from restore_cli.data.sample import Sample
from restore_cli.data.source import validation_pairs
from restore_cli.evaluation.delta_e import mean_ciede2000
from restore_cli.evaluation.latent_distance import LatentDistance
from restore_cli.evaluation.metrics import psnr
from restore_cli.methods.vae.edges import gradient_l1
from restore_cli.networks.base import Network
from restore_cli.ot_correct.autoencoders import load_autoencoder
from restore_cli.raw.neutral import camera_to_srgb
from restore_cli.recipe import Recipe
from restore_cli.training.loop import train
from restore_cli.training.runs import Run
from restore_cli.training.templates import template
from restore_cli.transport.autoencoder import Autoencoder

ROOT = Path(__file__).parents[1]
SEEDS = (1, 2, 3)
PLAIN = "plain rendering"
MOSAIC = '{ name = "mosaic", finished = true, iso = [50.0, 3200.0], hide_probability = 1.0 }'
STYLE = '{{ name = "style", look = "{look}" }}'
OUTLIERS = ', { name = "outlier", probability = 0.05 }'
BALANCED = ("objective.source=identity", "objective.target=identity")
L1 = ("transport", "colour", "structure", "frequency")
RINGS = 32  # of the spectrum


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        template: the recipe.
        changes: to it.
        outliers: whether they are planted among the finished pictures.
    """

    template: str
    changes: tuple[str, ...] = ()
    outliers: bool = False


ARMS = {
    "unpaired": Arm("isp-unpaired"),
    "L1 on pairs": Arm("isp-paired", tuple(f"objective.{key}=0.0" for key in L1)),
    "paired": Arm("isp-paired"),
    "mixed": Arm("isp-mixed"),
    "unpaired, outliers": Arm("isp-unpaired", outliers=True),
    "balanced": Arm("isp-unpaired", BALANCED),
    "balanced, outliers": Arm("isp-unpaired", BALANCED, outliers=True),
    "no colour expert": Arm("isp-unpaired", ("objective.colour=0.0",)),
    "no structure expert": Arm("isp-unpaired", ("objective.structure=0.0",)),
    "no frequency expert": Arm("isp-unpaired", ("objective.frequency=0.0",)),
    "experts, no transport": Arm("isp-unpaired", ("objective.transport=0.0",)),
}
PARTS: dict[str, tuple[str, ...]] = {
    "unpaired": (PLAIN, "unpaired", "mixed", "L1 on pairs"),
    "paired": (PLAIN, "L1 on pairs", "paired"),
    "outliers": ("unpaired", "unpaired, outliers", "balanced", "balanced, outliers"),
    "experts": (
        *("unpaired", "no colour expert", "no structure expert", "no frequency expert"),
        "experts, no transport",
    ),
}


@dataclass(frozen=True)
class Row:
    """One trained network; means over photos/val.

    Attributes:
        arm: a key of `ARMS`, or the plain rendering.
        look: that was to be learned.
        seed: of the run.
        steps: of the run.
        vae: autoencoder of the latents.
        psnr: dB.
        ciede2000: mean over the pixels.
        gradient: mean absolute error of neighbours' differences, 1/255.
        spectrum: mean difference of log amplitudes over the rings of the spectrum, dB.
        latent_w2: distance of the outputs' latent patches to the targets', see
            `restore_cli.evaluation.latent_distance`.
        skipped: steps that were not finite.
    """

    arm: str
    look: str
    seed: int
    steps: int
    vae: str
    psnr: float
    ciede2000: float
    gradient: float
    spectrum: float
    latent_w2: float
    skipped: int


NUMBERS = ("psnr", "ciede2000", "gradient", "spectrum", "latent_w2")
HEADS = ("PSNR, dB", "CIEDE2000", "gradient error", "spectrum, dB", "latent W2")


def scenes(data: Path, folder: Path) -> None:
    """Link every other training photo into `folder`/raw, the rest into `folder`/srgb.

    `folder`/few is `srgb` with a tenth of the first half: pairs for the mixed run. `folder`/shown
    are the example photos, for the picture: they may be passed on.
    """
    photos = sorted((data / "photos" / "train").resolve().iterdir())
    places = {
        "raw": photos[::2],
        "srgb": photos[1::2],
        "few": photos[1::2] + photos[::20],
        "val": sorted((data / "photos" / "val").resolve().iterdir()),
        "shown": sorted((ROOT / "examples" / "clean").iterdir()),
    }
    for place, chosen in places.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for photo in chosen:
            link = folder / place / photo.name
            if not link.exists():
                link.symlink_to(photo)


def recipe_of(
    arm: Arm,
    look: str,
    seed: int,
    steps: int | None,
    folder: Path,
    changes: Iterable[str],
    *,
    val: str = "val",
) -> Recipe:
    """The recipe of an arm on the scenes in `folder`, measured on its subfolder `val`."""
    style = STYLE.format(look=look)
    settings = [
        f"data.root={folder}", f"optim.seed={seed}", f"data.val={val}", "data.validation_crop=320",
        f"data.validation=[{{ steps = [{style}, {MOSAIC}] }}]",
    ]  # fmt: skip
    if arm.template == "isp-paired":
        settings += ["data.train=raw", f"data.mixture=[{{ steps = [{style}, {MOSAIC}] }}]"]
    else:
        finish = style + (OUTLIERS if arm.outliers else "")
        settings += [f"data.targets=[{{ steps = [{finish}] }}]"]
    if arm.template == "isp-mixed":
        settings.append("data.train_target=few")
    if steps is not None:
        settings += [f"optim.steps={steps}", f"optim.warmup={min(50, steps // 10)}"]
        settings.append(f"optim.cooldown={2 * steps // 5}")
    settings += [*arm.changes, *changes]
    settings.append(f"log.validate_every={1_000_000}")
    return Recipe.parse(template(arm.template), source=arm.template, overrides=settings)


def spectrum_distance(output: Tensor, target: Tensor) -> float:
    """Mean absolute difference of the log amplitudes of two (1, 3, H, W), ring by ring, in dB.

    Rings of equal width up to the Nyquist frequency; the mean square amplitude of each, of the
    luma. What is blurred lacks the outer ones, what is noisy or chequered has too much there.
    """
    height, width = output.shape[-2:]
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    ring = (radius / 0.5 * RINGS).long()
    inside = (ring > 0) & (ring < RINGS)
    weights = output.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    levels: list[Tensor] = []
    for picture in (output, target):
        power = torch.fft.rfft2((picture * weights).sum(dim=1)[0]).abs().square()
        sums = torch.zeros(RINGS).index_add(0, ring[inside], power[inside])
        counts = torch.zeros(RINGS).index_add(0, ring[inside], torch.ones_like(power)[inside])
        levels.append(10 * torch.log10(sums[1:] / counts[1:] + 1e-9))
    return float((levels[0] - levels[1]).abs().mean())


def finish(network: Network | None, pair: Sample) -> tuple[Tensor, Tensor]:
    """A network's output, or the plain rendering, in 8 bits; and the target: both (1, 3, H, W)."""
    multiple = 16 if network is None else network.info.multiple
    assert pair.rendering is not None
    assert pair.matrix is not None
    place = (..., *(slice(size - size % multiple) for size in pair.image.shape[-2:]))
    output, target = pair.rendering[place][None], pair.target[place][None]
    if network is not None:
        with torch.inference_mode():
            made = network(pair.image[place][None]).float()
        output = camera_to_srgb(made, pair.matrix[None])
    return (output.clamp(0, 1) * 255).round() / 255, target


def measure(
    network: Network | None, pairs: list[Sample], autoencoder: Autoencoder
) -> dict[str, float]:
    """`NUMBERS` of a network, or of the plain rendering."""
    distance = LatentDistance(autoencoder)
    values: list[list[float]] = []
    for pair in pairs:
        output, target = finish(network, pair)
        distance.update(output, target)
        values.append([
            float(psnr(output, target)),
            float(mean_ciede2000(output, target)),
            255 * float(gradient_l1(output, target, scales=1)),
            spectrum_distance(output, target),
        ])  # fmt: skip
    means = [*np.mean(values, axis=0), distance.compute()]
    return {k: round(float(v), 4) for k, v in zip(NUMBERS, means, strict=True)}


def summary(rows: list[Row], part: str) -> str:
    """Markdown: every arm of a table, mean and standard deviation of its seeds."""
    lines: list[tuple[str, ...]] = []
    for arm in PARTS[part]:
        own = [row for row in rows if row.arm == arm]
        cells = [_spread([float(getattr(row, name)) for row in own]) for name in NUMBERS]
        if own:
            lines.append((arm, *cells))
    return markdown_table((f"{part}: trained", *HEADS), lines)


def _spread(values: list[float]) -> str:
    if len(values) < 2:
        return "".join(f"{value:.2f}" for value in values)
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values):.2f}"


def picture(folder: Path, arms: list[str], seed: int, path: Path) -> None:
    """Draw the example photos as each arm finished them, and as they should be."""
    from matplotlib.figure import Figure

    columns = {name: folder / f"{_file(name, seed)}.npy" for name in arms}
    columns = {name: np.load(file) for name, file in columns.items() if file.exists()}
    columns["target"] = np.load(folder / "target.npy")
    count = len(columns["target"])
    figure = Figure(figsize=(2.2 * len(columns), 2.2 * count), layout="constrained")
    axes = figure.subplots(count, len(columns), squeeze=False)
    for column, (name, scenes_) in enumerate(columns.items()):
        axes[0][column].set_title(name, fontsize=9)
        for row in range(count):
            axes[row][column].axis("off")
            axes[row][column].imshow(scenes_[row])
    figure.savefig(path, dpi=80)


def _file(arm: str, seed: int) -> str:
    return f"{arm.replace(', ', '-').replace(' ', '-')}-{0 if arm == PLAIN else seed}"


def _keep(path: Path, pictures: list[Tensor]) -> None:
    """Pictures (1, 3, h, w) as bytes (N, H, W, 3), cut to one size."""
    sides = [min(p.shape[axis] for p in pictures) for axis in (2, 3)]
    stack = torch.cat([p[..., : sides[0], : sides[1]] for p in pictures])
    np.save(path, (stack * 255).round().byte().permute(0, 2, 3, 1).numpy())


def _known(path: Path) -> list[Row]:
    if not path.exists():
        return []
    kinds = {"seed": int, "steps": int, "skipped": int, **dict.fromkeys(NUMBERS, float)}
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Row(**{k: kinds.get(k, str)(v) for k, v in line.items()})
            for line in csv.DictReader(file)
        ]


def main() -> None:
    """Train what is missing, measure, print; with --write keep CSV, picture and tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder that holds photos/train and photos/val")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this table")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--steps", type=int, help="instead of the recipes'")
    parser.add_argument("--look", default="vivid", help="that is to be learned")
    parser.add_argument("--vae", default="identity", help="of the latents, as in ot-correct")
    parser.add_argument(
        "--set", action="append", default=[], help="change the recipes: give a --folder of its own"
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/eguot"), help="keeps the runs")
    parser.add_argument(
        "--write", action="store_true", help="keep CSV, picture and the documents' tables"
    )
    arguments = parser.parse_args()
    folder, look = arguments.folder.resolve(), arguments.look
    scenes(arguments.data, folder / "scenes")
    parts = arguments.part or list(PARTS)
    arms = list(dict.fromkeys(arm for part in parts for arm in PARTS[part]))
    autoencoder = load_autoencoder(arguments.vae, torch.device("cpu"))
    kept = _known(folder / "rows.csv")
    rows: list[Row] = []
    pairs: list[Sample] = []
    shown: list[Sample] = []
    for seed in arguments.seeds:
        for arm in arms:
            chosen = ARMS.get(arm, ARMS["unpaired"])
            settings = (look, seed, arguments.steps, folder / "scenes", arguments.set)
            recipe = recipe_of(chosen, *settings)
            number, steps = (0, 0) if arm == PLAIN else (seed, recipe.optim.steps)
            key = (arm, look, number, steps, arguments.vae)
            done = [r for r in kept if (r.arm, r.look, r.seed, r.steps, r.vae) == key]
            if not done:
                if not pairs:
                    pairs = validation_pairs(recipe.data, smallest=16)
                    recipe_shown = recipe_of(chosen, *settings, val="shown")
                    shown = validation_pairs(recipe_shown.data, smallest=16)
                    _keep(folder / "target.npy", [finish(None, p)[1] for p in shown])
                trained = None
                if arm != PLAIN:
                    trained = train(recipe, Run(folder / _file(arm, seed), recipe, resume=True))
                network = trained and trained.network
                numbers = measure(network, pairs, autoencoder)
                outputs = [finish(network, pair)[0] for pair in shown]
                _keep(folder / f"{_file(arm, seed)}.npy", outputs)
                done = [Row(*key, **numbers, skipped=trained.skipped if trained else 0)]
                kept += done
                write_rows(str(folder / "rows.csv"), kept)
            rows += [row for row in done if row not in rows]
            print(done[0], flush=True)
    tables = "\n\n".join(summary(rows, part) for part in parts)
    print(tables)
    picture(folder, arms, arguments.seeds[0], folder / "samples.jpg")
    if arguments.write:
        write_rows("eguot.csv", rows)
        replace_block(ROOT / "docs" / "results.md", "eguot", tables)
        picture(folder, arms, arguments.seeds[0], RESULTS / "eguot.jpg")


if __name__ == "__main__":
    main()
