"""The anchor's colours: the closed-form transport between two sets, learned once."""

import pytest
import torch
from torch import Tensor

from restore_cli.methods.eguot.anchor import ColourAnchor

MATRIX = torch.tensor([[0.6, 0.1, 0.0], [0.1, 0.5, 0.1], [0.0, 0.1, 0.7]])
OFFSET = torch.tensor([0.2, 0.1, 0.05])


def _pictures(seed: int) -> Tensor:
    """Of different scenes for each seed, of one distribution of colours."""
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + 0.1 * torch.randn(8, 3, 64, 64, generator=generator)


def _finished(pictures: Tensor) -> Tensor:
    return torch.einsum("oc,bchw->bohw", MATRIX, pictures) + OFFSET.view(1, 3, 1, 1)


def _learned(batches: int) -> ColourAnchor:
    anchor = ColourAnchor(batches=batches, reduce=1)
    for seed in range(batches):
        anchor.learn(_pictures(seed), _finished(_pictures(100 + seed)))
    return anchor


def test_it_finds_the_colours_of_other_pictures_without_a_pair() -> None:
    anchor = _learned(4)
    # A symmetric positive matrix is the transport itself; the scenes differ, the colours do not.
    torch.testing.assert_close(anchor.matrix, MATRIX, atol=0.02, rtol=0)
    picture = _pictures(9)
    torch.testing.assert_close(anchor(picture), _finished(picture), atol=0.02, rtol=0)


def test_it_is_fixed_once_it_has_learned() -> None:
    anchor = _learned(3)
    before = anchor.matrix.clone()
    anchor.learn(_pictures(50), 1 - _pictures(51))
    assert torch.equal(anchor.matrix, before)
    assert int(anchor.count) == 3


def test_it_goes_on_from_its_saved_state() -> None:
    half = ColourAnchor(batches=4, reduce=1)
    for seed in range(2):
        half.learn(_pictures(seed), _finished(_pictures(100 + seed)))
    again = ColourAnchor(batches=4, reduce=1)
    again.load_state_dict(half.state_dict())
    for seed in range(2, 4):
        again.learn(_pictures(seed), _finished(_pictures(100 + seed)))
    assert torch.equal(again.matrix, _learned(4).matrix)


def test_pictures_of_one_colour_stay_finite() -> None:
    anchor = ColourAnchor(batches=1)
    anchor.learn(torch.full((1, 3, 8, 8), 0.2), torch.full((1, 3, 8, 8), 0.7))
    assert bool(torch.isfinite(anchor.matrix).all())
    made = anchor(torch.full((1, 3, 4, 4), 0.2))
    torch.testing.assert_close(made, torch.full((1, 3, 4, 4), 0.7), atol=1e-3, rtol=0)
    with pytest.raises(ValueError, match="one batch or more"):
        ColourAnchor(batches=0)
