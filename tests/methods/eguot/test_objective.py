"""EGUOT: which module moves, on which loss, computed again from the parts."""

from dataclasses import replace

import pytest
import torch
from single_steps import check_that_each_teaches_its_module_alone
from torch import Tensor
from torch.nn import functional as F

from restore_cli.data.sample import Batch
from restore_cli.losses.alignment import photometric_alignment_loss
from restore_cli.methods.base import Step
from restore_cli.methods.eguot.objective import Eguot
from restore_cli.methods.eguot.semidual import CONJUGATES
from restore_cli.networks.unet import UNet
from restore_cli.raw.neutral import camera_to_srgb

QUIET = {"r1": 0.0, "width": 8}


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)

    def pictures(count: int) -> Tensor:
        return torch.rand(count, 3, 32, 32, generator=generator)

    return Batch.of(
        pictures(3),
        pictures(3),
        rendering=pictures(3),
        real=pictures(2),
        paired=torch.tensor([1.0, 0.0, 1.0]),
    )


def eguot(**options: object) -> Eguot:
    torch.manual_seed(1)
    network = UNet(widths=(4, 4), depths=(1, 1))
    torch.nn.init.normal_(network.tail.weight, std=0.1)
    return Eguot(network, **{**QUIET, **options})  # pyright: ignore[reportArgumentType]


def named(objective: Eguot, batch: Batch) -> dict[str, Step]:
    return {step.module: step for step in objective.steps(batch)}


def cost_by_hand(made: Tensor, batch: Batch, pal: float) -> Tensor:
    costs: list[Tensor] = []
    for i, paired in enumerate(batch.paired.tolist()):
        target = batch.target[i : i + 1]
        if paired:
            tied = (made[i : i + 1] - target).abs().mean()
            aligned = photometric_alignment_loss(made[i : i + 1], target, eps=1e-4)
            costs.append(7.0 * (tied + pal * aligned))
        else:
            small, fixed = (F.avg_pool2d(x[i], 8) for x in (made, batch.rendering))
            costs.append(3.0 * (small - fixed).square().mean())
    return torch.stack(costs)


@pytest.mark.parametrize("pal", [0.0, 0.5])
@pytest.mark.parametrize("conjugate", CONJUGATES)
def test_each_turn_has_the_loss_of_the_formulas(conjugate: str, pal: float, batch: Batch) -> None:
    objective = eguot(
        source=conjugate, target=conjugate, cost=3.0, paired_cost=7.0, pal=pal,
        transport=0.8, colour=0.3, structure=0.2, frequency=0.0,
    )  # fmt: skip
    steps = named(objective, batch)
    assert list(steps) == ["potential", "ensemble", "network"]
    made = objective.network(batch.image)
    potential, experts = objective.modules["potential"], objective.modules["ensemble"]
    cost, psi = cost_by_hand(made, batch, pal), CONJUGATES[conjugate]
    dual = psi(potential(made) - cost).mean() + psi(-potential(batch.real)).mean()
    torch.testing.assert_close(steps["potential"].loss, dual, atol=1e-5, rtol=1e-4)
    scores, real = experts(made), experts(batch.real)
    assert list(scores) == ["colour", "structure"]
    hinge = sum(
        0.5 * (F.relu(1 - real[name]).mean() + F.relu(1 + scores[name]).mean()) for name in scores
    )
    torch.testing.assert_close(steps["ensemble"].loss, hinge)
    expected = (cost - 0.8 * potential(made)).mean()
    expected = expected - 0.3 * scores["colour"].mean() - 0.2 * scores["structure"].mean()
    torch.testing.assert_close(steps["network"].loss, expected, atol=1e-5, rtol=1e-4)


def test_each_step_teaches_its_module_alone(batch: Batch) -> None:
    check_that_each_teaches_its_module_alone(eguot(r1=0.1, pal=0.5), batch)


def test_the_gradient_penalty_is_added(batch: Batch) -> None:
    plain, punished = (named(eguot(r1=r1), batch) for r1 in (0.0, 5.0))
    for name in ("potential", "ensemble"):
        assert punished[name].loss > plain[name].loss
    torch.testing.assert_close(punished["network"].loss, plain["network"].loss)


