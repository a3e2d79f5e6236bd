"""How noisy a mosaic is, told and estimated."""

import itertools

import numpy as np
import pytest
import torch

from restore_cli.degradations.cameras import Camera, Noise
from restore_cli.degradations.mosaic import mosaic
from restore_cli.images.color import linear_to_srgb
from restore_cli.raw.noise import estimate, from_profile, level


def scene(seed: int, size: int = 384) -> np.ndarray:
    """Soft shapes, edges and some texture, balanced light."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    out = np.zeros((size, size, 3))
    for channel in range(3):
        for _ in range(6):
            fx, fy, p = rng.uniform(1, 12), rng.uniform(1, 12), rng.uniform(0, 6)
            out[..., channel] += np.sin(fx * x * 6 + p) * np.cos(fy * y * 6)
    out += (x > rng.uniform(0.3, 0.7))[..., None] * 2
    out = (out - out.min()) / np.ptp(out)
    patch = rng.uniform(0, 0.3, (size // 3, size // 3, 3))
    out[: size // 3, : size // 3] *= 1 - patch
    return 0.6 * out**2


def shot(seed: int, noise: Noise, size: int = 384) -> np.ndarray:
    light = mosaic(scene(seed, size) * Camera.named("Sony A7").neutral, "RGGB")
    rng = np.random.default_rng(seed + 100)
    return (light + noise.deviation(light) * rng.standard_normal(light.shape)).astype(np.float32)


@pytest.mark.parametrize("area", [0.25, 1.0, 2.4])
def test_estimates_rank_as_the_truth_does(area: float) -> None:
    isos = np.geomspace(100, 25600, 9)
    told, found = [], []
    for seed, iso in itertools.product(range(3), isos):
        noise = Noise.of_iso(iso, size=area)
        light = shot(seed, noise)
        gains = (2.0, 1.0, 1.54)
        truth = from_profile(np.array([[noise.shot, noise.read**2]]))
        told.append(level(light, "RGGB", truth, gains))
        found.append(level(light, "RGGB", estimate(light, "RGGB"), gains))
    ranks = [np.argsort(np.argsort(values)) for values in (told, found)]
    assert np.corrcoef(*ranks)[0, 1] >= 0.95
    assert np.median(np.abs(np.array(found) / np.array(told) - 1)) < 0.15


def test_one_number_is_the_noise_under_the_curve() -> None:
    noise = Noise.of_iso(3200)
    clean = mosaic(scene(1) * np.array([0.5, 1.0, 0.65]), "RGGB")
    light = shot(1, noise)
    gains = np.array([2.0, 1.0, 1.54])
    factor = mosaic(np.broadcast_to(gains, (*clean.shape, 3)), "RGGB")
    clean = mosaic(scene(1) * Camera.named("Sony A7").neutral, "RGGB")

    def curved(values: np.ndarray) -> np.ndarray:
        return linear_to_srgb(torch.from_numpy(np.minimum(values * factor, 1))).numpy()

    actual = 255 * np.sqrt(np.square(curved(light.astype(float)) - curved(clean)).mean())
    model = from_profile(np.array([[noise.shot, noise.read**2]]))
    assert level(light, "RGGB", model, (2.0, 1.0, 1.54)) == pytest.approx(actual, rel=0.15)


def test_profiles_of_one_or_three_colours() -> None:
    one = from_profile(np.array([[1e-4, 1e-6]]))
    assert one.shot.tolist() == [1e-4] * 3
    three = from_profile(np.array([[1e-4, 1e-6], [2e-4, 2e-6], [3e-4, 3e-6]]))
    assert three.deviation(np.array([0.5]), 2) == pytest.approx(np.sqrt(1.5e-4 + 3e-6))


def test_nothing_to_measure_is_no_noise() -> None:
    for light in (np.full((4, 4), 0.2), np.ones((64, 64)), np.full((64, 64), 0.3)):
        model = estimate(light.astype(np.float32), "RGGB")
        assert level(light.astype(np.float32), "RGGB", model, (1.0, 1.0, 1.0)) < 0.01
