"""Finishing RAW files without pairs: EGUOT against closed forms and against pairs (`methods.py`).

The closed forms need no training: the shipped developer, and it followed by a transport of colours
that was fitted to its outputs on the mosaics' side and to the finished pictures of other scenes,
Gaussian (`restore ot-correct fit --kind colour`) or by iterated one-dimensional histograms (Pitie,
Kokaram, Dahyot 2007). Scenes, look and measures are those of `eguot.py`. All arms begin with the
shipped developer, and see crops of the same size. Pairs that disagree: the target lies up to 2 px
aside and has brightness and colours of its own.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from eguot import ARMS as TRAINED
from eguot import L1, MOSAIC, STYLE, Arm, finish, recipe_of, scenes
from method_rows import Row, Settings, equal_steps
from torch import Tensor

from restore_cli.data.sample import Sample
from restore_cli.data.source import build_source, validation_pairs
from restore_cli.evaluation.delta_e import mean_ciede2000
from restore_cli.evaluation.fidelity import psnr
from restore_cli.models import zoo
from restore_cli.networks.base import Network
from restore_cli.recipe import Recipe
from restore_cli.training.loop import train
from restore_cli.training.runs import Run
from restore_cli.training.templates import template
from restore_cli.transport.autoencoder import Identity
from restore_cli.transport.latent import LatentTransport

METHOD = "eguot"
LOOK, CASE = "vivid", "held-out scenes, look vivid"
DEVELOPER = "shipped developer"
GAUSSIAN = "shipped developer + Gaussian colours"
ITERATED = "shipped developer + iterated distribution transfer"
CLOSED = (DEVELOPER, GAUSSIAN, ITERATED)
METRICS = {"PSNR, dB": 2, "CIEDE2000": 2, "over L1 of the same seed, dB": 2}
_MEASURED = tuple(METRICS)[:2]
_DISAGREE = "L1, pairs that disagree"
_SHIFTED = (
    f"data.mixture=[{{ steps = [{STYLE.format(look=LOOK)}, {MOSAIC}, "
    '{ name = "shift-target", px = 2 }, { name = "photometric-jitter" }] }]'
)
_L1 = tuple(f"objective.{key}=0.0" for key in L1)
_PAL = "objective.pal=0.5"
ARMS: dict[str, Arm] = {
    "EGUOT, unpaired": TRAINED["unpaired"],
    "EGUOT, plain anchor": Arm("isp-unpaired", ("objective.coloured=0",)),
    "EGUOT, no overview": Arm("isp-unpaired", ("objective.overview=0.0",)),
    "EGUOT, no colour expert": TRAINED["no colour expert"],
    "EGUOT, no structure expert": TRAINED["no structure expert"],
    "EGUOT, no frequency expert": TRAINED["no frequency expert"],
    "EGUOT, 10 % pairs": TRAINED["mixed"],
    "L1 on pairs": TRAINED["L1 on pairs"],
    _DISAGREE: Arm("isp-paired", (*_L1, _SHIFTED)),
    "L1 + PAL, pairs that disagree": Arm("isp-paired", (*_L1, _SHIFTED, _PAL)),
    "EGUOT + PAL, pairs that disagree": Arm("isp-paired", (_SHIFTED, _PAL)),
}
_SAMPLES, _SIDE, _TURNS = 60, 96, 20
Correct = Callable[[Tensor], Tensor]


def measure(settings: Settings) -> Iterator[Row]:
    """Closed forms first, then every trained arm with every seed."""
    folder = settings.runs / "scenes"
    scenes(settings.data, folder)

    shared = _shared()

    def recipe(arm: str, seed: int, changes: tuple[str, ...]) -> Recipe:
        wanted = [*shared, *settings.changes, *changes]
        return recipe_of(ARMS[arm], LOOK, seed, None, folder, wanted)

    first = next(iter(ARMS))
    pairs = validation_pairs(recipe(first, settings.seeds[0], ()).data, smallest=16)
    for seed in settings.seeds:
        developer = zoo.load("isp").network
        for arm in settings.chosen(CLOSED):
            crops = (f"data.crop={_SIDE}", "network.weights=")
            correct = _closed_form(arm, developer, recipe(first, seed, crops), seed)
            yield from _rows(arm, CASE, seed, developer, pairs, correct)
    arms = settings.chosen(tuple(ARMS))
    steps = equal_steps(settings, arms, recipe) if arms else ()
    for seed in settings.seeds:
        without: float | None = None
        for arm in arms:
            chosen = recipe(arm, seed, steps)
            name = f"{arm}-{seed}".replace(", ", "-").replace(" ", "-").replace("%", "pc").lower()
            trained = train(chosen, Run(settings.runs / name, chosen, resume=True))
            case = f"{CASE}, {trained.steps} steps"
            rows = list(_rows(arm, case, seed, trained.network, pairs, lambda made: made))
            yield from rows
            if arm == _DISAGREE:
                without = rows[0].value
            elif without is not None and arm.endswith(_DISAGREE.partition(", ")[2]):
                over = round(rows[0].value - without, 4)
                yield Row(METHOD, arm, case, seed, tuple(METRICS)[2], over)


def _shared() -> list[str]:
    """What all arms have of the unpaired recipe: the network, its start, crops and rate."""
    base = Recipe.parse(template("isp-unpaired"), source="isp-unpaired")
    network = [f"network.{key}={list(base.network.options[key])}" for key in ("widths", "depths")]
    data = [f"data.crop={base.data.crop}", f"data.batch={base.data.batch}"]
    return [f"network.weights={base.network.weights}", *network, *data, f"optim.lr={base.optim.lr}"]


def _rows(
    arm: str, case: str, seed: int, network: Network, pairs: list[Sample], correct: Correct
) -> Iterator[Row]:
    values: list[tuple[float, float]] = []
    for pair in pairs:
        output, target = finish(network, pair)
        made = (correct(output).clamp(0, 1) * 255).round() / 255
        values.append((float(psnr(made, target)), float(mean_ciede2000(made, target))))
    for metric, value in zip(_MEASURED, np.mean(values, axis=0), strict=True):
        yield Row(METHOD, arm, case, seed, metric, round(float(value), 4))


def _closed_form(arm: str, developer: Network, recipe: Recipe, seed: int) -> Correct:
    """A map of colours from crops of both sets, of different scenes."""
    if arm == DEVELOPER:
        return lambda made: made
    draw, rng = build_source(recipe.data), np.random.default_rng(seed)
    sides: tuple[list[Tensor], list[Tensor]] = ([], [])
    transport = LatentTransport(Identity(), patch=1)
    for _ in range(_SAMPLES):
        sample = draw(rng)
        assert sample.real is not None
        made, real = finish(developer, sample)[0], sample.real[None]
        transport.update(made, "restored")
        transport.update(real, "natural")
        for side, picture in zip(sides, (made, real), strict=True):
            side.append(picture[0, :, ::4, ::4].flatten(1))
    if arm == GAUSSIAN:
        return transport.transport
    return _iterated(torch.cat(sides[0], dim=1), torch.cat(sides[1], dim=1), seed)


def _iterated(source: Tensor, target: Tensor, seed: int) -> Correct:
    """Match the histograms along random axes, again and again; replayed on new pictures."""
    generator = torch.Generator().manual_seed(seed)
    levels = torch.linspace(0, 1, 257)
    steps: list[tuple[Tensor, Tensor, Tensor]] = []
    moved = source.clone()
    for _ in range(_TURNS):
        axes = torch.linalg.qr(torch.randn(3, 3, generator=generator))[0]
        ours, theirs = (torch.quantile(axes @ x, levels, dim=1) for x in (moved, target))
        steps.append((axes, ours, theirs))
        moved = _turned(moved, *steps[-1])

    def correct(picture: Tensor) -> Tensor:
        pixels = picture[0].flatten(1)
        for step in steps:
            pixels = _turned(pixels, *step)
        return pixels.view_as(picture[0])[None]

    return correct


def _turned(pixels: Tensor, axes: Tensor, ours: Tensor, theirs: Tensor) -> Tensor:
    along = axes @ pixels
    for axis in range(3):
        values = np.interp(along[axis].numpy(), ours[:, axis].numpy(), theirs[:, axis].numpy())
        along[axis] = torch.from_numpy(values)
    return axes.mT @ along