@pytest.mark.parametrize(
    ("options", "modules"),
    [
        ({}, {"network", "potential", "ensemble"}),
        ({"transport": 0.0}, {"network", "ensemble"}),
        ({"colour": 0.0, "structure": 0.0, "frequency": 0.0}, {"network", "potential"}),
    ],
)
def test_what_is_left_out_has_no_module(
    options: dict[str, float], modules: set[str], batch: Batch
) -> None:
    objective = eguot(**options)
    assert set(objective.modules) == modules
    assert set(named(objective, batch)) == modules


def test_the_potential_may_take_several_steps(batch: Batch) -> None:
    steps = [step.module for step in eguot(potential_steps=3).steps(batch)]
    assert steps == ["potential"] * 3 + ["ensemble", "network"]


def test_without_flags_all_are_unpaired_and_targets_are_the_real_ones(
    batch: Batch,
) -> None:
    objective = eguot(cost=3.0)
    bare = Batch.of(batch.image, batch.target, paired=False)
    full = replace(bare, real=batch.target, rendering=batch.image)
    for one, other in zip(objective.steps(bare), objective.steps(full), strict=True):
        torch.testing.assert_close(one.loss, other.loss)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "hinge"}, "unknown conjugate 'hinge'; known: identity, kl, softplus"),
        ({"colour": -1.0}, "0 or more"),
        ({"reduce": 0}, "1 or more"),
        ({"potential_steps": 0}, "1 or more"),
        (
            dict.fromkeys(
                ("cost", "paired_cost", "transport", "colour", "structure", "frequency"), 0.0
            ),
            "nothing to learn from",
        ),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        eguot(**options)


def test_of_mosaics_all_losses_see_the_output_in_srgb(batch: Batch) -> None:
    matrix = torch.tensor([[1.6, -0.5, -0.1], [-0.2, 1.5, -0.3], [0.0, -0.4, 1.4]]).repeat(3, 1, 1)
    objective = eguot(cost=3.0, paired_cost=7.0)
    network = objective.network
    steps = named(objective, replace(batch, matrix=matrix))
    made = camera_to_srgb(network(batch.image), matrix)
    cost = cost_by_hand(made, batch, 0.0)
    torch.testing.assert_close(steps["network"].terms["cost"], cost.mean())
    potential = objective.modules["potential"](made).mean()
    torch.testing.assert_close(steps["network"].terms["potential"], potential)
    steps["network"].loss.backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in network.parameters())


def test_the_last_turn_tells_the_terms_of_all(batch: Batch) -> None:
    last = list(eguot().steps(batch))[-1]
    assert list(last.terms) == [
        "dual", "experts", "cost", "potential", "colour", "structure", "frequency",
    ]  # fmt: skip


def test_the_cost_is_the_distance_to_the_coloured_rendering(batch: Batch) -> None:
    unpaired = replace(batch, paired=torch.zeros(3))
    objective = eguot(cost=3.0, coloured=5, transport=0.0, colour=0.0, structure=0.0, frequency=0.0)
    (step,) = objective.steps(unpaired)
    anchor = objective._anchor
    assert anchor is not None
    assert int(anchor.count) == 1
    assert batch.rendering is not None
    made, fixed = objective.network(batch.image), anchor(batch.rendering)
    assert not torch.allclose(fixed, batch.rendering, atol=1e-2)
    small, tied = (F.avg_pool2d(x, 8) for x in (made, fixed))
    torch.testing.assert_close(step.loss, 3.0 * (small - tied).square().mean())
    assert "anchor.matrix" in objective.modules["network"].state_dict()
    assert not any("anchor" in name for name in objective.network.state_dict())


def test_with_an_overview_the_potential_and_an_expert_see_the_whole(batch: Batch) -> None:
    objective = eguot(overview=0.4, colour=0.0, structure=0.0, frequency=0.0, cost=0.0)
    steps = named(objective, replace(batch, paired=torch.zeros(3)))
    made, experts = objective.network(batch.image), objective.modules["ensemble"]
    expected = -objective.modules["potential"](made) - 0.4 * experts(made)["overview"]
    torch.testing.assert_close(steps["network"].loss, expected.mean())


def test_a_negative_number_of_batches_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more batches"):
        eguot(coloured=-1)
