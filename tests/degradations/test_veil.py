"""A veil: grows with distance, may be nothing, leaves the target alone."""

from collections.abc import Callable

import numpy as np
import torch

from restore_cli.degradations.sample import Sample
from restore_cli.degradations.veil import Veil


def test_contract_and_target(keeps_contract: Callable[..., Sample]) -> None:
    for size in ((1, 1), (9, 1), (33, 47)):
        sample = keeps_contract(Veil(), size)
        assert sample.level == 0
        assert sample.quantity == ""


def test_no_opacity_and_full_contrast_is_nothing(make: Callable[..., Sample]) -> None:
    sample = make(24, 32)
    veil = Veil(opacity=(0, 0), contrast=(1, 1))
    torch.testing.assert_close(veil(sample, np.random.default_rng(0)).image, sample.image)


def test_it_takes_contrast_and_more_of_it_where_it_is_far(make: Callable[..., Sample]) -> None:
    sample = make(64, 64)
    spread = float(sample.image.std())
    veil = Veil(opacity=(0.6, 0.6), near=(0, 0), contrast=(1, 1))
    ratios: list[float] = []
    for seed in range(20):  # a few made-up scenes are flat
        image = veil(sample, np.random.default_rng(seed)).image
        blocks = image.unfold(1, 16, 16).unfold(2, 16, 16).std(dim=(0, 3, 4))
        assert blocks.min() < 0.75 * spread
        ratios.append(float(blocks.max() / blocks.min()))
    assert np.median(ratios) > 1.3
