"""Turns, and the promise that a player has moved before the next loss is computed."""

from collections.abc import Iterator
from dataclasses import FrozenInstanceError

import pytest
import torch
from torch import nn

from restore_cli.errors import RestoreError
from restore_cli.methods import OBJECTIVES
from restore_cli.methods.base import Batch, KnowsSources, Objective, Turn
from restore_cli.networks.baryir import BaryIR
from restore_cli.networks.cut import CutGenerator
from restore_cli.networks.unet import UNet
from restore_cli.networks.vae import VAE
from restore_cli.recipe import Choice, construct


class TwoMoves:
    """A linear network moves twice on the distance of its weight from 1."""

    exported = "network"
    single_turn = False
    needs_pairs = True

    def __init__(self) -> None:
        layer = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(layer.weight)
        self.players: dict[str, nn.Module] = {"network": layer}

    def turns(self, batch: Batch) -> Iterator[Turn]:
        for _ in range(2):
            loss = (self.players["network"](batch["image"]) - 1).square().mean()
            yield Turn("network", loss, {"distance": loss.detach().sqrt()})


def play(objective: Objective, batch: Batch, *, lr: float) -> list[Turn]:
    """Do what the loop does: step the named player, then resume the generator."""
    optimizers = {
        name: torch.optim.SGD(player.parameters(), lr=lr)
        for name, player in objective.players.items()
    }
    played: list[Turn] = []
    for turn in objective.turns(batch):
        for player in turn.movers:
            optimizers[player].zero_grad()
        turn.loss.backward()
        for player in turn.movers:
            optimizers[player].step()
        played.append(turn)
    return played


def test_the_second_loss_sees_the_updated_weights() -> None:
    first, second = play(TwoMoves(), {"image": torch.ones(1, 1)}, lr=0.25)
    # d(w - 1)^2/dw = -2 at w = 0: a step of 0.25 halves the distance.
    assert first.terms["distance"].item() == pytest.approx(1.0)
    assert second.terms["distance"].item() == pytest.approx(0.5)


def test_a_turn_is_frozen_and_its_terms_are_its_own() -> None:
    turn, other = Turn("network", torch.zeros(())), Turn("network", torch.zeros(()))
    assert dict(turn.terms) == {}
    assert turn.terms is not other.terms
    with pytest.raises(FrozenInstanceError):
        turn.player = "critic"  # type: ignore[misc]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_keeps_the_contract(name: str) -> None:
    special = {
        "vae": VAE(channels=2, widths=(4, 4), blocks=(0, 1)),
        "baryir": BaryIR(widths=(4, 4), depths=(1, 1), sources=("rain", "haze")),
        **dict.fromkeys(("cut", "odcr"), CutGenerator(width=4, blocks=1, taps=(0, 4))),
    }
    network = special.get(name, UNet(widths=(4, 4), depths=(1, 1)))
    objective = construct(Choice(name=name), OBJECTIVES, network, section="objective")
    assert objective.players[objective.exported] is network
    assert objective.needs_pairs is (name in ("supervised", "vae", "baryir"))
    if isinstance(objective, KnowsSources):
        objective.meet({"rain": 0.5, "haze": 0.5})
    batch = {name: torch.rand(2, 3, 32, 32) for name in ("image", "target")}
    batch["source"] = torch.tensor([1, 0])
    played = play(objective, batch, lr=0.0)
    assert played
    assert len(played) == 1 or not objective.single_turn
    for turn in played:
        assert set(turn.movers) <= set(objective.players)
        assert turn.loss.shape == ()
        assert turn.loss.requires_grad
        assert not any(term.requires_grad for term in turn.terms.values())


def test_an_unknown_objective_is_refused_with_the_nearest() -> None:
    with pytest.raises(RestoreError, match="unknown objective 'supervized'") as raised:
        construct(Choice(name="supervized"), OBJECTIVES, nn.Identity(), section="objective")
    assert raised.value.hint == "did you mean 'supervised'?"
