"""CUT and FastCUT: whose turn it is, on which loss, computed again from the parts."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from restore_cli.losses.patchnce import patch_nce
from restore_cli.methods import OBJECTIVES
from restore_cli.methods.base import Turn
from restore_cli.methods.cut.objective import Cut
from restore_cli.networks.cut import CutGenerator
from restore_cli.networks.patches import draw_places, gather_places
from restore_cli.networks.unet import UNet

SMALL = {"places": 6, "features": 5, "critic_width": 4, "critic_layers": 2}


@pytest.fixture
def batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    names = ("image", "target")
    return {name: torch.rand(2, 3, 24, 20, generator=generator) for name in names}


def cut(**options: object) -> Cut:
    torch.manual_seed(1)
    network = CutGenerator(width=4, blocks=2, taps=(0, 4, 12))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return Cut(network, **{**SMALL, **options})  # pyright: ignore[reportArgumentType]


def contrast(objective: Cut, output: Tensor, picture: Tensor) -> Tensor:
    """The contrast from its parts, with the generator as it stands."""
    network, heads = objective.players["network"], objective.players["heads"]
    found = network(output, only_taps=True)
    places = draw_places(found, 6)
    keys = heads(gather_places(network(picture, only_taps=True), places))
    queries = heads(gather_places(found, places))
    return sum(patch_nce(q, k).mean() for q, k in zip(queries, keys, strict=True)) / len(keys)


def turns_of(objective: Cut, batch: dict[str, Tensor]) -> list[Turn]:
    torch.manual_seed(5)
    return list(objective.turns(batch))


def test_the_critic_moves_first_and_learns_without_the_network(batch: dict[str, Tensor]) -> None:
    objective = cut()
    first, second = turns_of(objective, batch)
    assert (first.player, second.player, second.also) == ("critic", "network", ("heads",))
    made = objective.players["network"](batch["image"]).detach()
    critic = objective.players["critic"]
    expected = (critic(batch["target"]) - 1).square().mean() + critic(made).square().mean()
    torch.testing.assert_close(first.loss, 0.5 * expected)
    first.loss.backward()
    assert all(p.grad is None for p in objective.players["network"].parameters())
    assert all(p.grad is not None for p in critic.parameters())


@pytest.mark.parametrize(("nce", "identity"), [(1.0, 1.0), (10.0, 0.0), (2.0, 0.5)])
def test_the_networks_loss_is_the_sum_of_its_parts(
    nce: float, identity: float, batch: dict[str, Tensor]
) -> None:
    objective = cut(nce=nce, identity=identity)
    _, turn = turns_of(objective, batch)
    network, critic = objective.players["network"], objective.players["critic"]
    made, same = (network(batch[name]) for name in ("image", "target"))
    torch.manual_seed(5)
    torch.rand(0)  # the objective draws nothing but places
    fooled = (critic(made) - 1).square().mean()
    kept = nce * contrast(objective, made, batch["image"])
    if identity:
        kept = 0.5 * (kept + identity * contrast(objective, same, batch["target"]))
    torch.testing.assert_close(turn.loss, fooled + kept, atol=1e-5, rtol=0)


def test_network_and_heads_get_gradients_and_the_critic_none(batch: dict[str, Tensor]) -> None:
    objective = cut()
    _, turn = turns_of(objective, batch)
    turn.loss.backward()
    for name in ("network", "heads"):
        assert all(p.grad is not None for p in objective.players[name].parameters())
    assert all(p.grad is None for p in objective.players["critic"].parameters())
    assert not any(term.requires_grad for term in turn.terms.values())


def test_keys_take_no_gradient(batch: dict[str, Tensor]) -> None:
    objective = cut(identity=0.0)
    picture = batch["image"].clone().requires_grad_()
    *_, turn = objective.turns({**batch, "image": picture.detach()})
    # The contrast alone, with output and input held apart.
    output = batch["target"].clone().requires_grad_()
    objective._compare(output, picture).backward()
    assert picture.grad is None
    assert output.grad is not None
    assert turn.also == ("heads",)


def test_fastcut_mirrors_the_input_half_of_the_time(batch: dict[str, Tensor]) -> None:
    objective = cut(nce=10.0, identity=0.0, flip=True)
    given: list[Tensor] = []
    network = objective.players["network"]
    network.register_forward_pre_hook(lambda _module, inputs: given.append(inputs[0]))
    mirrored = 0
    for _ in range(40):
        given.clear()
        list(objective.turns(batch))
        assert any(torch.equal(given[0], x) for x in (batch["image"], batch["image"].flip(3)))
        mirrored += torch.equal(given[0], batch["image"].flip(3))
        # Output and input are compared the same way round.
        assert torch.equal(given[2], batch["image"])
    assert 8 <= mirrored <= 32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nce": -1.0}, "0 or more"),
        ({"identity": -0.1}, "0 or more"),
        ({"adversarial": "wgan"}, "unknown adversarial loss 'wgan'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cut(**options)


@pytest.mark.parametrize("name", ["cut", "odcr"])
def test_a_network_without_taps_is_refused(name: str) -> None:
    make: Callable[..., object] = OBJECTIVES[name]
    with pytest.raises(ValueError, match="network with tapped layers"):
        make(UNet(widths=(4, 8), depths=(1, 1)))
