"""Graphics: clean, varied, and exactly equal in picture and target."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.graphics import GRAPHICS, Graphic, Kind
from restore_cli.degradations.sample import Sample


@pytest.mark.parametrize("kind", GRAPHICS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 47)])
def test_picture_and_target_are_one_clean_thing(
    keeps_contract: Callable[..., Sample], kind: Kind, size: tuple[int, int]
) -> None:
    found = keeps_contract(Graphic(kinds=(kind,)), size)
    assert torch.equal(found.image, found.target)
    assert (found.level, found.sigma, found.quantity) == (0, 0, "")


def test_kinds_look_like_what_they_are(make: Callable[..., Sample]) -> None:
    def pictures(kind: Kind) -> torch.Tensor:
        step = Graphic(kinds=(kind,))
        return torch.stack([step(make(96, 96), np.random.default_rng(s)).image for s in range(12)])

    page = pictures("page")
    assert (page.median() > 0.85) & (page.amin(dim=(1, 2, 3)).max() < 0.5)
    assert pictures("night").median() < 0.12
    assert pictures("night").amax(dim=(1, 2, 3)).median() > 0.3
    assert (pictures("product")[:, :, 0] > 0.9).float().mean() > 0.9
    assert pictures("gradient").diff(dim=-1).abs().max() < 0.02
    assert pictures("fog").amin(dim=(1, 2, 3)).median() > 0.3
    assert all(pictures(kind).flatten(1).std(dim=0).mean() > 0.005 for kind in GRAPHICS)


def test_the_photo_stays_in_the_rest(make: Callable[..., Sample]) -> None:
    sample, rng = make(9, 9), np.random.default_rng(0)
    kept = sum(Graphic(probability=0.5)(sample, rng) is sample for _ in range(200))
    assert 75 < kept < 125
    with pytest.raises(ValueError, match="kinds"):
        Graphic(kinds=())
