"""Shifted targets: whole pixels, each pair its own way, the input as it was."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.sample import Sample
from restore_cli.degradations.shift_target import ShiftTarget


@pytest.mark.parametrize("size", [(1, 1), (7, 13)])
def test_contract(keeps_contract: Callable[..., Sample], size: tuple[int, int]) -> None:
    keeps_contract(ShiftTarget(), size)


def test_targets_move_by_whole_pixels_and_all_ways(make: Callable[..., Sample]) -> None:
    sample = make(12, 16)
    before, seen = sample.target.numpy(), set[tuple[int, int]]()
    for seed in range(200):
        moved = ShiftTarget(px=2)(sample, np.random.default_rng(seed))
        assert torch.equal(moved.image, sample.image)
        inner = moved.target.numpy()[:, 2:-2, 2:-2]
        ways = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if np.array_equal(inner, np.roll(before, (down, right), (1, 2))[:, 2:-2, 2:-2])
        ]
        assert len(ways) == 1
        seen.add(ways[0])
    assert len(seen) == 25


def test_the_border_is_repeated(make: Callable[..., Sample]) -> None:
    sample = make(5, 6)
    target = sample.target
    moved = [ShiftTarget(px=9)(sample, np.random.default_rng(k)).target for k in range(20)]
    assert any(torch.equal(m, target[:, :1, :1].expand_as(target)) for m in moved)


def test_strengths(make: Callable[..., Sample]) -> None:
    sample = make(9, 9)
    assert ShiftTarget(probability=0.0)(sample, np.random.default_rng(0)) is sample
    assert torch.equal(ShiftTarget(px=0)(sample, np.random.default_rng(0)).target, sample.target)
    with pytest.raises(ValueError, match="px must be 0 or more"):
        ShiftTarget(px=-1)
