"""What `restore ot-correct` does to held-out pictures after a fit to a dozen (`methods.py`).

Twelve photos are degraded, restored and fitted to on the same scenes (`fit --from-clean`), or
twelve other photos stand for the natural side. Twenty-four further photos are degraded and restored
alike, corrected, and compared as 8-bit pictures: latent W2 to their own clean photos, PSNR, and how
far each picture's mean colour moved.
"""

from collections.abc import Iterator

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
FIT, HELD_OUT = 12, 24
CASES: dict[str, tuple[str, float | None]] = {
    "denoise, sigma 25": ("denoise", 25.0),
    "denoise, sigma 50": ("denoise", 50.0),
    "derain": ("derain", None),
    "deblur": ("deblur", None),
}
BEFORE = "as restored (alpha 1)"
FROM_CLEAN = "from clean"
ARMS = (
    *(BEFORE, FROM_CLEAN, "from clean, alpha 0.25", "from clean, alpha 0.5"),
    *("from clean, alpha 0.75", "from clean, shrinkage 0", "other photos, shrinkage 0"),
    "other photos",
)
METRICS = {"PSNR, dB": 2, "latent W2": 3, "W2 fallen by, %": 0, "colour shift, CIEDE2000": 2, "shrinkage": 2}  # fmt: skip


def measure(settings: Settings) -> Iterator[Row]:
    """Fit and measure every case with every seed."""
    its = load_autoencoder("small", torch.device("cpu"))
    paths = sorted((settings.data / "photos" / "train").iterdir())
    for case, (task, sigma) in CASES.items():
        if settings.cases and case not in settings.cases:
            continue
        for seed in settings.seeds:
            order = np.random.default_rng(seed).permutation(len(paths))
            drawn = [to_tensor(Picture.read(paths[i])) for i in order[: 2 * FIT + HELD_OUT]]
            simulation = Simulation(task, sigma=sigma, seed=seed)
            fit, held = (
                [simulation(clean, index) for index, clean in enumerate(drawn)]
                for drawn in (drawn[:FIT], drawn[2 * FIT :])
            )
            found = _of_case(settings, its, fit, drawn[FIT : 2 * FIT], held)
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
        numbers = {"PSNR, dB": _psnr(restored, truth), "latent W2": before}
        if arm != BEFORE:
            same = arm.startswith(FROM_CLEAN)
            transport = LatentTransport(its)
            fitting = Fitting(transport)
            for scene, other in zip(fit, others, strict=True):
                fitting.add(scene.restored, "restored")
                fitting.add(scene.natural if same else other, "natural")
            fitting.finish(0.0 if "shrinkage 0" in arm else None)
            alpha = float(arm.rpartition("alpha ")[2]) if "alpha" in arm else 0.0
            made = [_as_file(transport.apply(image, alpha)) for image in restored]
            after = latent_distance(_moments(its, made), target)
            numbers = {
                "PSNR, dB": _psnr(made, truth),
                "latent W2": after,
                "W2 fallen by, %": 100 * (1 - after / before),
                "colour shift, CIEDE2000": _shift(made, restored),
                "shrinkage": transport.shrinkage,
            }
        for metric, value in numbers.items():
            yield arm, metric, value


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
