import pytest
import torch
from torch import nn

from restore_cli.networks.blocks import OrthogonalLinear
from restore_cli.networks.nafnet import NAFNet
from restore_cli.networks.unet import UNet
from restore_cli.recipe import OptimSection
from restore_cli.training.muon import Muon
from restore_cli.training.optim import build_optimizers
from restore_cli.training.stiefel import Stiefel


def section(**values: object) -> OptimSection:
    return OptimSection.model_validate({"lr": 1.0, "warmup": 0} | values)


def names(network: nn.Module, optimizer: torch.optim.Optimizer) -> set[str]:
    chosen = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return {name for name, p in network.named_parameters() if id(p) in chosen}


@pytest.mark.parametrize(
    ("network", "outer"),
    [
        (UNet(widths=(16, 32), depths=(1, 1), noise_map=True), {"head", "tail", "estimator"}),
        (NAFNet(width=8, encoder_blocks=(1,), middle_blocks=1, decoder_blocks=(1,)), set()),
    ],
)
def test_muon_gets_inner_matrices_and_adamw_the_rest(network: nn.Module, outer: set[str]) -> None:
    settings = section(steps=1, optimizer="muon", lr=3e-3, weight_decay=0.01)
    muon, adamw = build_optimizers(network, settings)
    assert isinstance(muon, Muon)
    assert isinstance(adamw, torch.optim.AdamW)
    inner, rest = names(network, muon), names(network, adamw)
    assert inner | rest == {name for name, _ in network.named_parameters()}
    assert not inner & rest
    for name, value in network.named_parameters():
        narrow = value.ndim < 2 or min(value.shape[:2]) <= 4  # in, out, depth-wise, scales
        assert (name in rest) == narrow, name
    assert {"head.weight", "tail.weight"} <= rest or not outer
    for optimizer in (muon, adamw):
        assert optimizer.param_groups[0]["lr"] == 3e-3
        assert optimizer.param_groups[0]["weight_decay"] == 0.01


def test_adamw_alone_takes_everything_that_learns() -> None:
    network = UNet(widths=(4, 8), depths=(1, 1))
    network.head.requires_grad_(False)
    (adamw,) = build_optimizers(network, section(steps=1))
    learning = {name for name, value in network.named_parameters() if value.requires_grad}
    assert names(network, adamw) == learning
    assert not any(name.startswith("head") for name in learning)


def test_orthogonal_layers_go_to_stiefel_with_their_own_rate() -> None:
    network = nn.Sequential(OrthogonalLinear(5, 8), nn.ReLU(), nn.Linear(8, 8))
    for name in ("adamw", "muon"):
        settings = section(steps=3, lr=0.01, stiefel_lr=0.2, optimizer=name, betas=[0.5, 0.9])
        stiefel, *others = build_optimizers(network, settings)
        assert isinstance(stiefel, Stiefel)
        assert stiefel.param_groups[0]["params"] == [network[0].weight]
        assert stiefel.param_groups[0]["lr"] * stiefel.param_groups[0]["scale"] == pytest.approx(
            0.2
        )
        rest = [p for o in others for group in o.param_groups for p in group["params"]]
        assert {id(p) for p in rest} == {id(p) for p in network[2].parameters()}
        assert others[-1].param_groups[0]["betas"] == (0.5, 0.9)


def test_rmsprop_takes_everything_and_a_factor_is_noted_for_every_group() -> None:
    network = UNet(widths=(4, 8), depths=(1, 1))
    (rmsprop,) = build_optimizers(network, section(steps=1, optimizer="rmsprop"), factor=0.1)
    assert isinstance(rmsprop, torch.optim.RMSprop)
    assert names(network, rmsprop) == {name for name, _ in network.named_parameters()}
    assert [group["factor"] for group in rmsprop.param_groups] == [0.1]
    settings = section(steps=1, optimizer="muon")
    assert [o.param_groups[0]["factor"] for o in build_optimizers(network, settings)] == [1.0, 1.0]
