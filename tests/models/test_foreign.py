"""Every network that can be recognised is built as it was, from its names and shapes alone."""

import pytest
import torch
from torch import nn

from restore_cli.models.foreign import identify, recognise
from restore_cli.networks import NETWORKS
from restore_cli.networks.barycenter_restormer import BarycenterRestormer
from restore_cli.networks.cut import CutGenerator
from restore_cli.networks.nafnet import NAFNet
from restore_cli.networks.restormer import Restormer
from restore_cli.networks.unet import UNet
from restore_cli.recipe import NetworkChoice, construct

MADE = {
    "nafnet": lambda: NAFNet(
        width=4, encoder_blocks=(1, 2), middle_blocks=1, decoder_blocks=(2, 1)
    ),
    "restormer": lambda: Restormer(width=8, blocks=(1, 2, 1, 2), refinement=1, heads=(1, 2, 2, 4)),
    "restormer bias-free": lambda: Restormer(
        width=4, blocks=(1, 1, 1, 1), refinement=2, heads=(1, 1, 1, 1), norm="bias-free"
    ),
    "baryir": lambda: BarycenterRestormer(
        width=4, blocks=(1, 2, 1, 2), refinement=1, heads=(1, 2, 2, 4)
    ),
    "baryir without unused layers": lambda: BarycenterRestormer(
        width=8, blocks=(1, 1, 1, 1), refinement=2, heads=(1, 1, 1, 1), unused=False
    ),
    "cut": lambda: CutGenerator(width=4, blocks=6),
    "cut, strided": lambda: CutGenerator(
        width=4, blocks=2, antialias=False, antialias_up=False, feature_layers=(0,)
    ),
    "cut, antialiased down": lambda: CutGenerator(
        width=4, blocks=3, antialias_up=False, feature_layers=(0,)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_a_network_is_built_from_its_own_tensors(name: str) -> None:
    torch.manual_seed(0)
    made: nn.Module = MADE[name]().eval()
    found = recognise(made.state_dict())
    assert type(found) is type(made)
    assert found is not None
    found.load_state_dict(made.state_dict())
    image = torch.rand(1, 3, 16, 24)
    torch.testing.assert_close(found.eval()(image), made(image))


@pytest.mark.parametrize("kind", [Restormer, BarycenterRestormer])
def test_published_restormers_are_recognised_at_their_size(kind: type[nn.Module]) -> None:
    with torch.device("meta"):
        state = kind().state_dict()
        found = recognise(state)
    assert isinstance(found, kind)
    shapes = {name: value.shape for name, value in found.state_dict().items()}
    assert shapes == {name: value.shape for name, value in state.items()}


def test_what_is_not_known_is_not_guessed() -> None:
    assert recognise(UNet(widths=(4, 8), depths=(1, 1)).state_dict()) is None
    assert recognise({}) is None


@pytest.mark.parametrize("name", MADE)
def test_what_a_recipe_would_say_builds_the_same_network(name: str) -> None:
    made: nn.Module = MADE[name]()
    choice = identify(made.state_dict())
    assert choice is not None
    written = NetworkChoice.model_validate(choice.model_dump(mode="json", exclude_none=True))
    again = construct(written, NETWORKS, section="network")
    again.load_state_dict(made.state_dict())
