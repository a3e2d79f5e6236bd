"""What `restore ot-correct` does to held-out pictures after a fit to a dozen (`methods.py`).

Twelve photos are degraded, restored and fitted to on the same scenes (`fit --from-clean`), or
twelve other photos stand for the natural side. Twenty further photos are degraded and restored
alike, corrected, and compared as 8-bit pictures: latent W2 to their own clean photos, PSNR, and how
far each picture's mean colour moved. Of every photo the centre of 256 px is taken.

Two rows tell what can be had: the map fitted to the twenty photos themselves, which no fit to
others surpasses by much, and how far one half of the twenty clean photos is from the other.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from method_rows import Row, Settings
from torch import Tensor

from restore_cli.evaluation.delta_e import mean_ciede2000
from restore_cli.evaluation.fidelity import psnr
from restore_cli.images.picture import Picture
from restore_cli.ot_correct.autoencoders import load_autoencoder
from restore_cli.ot_correct.fitting import Fitting, to_tensor
from restore_cli.ot_correct.simulating import Simulated, Simulation
from restore_cli.transport.autoencoder import Autoencoder
from restore_cli.transport.latent import LatentTransport, latent_distance
from restore_cli.transport.moments import Moments

METHOD = "deep-ot"
FIT, MANY, HELD_OUT, CROP = 12, 48, 20, 256
CASES: dict[str, tuple[str, float | None]] = {
    "denoise, sigma 25": ("denoise", 25.0),
    "derain": ("derain", None),
    "deblur": ("deblur", None),
}
BEFORE, FROM_CLEAN, OTHERS = "as restored (alpha 1)", "from clean", "other photos, shrinkage 0"
FROM_MANY = f"from clean, {MANY} photos"
BOUND, HALVES = "fitted to the very photos, shrinkage 0", "clean photos, one half to the other"
ALPHAS = (0.0, 0.25, 0.5, 0.75)
ARMS = (BEFORE, FROM_CLEAN, FROM_MANY, OTHERS, BOUND, HALVES)
METRICS = {
    "PSNR, dB": 2,
    "latent W2": 3,
    "W2 fallen by, %": 0,
    "colour shift, CIEDE2000": 2,
    "shrinkage": 2,
}


def measure(settings: Settings) -> Iterator[Row]:
    """Fit and measure every case with every seed."""
    its = load_autoencoder("small", torch.device("cpu"))
    paths = sorted((settings.data / "photos" / "train").iterdir())
    for case, (task, sigma) in CASES.items():
        if settings.cases and case not in settings.cases:
            continue
        for seed in settings.seeds:
            order = np.random.default_rng(seed).permutation(len(paths))
            drawn = [_centre(paths[i]) for i in order[: HELD_OUT + FIT + MANY]]
            others, rest = drawn[FIT : 2 * FIT], drawn[2 * FIT :]
            fits = drawn[:FIT] + rest[HELD_OUT:]
            if FROM_MANY not in settings.chosen(ARMS):
                fits = fits[:FIT]
            simulation = Simulation(task, sigma=sigma, seed=seed)
            fit, held = (
                [simulation(clean, index) for index, clean in enumerate(photos)]
                for photos in (fits, rest[:HELD_OUT])
            )
            found = _of_case(settings, its, fit, others, held)
            for arm, metric, value in found:
                yield Row(METHOD, arm, case, seed, metric, round(value, 4))


def _of_case(
    settings: Settings,
    its: Autoencoder,
    fit: list[Simulated],
    others: list[Tensor],
    held: list[Simulated],
) -> Iterator[tuple[str, str, float]]:
    restored = [scene.restored for scene in held]
    truth = [scene.natural for scene in held]
    target = _moments(its, truth)
    before = latent_distance(_moments(its, restored), target)
    for arm in settings.chosen(ARMS):
        if arm == BEFORE:
            yield arm, "PSNR, dB", _psnr(restored, truth)
            yield arm, "latent W2", before
            continue
        if arm == HALVES:
            halves = (_moments(its, truth[::2]), _moments(its, truth[1::2]))
            yield arm, "latent W2", latent_distance(*halves)
            continue
        transport = _fitted(its, arm, fit, others, held)
        # Interpolation between pictures is linear: one transport serves every alpha.
        full = [transport.apply(image) for image in restored]
        for alpha in ALPHAS if arm == FROM_CLEAN else ALPHAS[:1]:
            name = f"{arm}, alpha {alpha:g}" if alpha else arm
            made = [
                _as_file(torch.lerp(moved, image, alpha))
                for moved, image in zip(full, restored, strict=True)
            ]
            after = latent_distance(_moments(its, made), target)
            yield name, "PSNR, dB", _psnr(made, truth)
            yield name, "latent W2", after
            yield name, "W2 fallen by, %", 100 * (1 - after / before)
            yield name, "colour shift, CIEDE2000", _shift(made, restored)
            yield name, "shrinkage", transport.shrinkage


def _fitted(
    its: Autoencoder, arm: str, fit: list[Simulated], others: list[Tensor], held: list[Simulated]
) -> LatentTransport:
    scenes = {FROM_MANY: fit, BOUND: held}.get(arm, fit[:FIT])
    fitting = Fitting(LatentTransport(its))
    for scene in scenes:
        fitting.add(scene.restored, "restored")
    for natural in others if arm == OTHERS else [scene.natural for scene in scenes]:
        fitting.add(natural, "natural")
    if arm in (FROM_CLEAN, FROM_MANY):
        fitting.finish()
    return fitting.transport


def _centre(path: Path) -> Tensor:
    photo = to_tensor(Picture.read(path))
    top, left = ((side - CROP) // 2 for side in photo.shape[-2:])
    return photo[..., top : top + CROP, left : left + CROP].contiguous()


def _as_file(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255).round() / 255


def _psnr(made: list[Tensor], truth: list[Tensor]) -> float:
    return float(np.mean([float(psnr(a, b)) for a, b in zip(made, truth, strict=True)]))


def _shift(made: list[Tensor], before: list[Tensor]) -> float:
    """How far the mean colour of a picture moves, mean over the pictures."""
    pairs = [
        [x.mean(dim=(2, 3), keepdim=True) for x in pair] for pair in zip(made, before, strict=True)
    ]
    return float(np.mean([float(mean_ciede2000(a, b)) for a, b in pairs]))


def _moments(its: Autoencoder, images: list[Tensor]) -> Moments:
    moments = Moments(its.channels, 3)
    for image in images:
        moments.update(its.encode(image))
    return moments
