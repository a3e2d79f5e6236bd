"""Shrinking photos: what is left of the size, of colours, and of what cannot be shrunk."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.downscale_crop import DownscaleCrop
from restore_cli.degradations.sample import Sample

Make = Callable[..., Sample]


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_half_the_size_is_the_mean_of_two_by_two(make: Make) -> None:
    sample = make(16, 16)
    small = DownscaleCrop(side=8, factor=(0.5, 0.5))(sample, rng())
    expected = torch.nn.functional.avg_pool2d(sample.image, 2)
    torch.testing.assert_close(small.image, expected, atol=1e-6, rtol=0)
    assert torch.equal(small.image, small.target)
    assert small.noise.shape == (1, 8, 8)
    assert small.sigma == 0


def test_a_factor_of_one_cuts_a_piece_out(make: Make) -> None:
    sample = make(12, 14)
    piece = DownscaleCrop(side=10, factor=(1.0, 1.0))(sample, rng()).image
    places = [(y, x) for y in range(3) for x in range(5)]
    assert any(torch.equal(piece, sample.image[:, y : y + 10, x : x + 10]) for y, x in places)


@pytest.mark.parametrize("size", [(9, 9), (9, 40), (64, 64)])
def test_the_piece_always_has_its_side(make: Make, size: tuple[int, int]) -> None:
    for seed in range(5):
        step = DownscaleCrop(side=9, factor=(0.1, 0.7))
        once, again = (step(make(*size), np.random.default_rng(seed)) for _ in range(2))
        assert once.image.shape == (3, 9, 9)
        assert torch.equal(once.image, again.image)


def test_of_a_picture_that_is_too_small_the_largest_square_comes_out(make: Make) -> None:
    sample = make(19, 30)
    piece = DownscaleCrop(side=20)(sample, rng()).image
    assert any(torch.equal(piece, sample.image[:, :, x : x + 19]) for x in range(12))


def test_errors() -> None:
    with pytest.raises(ValueError, match="at most 1"):
        DownscaleCrop(factor=(0.5, 1.5))
    with pytest.raises(ValueError, match="above 0"):
        DownscaleCrop(factor=(0.0, 1.0))
