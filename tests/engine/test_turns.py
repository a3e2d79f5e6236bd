"""Eight ways of seeing one picture."""

import torch
from torch import Tensor

from restore_cli.engine.turns import TURNS, over_turns, turned, turned_back


def test_all_eight_ways_are_computed_and_turned_back() -> None:
    images = torch.rand(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    seen: list[Tensor] = []

    def compute(image: Tensor, turn: int) -> Tensor:
        assert torch.equal(turned(images, turn), image)
        seen.append(image)
        return 2 * image

    torch.testing.assert_close(over_turns(compute, images), 2 * images)
    assert len({tuple(one.flatten().tolist()) for one in seen}) == 8


def test_what_leans_to_one_side_is_averaged_out() -> None:
    def leaning(image: Tensor, _: int) -> Tensor:
        return image + torch.arange(image.shape[3])

    made = over_turns(leaning, torch.zeros(1, 1, 5, 5))
    torch.testing.assert_close(made, torch.full((1, 1, 5, 5), 2.0))


def test_the_first_turn_changes_nothing_and_each_is_undone() -> None:
    images = torch.rand(2, 3, 4, 6)
    assert torch.equal(turned(images, 0), images)
    for turn in range(TURNS):
        assert torch.equal(turned_back(turned(images, turn), turn), images)
