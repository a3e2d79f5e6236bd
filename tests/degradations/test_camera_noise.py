"""Camera noise: its map and level are true, its grain is coarse, and little is possible."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.camera_noise import CameraNoise, UnevenNoise
from restore_cli.degradations.sample import Sample


def grey(side: int = 128, value: float = 0.5) -> Sample:
    image = torch.full((3, side, side), value)
    return Sample(image=image, target=image, noise=torch.zeros(1, side, side))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 47)])
def test_contract(keeps_contract: Callable[..., Sample], size: tuple[int, int]) -> None:
    found = keeps_contract(CameraNoise(blotch_probability=1, band_probability=1), size)
    assert math.isnan(found.sigma)
    assert found.quantity == "sigma"


def test_the_level_is_the_deviation_that_was_added() -> None:
    for seed in range(6):
        found = CameraNoise()(grey(), np.random.default_rng(seed))
        difference = found.image - found.target
        assert found.level == pytest.approx(
            255 * float(difference.square().mean().sqrt()), rel=0.05
        )
        assert float(found.noise.mean()) * 255 == pytest.approx(found.level, rel=0.15)


def test_grain_is_coarser_than_a_pixel_and_coarsest_when_enlarged() -> None:
    def alike(grain: float) -> float:
        step = CameraNoise(grain=(grain, grain), blotch_probability=0, band_probability=0)
        noise = (step(grey(), np.random.default_rng(0)).image - 0.5)[1].numpy()
        return float(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1])

    assert alike(1.0) > 0.2
    assert alike(0.5) > alike(1.0) + 0.1


def test_a_base_iso_is_almost_nothing() -> None:
    step = CameraNoise(shot=(1e-6, 1e-6), read=(1e-4, 1e-4), blotch=(0, 0), band=(0, 0))
    assert step(grey(), np.random.default_rng(0)).level < 0.5


def test_uneven_noise_is_what_its_map_says_and_may_be_none() -> None:
    for seed in range(5):
        found = UnevenNoise(sigma=(5, 75))(grey(), np.random.default_rng(seed))
        unit = (found.image - 0.5) / found.noise
        assert float(unit.std()) == pytest.approx(1, abs=0.03)
        assert found.noise.min() * 255 >= 5 - 1e-3
        assert found.noise.max() * 255 <= 75 + 1e-3
        assert math.isnan(found.sigma)
    none = UnevenNoise(sigma=(0, 0))(grey(), np.random.default_rng(0))
    assert torch.equal(none.image, none.target)
    assert none.level == 0
