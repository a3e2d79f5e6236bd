"""Haze: the scattering model, its limits, and variety."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.haze import Haze
from restore_cli.degradations.sample import Sample


def black(height: int, width: int) -> Sample:
    image = torch.zeros(3, height, width)
    return Sample(image=image, target=image, noise=torch.zeros(1, height, width))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 47)])
def test_contract(keeps_contract: Callable[..., Sample], size: tuple[int, int]) -> None:
    assert math.isnan(keeps_contract(Haze(), size).sigma)


def test_an_even_wall_of_haze_is_the_scattering_model(make: Callable[..., Sample]) -> None:
    step = Haze(thickness=(0.8, 0.8), relief=(0, 0), uneven=(0, 0), airlight=(0.9, 0.9), tint=0, linear=0)  # fmt: skip  # noqa: E501
    sample = make(20, 30)
    through = math.exp(-0.8)
    expected = sample.image * through + 0.9 * (1 - through)
    torch.testing.assert_close(step(sample, np.random.default_rng(0)).image, expected)


def test_linear_light_veils_differently_but_has_the_same_ends(make: Callable[..., Sample]) -> None:
    def image(thickness: float, linear: float) -> torch.Tensor:
        step = Haze(thickness=(thickness, thickness), relief=(0, 0), uneven=(0, 0), airlight=(0.9, 0.9), tint=0, linear=linear)  # fmt: skip  # noqa: E501
        return step(make(20, 30), np.random.default_rng(0)).image

    assert (image(0.8, 0) - image(0.8, 1)).abs().max() > 0.05
    for linear in (0.0, 1.0):
        torch.testing.assert_close(image(1e-6, linear), make(20, 30).image, atol=1e-4, rtol=0)
        assert (image(20.0, linear) - 0.9).abs().max() < 1e-4


def test_what_is_hidden_stays_in_the_target_and_what_is_seen_is_cleared() -> None:
    clean = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0))
    sample = Sample(image=clean, target=clean, noise=torch.zeros(1, 24, 32))

    def hazy(through: float) -> Sample:
        thickness = -math.log(through)
        step = Haze(
            thickness=(thickness, thickness), relief=(0, 0), uneven=(0, 0), far_probability=0,
            hidden=(0.1, 0.3),
        )  # fmt: skip
        return step(sample, np.random.default_rng(0))

    assert torch.equal(hazy(0.31).target, clean)
    assert torch.equal(hazy(0.09).target, hazy(0.09).image)
    half = hazy(0.2)
    torch.testing.assert_close(half.target, (half.image + clean) / 2)


def test_a_part_far_away_is_hidden() -> None:
    sample = black(48, 64)
    step = Haze(
        thickness=(0.1, 0.1), relief=(0, 0), uneven=(0, 0), airlight=(0.9, 0.9), tint=0, linear=0,
        far_probability=1, far=(6, 6),
    )  # fmt: skip
    covers: list[float] = []
    for seed in range(20):
        image = step(sample, np.random.default_rng(seed)).image[0]
        assert image.min() == pytest.approx(0.9 * (1 - math.exp(-0.1)), abs=0.05)
        assert image.max() == pytest.approx(0.9, abs=0.01)
        covers.append(float((image > 0.8).float().mean()))
    assert min(covers) < 0.15
    assert max(covers) > 0.4


def test_pictures_differ_in_density_colour_and_place() -> None:
    sample = black(48, 64)
    veils = [Haze()(sample, np.random.default_rng(seed)).image for seed in range(40)]
    means = torch.stack([veil.mean() for veil in veils])
    assert means.min() < 0.12
    assert means.max() > 0.6
    colours = torch.stack([veil.mean(dim=(1, 2)) for veil in veils])
    assert (colours[:, 0] > 1.03 * colours[:, 2]).any()
    assert (colours[:, 2] > 1.03 * colours[:, 0]).any()
    assert torch.stack([veil.std(dim=(1, 2)).mean() for veil in veils]).median() > 0.03


def test_a_range_that_reaches_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="thickness"):
        Haze(thickness=(0.0, 1.0))
