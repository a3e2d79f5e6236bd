"""What a network is told of a picture, in each of its turns."""

import pytest
import torch

from restore_cli.engine.backend import TorchBackend
from restore_cli.engine.contexts import contexts
from restore_cli.engine.restorer import Restorer
from restore_cli.engine.turns import TURNS, over_turns, turned
from restore_cli.errors import RestoreError
from restore_cli.networks.deblur import Deblur
from restore_cli.networks.unet import UNet
from restore_cli.networks.widths import level_in, widths_in


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def deblur() -> Deblur:
    network = Deblur(widths=(6, 8), depths=(1, 1)).eval()
    torch.nn.init.normal_(network.body.tail.weight, std=0.1)
    with torch.no_grad():  # sees widths that differ by direction, of usual blurs
        last = network.surveyor.layers[-1]
        assert isinstance(last, torch.nn.Conv2d)
        last.weight.mul_(40)
    return network.requires_grad_(False)


def test_a_network_that_asks_nothing_is_told_nothing() -> None:
    network = UNet(widths=(4, 8), depths=(1, 1)).eval()
    told = contexts(network, TorchBackend(network), torch.rand(3, 32, 48), None, turns=3)
    assert told == [None] * 3


def test_each_turn_has_what_is_seen_in_the_turned_picture() -> None:
    network, image = deblur(), torch.rand(3, 64, 96)
    told = contexts(network, TorchBackend(network), image, None, turns=TURNS)
    assert len(told) == TURNS
    for turn, one in enumerate(told):
        torch.testing.assert_close(one, network.global_context(turned(image[None], turn)))


def test_turns_are_restored_as_pictures_of_their_own() -> None:
    """One context for all of them had blurs along one side undone along the other."""
    network, image = deblur(), torch.rand(3, 64, 96)
    alone = over_turns(lambda seen, _: network(seen).clamp(-9, 9), image[None])[0].clamp(0, 1)
    made = Restorer(network, device="cpu", precision="fp32")(image, tta=True).image
    torch.testing.assert_close(made, alone, atol=1e-5, rtol=0)
    wrong = network.global_context(image[None])
    with_one = over_turns(lambda seen, _: network(seen, context=wrong), image[None])[0].clamp(0, 1)
    assert (made - with_one).abs().max() > 1e-3


@pytest.mark.parametrize("level", [0.05, 1.5, 6.0, 50.0])
def test_a_told_width_keeps_the_shape_of_the_blur_that_is_seen(level: float) -> None:
    network, image = deblur(), torch.rand(3, 64, 96)
    (told,) = contexts(network, TorchBackend(network), image, level)
    assert told is not None
    seen = network.global_context(image[None])
    assert float(level_in(told)) == pytest.approx(level, rel=1e-5)
    shares = widths_in(seen) / level_in(seen)
    torch.testing.assert_close(widths_in(told) / level, shares, atol=0.02, rtol=0)


def test_a_width_told_of_a_sharp_picture_is_the_same_all_round() -> None:
    network = deblur()
    nothing = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.3]])
    told = network.told_context(2.0, lambda: nothing)
    torch.testing.assert_close(widths_in(told), torch.full((1, 4), 2.0 / 2**0.5))


def test_a_width_in_px_changes_the_result_and_is_told_in_the_details() -> None:
    network, image = deblur(), torch.rand(3, 150, 170)
    restorer = Restorer(network, device="cpu", precision="fp32")
    blind, little, much = (restorer(image, level=level) for level in (None, 0.5, 4.0))
    (seen,) = contexts(network, TorchBackend(network), image, None)
    assert seen is not None
    assert blind.details["level"] == pytest.approx(float(level_in(seen)), abs=1e-3)
    assert (little.details["level"], much.details["level"]) == (0.5, 4.0)
    assert not torch.allclose(little.image, much.image, atol=1e-3)
    assert torch.equal(restorer(image, level=0.0).image, image)
    with pytest.raises(RestoreError, match=r"blur 51 is outside 0..50"):
        restorer(image, level=51.0)
