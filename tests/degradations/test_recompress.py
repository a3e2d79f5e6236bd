"""Recompression: levels, grids, and leaving alone."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.recompress import Recompress
from restore_cli.degradations.sample import Sample

ONCE = {"double_probability": 0.0, "shift_probability": 0.0, "webp_probability": 0.0}


def ramp(side: int = 64) -> Sample:
    x = torch.linspace(0, 1, side)
    image = torch.stack(
        [x.expand(side, side), x.view(-1, 1).expand(side, side), x.flip(0).expand(side, side)]
    )
    return Sample(image=image, target=image, noise=torch.zeros(1, side, side))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 47)])
def test_contract(keeps_contract: Callable[..., Sample], size: tuple[int, int]) -> None:
    step = Recompress(double_probability=1, shift_probability=1)
    assert keeps_contract(step, size).quantity == "quality"


def test_low_quality_differs_more_and_is_told() -> None:
    def error(quality: int) -> float:
        found = Recompress(quality=(quality, quality), **ONCE)(ramp(), np.random.default_rng(0))
        assert found.level == quality
        return float((found.image - found.target).square().mean())

    assert error(10) > 2 * error(40) > 0
    assert error(40) > error(90)


def test_the_lowest_of_two_qualities_counts_and_webp_has_none() -> None:
    step = Recompress(**{**ONCE, "double_probability": 1.0})
    levels = [step(ramp(), np.random.default_rng(s)).level for s in range(60)]
    assert np.mean(levels) < 45  # of two drawn from 10 to 90 the lower is 37 on average
    webp = Recompress(**{**ONCE, "webp_probability": 1.0})
    assert math.isnan(webp(ramp(), np.random.default_rng(0)).level)


def test_the_grid_moves() -> None:
    def edges(**options: float) -> np.ndarray:
        step = Recompress(quality=(10, 10), **{**ONCE, **options})
        total = np.zeros(8)
        noise = torch.from_numpy(np.random.default_rng(1).random((3, 64, 64), dtype=np.float32))
        sample = Sample(image=noise, target=noise, noise=torch.zeros(1, 64, 64))
        for seed in range(20):
            image = step(sample, np.random.default_rng(seed)).image.mean(dim=0)
            steps = image.diff(dim=1).abs().mean(dim=0).numpy()
            total += [steps[k::8].mean() for k in range(8)]
        return total / total.mean()

    assert edges()[7] > 1.1 * np.delete(edges(), 7).max()
    assert edges(shift_probability=1.0)[7] < edges()[7]


def test_untouched_is_level_zero(make: Callable[..., Sample]) -> None:
    sample = make(8, 8)
    found = Recompress(probability=0)(sample, np.random.default_rng(0))
    assert found.image is sample.image
    assert (found.level, found.quantity) == (0, "quality")
