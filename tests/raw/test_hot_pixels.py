"""Defects go, stars stay."""

import numpy as np
import pytest

from restore_cli.degradations.cameras import Noise
from restore_cli.degradations.mosaic import mosaic
from restore_cli.raw.hot_pixels import mend
from restore_cli.raw.noise import NoiseModel


def model(noise: Noise) -> NoiseModel:
    return NoiseModel(np.full(3, noise.shot), np.full(3, noise.read**2), "profile")


def noisy(light: np.ndarray, noise: Noise, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (light + noise.deviation(light) * rng.standard_normal(light.shape)).astype(np.float32)


@pytest.mark.parametrize("iso", [100, 3200])
def test_hot_and_dead_pixels_are_mended(iso: float) -> None:
    y, x = np.mgrid[:300, :400]
    scene = (0.15 + 0.05 * np.sin(x / 30) * np.cos(y / 40))[..., None] * np.array([0.5, 1, 0.7])
    light = noisy(mosaic(scene, "GRBG"), Noise.of_iso(iso))
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(4, 296, 60), rng.integers(4, 396, 60)
    spoilt = light.copy()
    spoilt[rows[:50], columns[:50]] = rng.uniform(0.7, 1, 50)
    spoilt[rows[50:], columns[50:]] = 0
    mended, count = mend(spoilt, "GRBG", model(Noise.of_iso(iso)))
    found = np.abs(mended[rows, columns] - light[rows, columns]) < 0.12
    assert found[:50].sum() >= 48
    assert 48 <= count <= 62
    untouched = np.ones(light.shape, bool)
    untouched[rows, columns] = False
    assert (mended != spoilt)[untouched].sum() <= 1


@pytest.mark.parametrize("width", [1.5, 2.0, 3.0])
def test_stars_stay(width: float) -> None:
    """A field of 400 stars, full width at half maximum `width` px, anywhere between the pixels."""
    rng = np.random.default_rng(3)
    scene = np.full((400, 500, 3), 0.01)
    y, x = np.mgrid[-6:7, -6:7]
    for _ in range(400):
        row, column = rng.uniform(8, 392), rng.uniform(8, 492)
        cy, cx = int(row), int(column)
        spread = np.square(y + cy - row) + np.square(x + cx - column)
        spot = np.exp(-4 * np.log(2) * spread / width**2)
        tint = np.array([rng.uniform(0.5, 1), rng.uniform(0.8, 1), rng.uniform(0.5, 1)])
        peak = 10 ** rng.uniform(-1.3, 0)
        scene[cy - 6 : cy + 7, cx - 6 : cx + 7] += peak * spot[..., None] * tint
    light = noisy(mosaic(np.clip(scene, 0, 1), "RGGB"), Noise.of_iso(1600))
    mended, count = mend(light, "RGGB", model(Noise.of_iso(1600)))
    assert count == 0
    np.testing.assert_array_equal(mended, light)


def test_texture_and_small_pictures_stay() -> None:
    rng = np.random.default_rng(0)
    texture = rng.uniform(0.1, 0.9, (200, 200)).astype(np.float32)
    quiet = model(Noise.of_iso(100))
    lines = np.where(np.arange(200) % 7 == 0, 0.8, 0.1).astype(np.float32)
    assert mend(np.broadcast_to(lines, (200, 200)).copy(), "RGGB", quiet)[1] == 0
    assert mend(texture, "RGGB", quiet)[1] < 0.002 * texture.size
    assert mend(texture[:4, :4], "RGGB", quiet)[1] == 0
