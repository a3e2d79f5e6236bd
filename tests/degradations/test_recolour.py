"""Recolouring: the same for picture and target, grey stays grey, brightness stays."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.recolour import Recolour
from restore_cli.degradations.sample import Sample

WEIGHTS = torch.tensor([0.299, 0.587, 0.114])


@pytest.mark.parametrize("size", [(1, 1), (7, 13)])
def test_contract(keeps_contract: Callable[..., Sample], size: tuple[int, int]) -> None:
    keeps_contract(Recolour(), size)


def test_saturation_scales_what_differs_from_the_luma(make: Callable[..., Sample]) -> None:
    sample = make(6, 8)
    found = Recolour(saturation=(0.4, 0.4), swap=0)(sample, np.random.default_rng(0))
    luma = torch.einsum("c,chw->hw", WEIGHTS, sample.image)
    torch.testing.assert_close(found.image, luma + 0.4 * (sample.image - luma))
    torch.testing.assert_close(torch.einsum("c,chw->hw", WEIGHTS, found.image), luma)
    grey = Recolour(saturation=(0, 0))(sample, np.random.default_rng(0)).image
    torch.testing.assert_close(grey, luma.expand(3, -1, -1))


def test_channels_change_places_in_every_order_and_alike_in_both(
    make: Callable[..., Sample],
) -> None:
    sample = make(6, 8)
    orders: set[tuple[int, ...]] = set()
    for seed in range(60):
        found = Recolour(saturation=(1, 1), swap=1)(sample, np.random.default_rng(seed))
        order = tuple(
            next(k for k in range(3) if torch.allclose(found.image[c], sample.image[k]))
            for c in range(3)
        )
        orders.add(order)
        torch.testing.assert_close(found.target, sample.target[list(order)])
    assert len(orders) == 6


def test_nothing_asked_nothing_done(make: Callable[..., Sample]) -> None:
    sample = make(5, 5)
    found = Recolour(saturation=(1, 1), swap=0)(sample, np.random.default_rng(0))
    torch.testing.assert_close(found.image, sample.image)
