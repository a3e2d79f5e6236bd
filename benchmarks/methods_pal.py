"""PAL beside the same loss without it (`methods.py`).

Two studies. A small U-Net learns a task from pairs that agree, and from pairs whose target has an
affine colour map of its own each, with L1 and with L1 + PAL; measured on photos/val. And the
shipped low-light model trains on by its own recipe, with its own loss and with PAL beside it;
measured on the cases of `quality.py`, and on dark exposures of a camera where DATA holds
real/lowlight_pairs.
"""

import itertools
from collections.abc import Iterator

from method_rows import Row, Settings
from pal import ALPHA, TASKS, learnt
from quality import measure as measured
from quality_cases import cases
from quality_measure import read_photos
from quality_pairs import measure_pairs

from restore_cli.engine.restorer import Restorer
from restore_cli.models import zoo
from restore_cli.recipe import Recipe
from restore_cli.training.loop import train
from restore_cli.training.runs import Run

METHOD = "pal"
ARMS: dict[str, float] = {"without PAL": 0.0, "with PAL": ALPHA}
OWN = "lowlight"
"""The case that is the shipped model's own training, and the beginning of the names of its rows."""
SMALL = [f"{task}, {pairs} pairs" for task in TASKS for pairs in ("consistent", "jittered")]
METRICS = {"PSNR, dB": 2, "PSNR aligned, dB": 2}
# Enough that the averaged weights forget those it began from; the second half cools down.
STEPS = 300


def measure(settings: Settings) -> Iterator[Row]:
    """Train every arm with every seed, on every case, and measure it."""
    for seed, arm in itertools.product(settings.seeds, settings.chosen(tuple(ARMS))):
        for case in SMALL:
            if not settings.cases or case in settings.cases:
                task, _, pairs = case.removesuffix(" pairs").partition(", ")
                changes = (f"data.root={settings.data}", *settings.changes)
                values = learnt(task, pairs, ARMS[arm], seed, changes)
                for metric, value in zip(METRICS, values, strict=True):
                    yield Row(METHOD, arm, case, seed, metric, value)
        if not settings.cases or OWN in settings.cases:
            yield from _own(settings, arm, seed)


def own_recipe(settings: Settings, arm: str, seed: int) -> Recipe:
    """The shipped model's recipe, begun from its weights: fewer steps of smaller parts."""
    changes = [
        *(f"data.root={settings.data}", "data.crop=192", "data.batch=4", "data.val="),
        *(f"network.weights={OWN}", f"objective.pal={ARMS[arm]}", f"optim.seed={seed}"),
        *(f"optim.steps={STEPS}", f"optim.cooldown={STEPS // 2}", "optim.ema=0.98"),
        *settings.changes,
    ]
    recipe = zoo.load(OWN).recipe
    assert recipe is not None
    return Recipe.parse(recipe.dump(), source=OWN, overrides=changes)


def _own(settings: Settings, arm: str, seed: int) -> Iterator[Row]:
    recipe = own_recipe(settings, arm, seed)
    name = f"{OWN}-{arm}-{seed}".replace(" ", "-")
    trained = train(recipe, Run(settings.runs / name, recipe, resume=True))
    restorer = Restorer(trained.network, overlap=recipe.infer.overlap)
    rows: list[dict[str, str]] = []
    photos = read_photos(settings.data / "photos" / "val")
    rows += [measured(case, photos, restorer) for case in cases() if case.model == OWN]
    if (real := settings.data / "real").is_dir():
        rows += measure_pairs(OWN, real, restorer)
    for row in rows:
        if row["psnr"] and "without a model" not in row["case"]:
            # The real pairs' rows count those made worse; a name is the same in every run.
            case = f"{OWN} on: {row['case'].partition(' (')[0]}"
            yield Row(METHOD, arm, case, seed, "PSNR, dB", float(row["psnr"]))
