"""Photometric jitter: exactly affine, of the target alone, another map for each pair."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.jitter import PhotometricJitter
from restore_cli.degradations.sample import Sample


@pytest.mark.parametrize("size", [(1, 1), (7, 13)])
def test_contract(keeps_contract: Callable[..., Sample], size: tuple[int, int]) -> None:
    keeps_contract(PhotometricJitter(), size)


def test_the_target_is_an_affine_map_of_itself_and_the_input_stays(
    make: Callable[..., Sample],
) -> None:
    sample = make(16, 20)
    found = []
    for seed in range(6):
        mapped = PhotometricJitter()(sample, np.random.default_rng(seed))
        assert torch.equal(mapped.image, sample.image)
        before = np.vstack([sample.target.reshape(3, -1).numpy(), np.ones((1, 320))]).T
        after = mapped.target.reshape(3, -1).numpy().T
        solution, residual, _, _ = np.linalg.lstsq(before, after, rcond=None)
        assert residual.max() < 1e-9
        found.append(solution)
    assert min(np.abs(a - b).max() for i, a in enumerate(found) for b in found[:i]) > 0.01


def test_strengths(make: Callable[..., Sample]) -> None:
    sample = make(9, 9)
    assert PhotometricJitter(probability=0.0)(sample, np.random.default_rng(0)) is sample
    for bad in ({"contrast": (0.0, 1.0)}, {"contrast": (0.5, 1.2)}, {"mix": 1.5}):
        with pytest.raises(ValueError, match="contrast must lie in"):
            PhotometricJitter(**bad)
