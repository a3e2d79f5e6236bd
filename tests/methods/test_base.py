"""Steps, and the promise that a module has moved before the next loss is computed."""

from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from restore_cli.data.sample import Batch
from restore_cli.errors import RestoreError
from restore_cli.methods import OBJECTIVES
from restore_cli.methods.base import Objective, Step, Trained, within
from restore_cli.networks.barycenter_unet import BarycenterUNet
from restore_cli.networks.base import Network, NetworkInfo
from restore_cli.networks.cut import CutGenerator
from restore_cli.networks.unet import UNet
from restore_cli.networks.vae import VAE
from restore_cli.recipe import Choice, CleanData, Mixture, construct


class Weight(Network):
    """One number that is added to the picture."""

    info = NetworkInfo()

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        return image + self.value


class TwoMoves(Objective):
    """A network moves twice on its distance from 1."""

    single_step = False
    needs_pairs = True

    def steps(self, batch: Batch) -> Iterator[Step]:
        for _ in range(2):
            output = within(self.modules["network"], lambda: self.network(batch.image))
            loss = (output - 1).square().mean()
            yield Step("network", loss, {"distance": loss.detach().sqrt()})


def play(objective: Objective, batch: Batch, *, lr: float) -> list[Step]:
    """Do what the loop does: step the named modules, then resume the generator."""
    optimizers = {
        name: torch.optim.SGD(module.parameters(), lr=lr)
        for name, module in objective.modules.items()
    }
    played: list[Step] = []
    for step in objective.steps(batch):
        for name in step.modules:
            optimizers[name].zero_grad()
        step.loss.backward()
        for name in step.modules:
            optimizers[name].step()
        played.append(step)
    return played


def test_the_second_loss_sees_the_updated_weights() -> None:
    black = torch.zeros(1, 3, 2, 2)
    first, second = play(TwoMoves(Weight()), Batch.of(black, black), lr=0.25)
    # d(w - 1)^2/dw = -2 at w = 0: a step of 0.25 halves the distance.
    assert first.terms["distance"].item() == pytest.approx(1.0)
    assert second.terms["distance"].item() == pytest.approx(0.5)


def test_a_step_is_frozen_and_its_terms_are_its_own() -> None:
    turn, other = Step("network", torch.zeros(())), Step("network", torch.zeros(()))
    assert dict(turn.terms) == {}
    assert turn.terms is not other.terms
    with pytest.raises(FrozenInstanceError):
        turn.module = "heads"  # type: ignore[misc]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_keeps_the_contract(name: str) -> None:
    special = {
        "vae": VAE(channels=2, widths=(4, 4), blocks=(0, 1)),
        "baryir": BarycenterUNet(widths=(4, 4), depths=(1, 1), sources=("rain", "haze")),
        **dict.fromkeys(("cut", "odcr"), CutGenerator(width=4, blocks=1, feature_layers=(0, 4))),
    }
    network = special.get(name, UNet(widths=(4, 4), depths=(1, 1)))
    objective = construct(Choice(name=name), OBJECTIVES, network, section="objective")
    assert objective.network is network
    trained = objective.modules["network"]
    assert isinstance(trained, Trained)
    assert trained.network is network
    assert objective.needs_pairs is (name in ("supervised", "vae", "baryir"))
    mixture = [Mixture(source="rain"), Mixture(source="haze")]
    objective.on_fit_start(CleanData(kind="clean", train=Path("photos"), mixture=mixture))
    pictures = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    batch = Batch.of(*pictures, source=torch.tensor([1, 0]))
    played = play(objective, batch, lr=0.0)
    assert played
    assert len(played) == 1 or not objective.single_step
    objective.on_train_end(network, [batch])
    for turn in played:
        assert set(turn.modules) <= set(objective.modules)
        assert turn.loss.shape == ()
        assert turn.loss.requires_grad
        assert not any(term.requires_grad for term in turn.terms.values())


def test_an_unknown_objective_is_refused_with_the_nearest() -> None:
    with pytest.raises(RestoreError, match="unknown objective 'supervized'") as raised:
        construct(Choice(name="supervized"), OBJECTIVES, Weight(), section="objective")
    assert raised.value.hint == "did you mean 'supervised'?"
