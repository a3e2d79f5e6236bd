import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from restore_cli.networks.exposure import histogram, metered_stops, relit


def test_relighting_is_a_gain_in_linear_light_that_ends_at_white() -> None:
    grey = torch.full((2, 3, 4, 4), 0.2)
    lit = relit(grey, torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(lit[0], grey[0], atol=1e-6, rtol=0)
    linear = ((0.2 + 0.055) / 1.055) ** 2.4 * 4
    assert float(lit[1, 0, 0, 0]) == pytest.approx(1.055 * linear ** (1 / 2.4) - 0.055, abs=1e-5)
    assert float(relit(grey, torch.tensor([9.0, 9.0])).max()) == pytest.approx(1.0)


def test_the_histogram_of_light_is_that_of_numpy() -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 3, 24, 40)
    found = histogram(image, 9)
    squares = image.unfold(2, 4, 4).unfold(3, 4, 4).mean(dim=(1, 4, 5)).sqrt()
    for one, light in zip(found, squares, strict=True):
        place = light.flatten().numpy() * 8
        below = np.floor(place).astype(int)
        counted = np.zeros(10)
        np.add.at(counted, below, 1 - (place - below))
        np.add.at(counted, below + 1, place - below)
        np.testing.assert_allclose(one.square(), counted[:9] / len(place), atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (4, 4)])
def test_the_histogram_of_white_is_its_last_bin(size: tuple[int, int]) -> None:
    found = histogram(torch.ones(1, 3, *size), 5)
    assert torch.allclose(found, torch.tensor([[0.0, 0, 0, 0, 1]]))


def test_a_meter_asks_for_the_light_that_makes_a_picture_as_bright_as_grey() -> None:
    image = 0.25 * torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    light = image.unfold(2, 4, 4).unfold(3, 4, 4).mean(dim=(1, 4, 5)).double()

    def too_bright(stops: float) -> float:
        return float(relit(light[None], torch.tensor([stops])).mean()) - 0.46

    found = float(metered_stops(histogram(image, 64).square(), 0.46))
    assert found == pytest.approx(brentq(too_bright, 0, 8), abs=0.03)


@pytest.mark.parametrize(("value", "stops"), [(0.0, 8.0), (0.6, 0.0), (1.0, 0.0)])
def test_a_meter_asks_for_no_less_and_no_more_than_it_can(value: float, stops: float) -> None:
    shares = histogram(torch.full((2, 3, 16, 16), value), 24).square()
    assert metered_stops(shares, 0.46).tolist() == pytest.approx([stops, stops])
