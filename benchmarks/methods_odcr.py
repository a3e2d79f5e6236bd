"""Dehazing without pairs by CUT and ODCR, equal in all but the objective (`methods.py`).

All arms have network, data and optimiser of the recipe `odcr-dehaze`; half of the training photos
get simulated haze, the other half stands for the clear side. Measured on photos/val with the haze
of `quality.py`, and with a veil of one even density, which training's generator never draws.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from method_rows import Row, Settings, equal_steps
from methods_odcr_probe import told_apart
from quality import measure as measured
from quality_cases import Case, cases
from quality_measure import read_photos
from torch import Tensor
from unpaired import HAZE, SHARED, halves

from restore_cli.engine.restorer import Restorer
from restore_cli.networks import NETWORKS
from restore_cli.networks.base import Network
from restore_cli.networks.cut import CutGenerator
from restore_cli.recipe import Recipe, construct
from restore_cli.training.loop import train
from restore_cli.training.runs import Run
from restore_cli.training.templates import template

METHOD = "odcr"
ARMS: dict[str, dict[str, object]] = {
    "CUT": {"name": "cut", "nce": 1.0, "identity": 1.0},
    "ODCR, as the text reads": {"name": "odcr", "printed": False, "identity": 0.5},
    "ODCR, clear photos only attract": {
        "name": "odcr", "printed": False, "identity": 0.5, "repel_clear": False
    },
    "ODCR, as printed": {"name": "odcr", "printed": True, "identity": 0.5},
}  # fmt: skip
METRICS = {
    "PSNR, dB": 2,
    "SSIM": 3,
    "classifier right, %": 1,
    "haze told by a probe, %": 1,
}


def measure(settings: Settings) -> Iterator[Row]:
    """Train every arm with every seed, and measure it."""
    halves(settings.data, settings.runs)
    arms = settings.chosen(tuple(ARMS))

    def recipe_of(arm: str, seed: int, changes: tuple[str, ...]) -> Recipe:
        return _recipe(arm, seed, settings, changes)

    steps = equal_steps(settings, arms, recipe_of)
    photos = read_photos(settings.data / "photos" / "val")
    hazes = [case for case in cases() if case.model == "dehaze"]
    hazes.append(Case("dehaze", "another generator: an even veil", _veil))
    for seed in settings.seeds:
        yield from _without_norm(recipe_of(arms[0], seed, ("network.norm=none",)), seed)
        for arm in arms:
            recipe = recipe_of(arm, seed, steps)
            name = f"{arm}-{seed}".replace(", ", "-").replace(" ", "-").lower()
            run = Run(settings.runs / name, recipe, resume=True)
            trained = train(recipe, run)
            right = _right(settings.runs / name / "metrics.csv")
            if right is not None:
                yield Row(METHOD, arm, "training", seed, "classifier right, %", right)
            yield from _probed(trained.network, recipe, arm, seed)
            restorer = Restorer(trained.network, tile="none")
            for case in hazes:
                found = measured(case, photos, restorer)
                for metric, key in (("PSNR, dB", "psnr"), ("SSIM", "ssim")):
                    if found[key]:
                        yield Row(METHOD, arm, case.name, seed, metric, float(found[key]))


def _without_norm(recipe: Recipe, seed: int) -> Iterator[Row]:
    """What instance normalisation takes from the features: the same layers without, untrained."""
    torch.manual_seed(seed)
    network = construct(recipe.network, NETWORKS, section="network")
    yield from _probed(network, recipe, "untrained, without normalisation", seed)


def _probed(network: Network, recipe: Recipe, arm: str, seed: int) -> Iterator[Row]:
    if isinstance(network, CutGenerator):
        for looked_at, share in told_apart(network, recipe):
            yield Row(METHOD, arm, looked_at, seed, "haze told by a probe, %", share)


def _recipe(arm: str, seed: int, settings: Settings, changes: tuple[str, ...]) -> Recipe:
    base = Recipe.parse(template("odcr-dehaze"), source="odcr-dehaze")
    table = base.model_dump(exclude_none=True)
    table["objective"] = ARMS[arm] | {key: base.objective.options[key] for key in SHARED}
    text = Recipe.model_validate(table).dump()
    own = [f"data.root={settings.runs}", f"data.mixture={HAZE}", f"optim.seed={seed}"]
    return Recipe.parse(text, source=arm, overrides=[*own, *settings.changes, *changes])


def _right(log: Path) -> float | None:
    """How often the classifier was right in the last rows of a log, in per cent."""
    with log.open(newline="", encoding="utf-8") as file:
        terms = [row["terms"] for row in csv.DictReader(file)]
    found = [re.search(r"accuracy=([\d.e-]+)", text) for text in terms]
    shares = [float(match[1]) for match in found if match]
    return round(100 * float(np.mean(shares[-10:])), 2) if shares else None


def _veil(clean: Tensor, rng: np.random.Generator) -> Tensor:
    """Airlight of one colour, mixed in evenly: I = J t + A (1 - t) with t and A of the picture."""
    share = float(rng.uniform(0.35, 0.65))
    light = torch.from_numpy(rng.uniform(0.75, 0.95, (3, 1, 1)).astype(np.float32))
    return clean * share + light * (1 - share)
