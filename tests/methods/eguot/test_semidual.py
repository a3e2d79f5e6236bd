"""Conjugates against their definition, the losses against the formulas."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from restore_cli.methods.eguot.semidual import (
    CONJUGATES,
    identity,
    map_loss,
    potential_loss,
    softplus,
)

POINTS = torch.linspace(-6, 6, 241, dtype=torch.float64)


@pytest.mark.parametrize("name", CONJUGATES)
def test_conjugates_are_convex_rising_and_touch_the_identity_at_zero(name: str) -> None:
    psi = CONJUGATES[name]
    zero = torch.zeros((), dtype=torch.float64, requires_grad=True)
    value = psi(zero)
    (slope,) = torch.autograd.grad(value, zero)
    assert float(value.detach()) == pytest.approx(0, abs=1e-15)
    assert float(slope) == pytest.approx(1, abs=1e-15)
    values = psi(POINTS)
    first = values.diff()
    assert (first >= 0).all()
    assert (first.diff() >= -1e-12).all()
    # Convex with slope one at zero: nowhere below the identity.
    assert (values >= POINTS - 1e-12).all()


@pytest.mark.parametrize("name", CONJUGATES)
def test_conjugates_have_right_gradients(name: str) -> None:
    points = POINTS[::24].clone().requires_grad_()
    assert torch.autograd.gradcheck(CONJUGATES[name], points)


def test_conjugates_are_those_of_their_divergences() -> None:
    # Psi*(s) = sup_x (s x - Psi(x)) over a fine grid; KL: x log x - x + 1, softplus: its own dual.
    x = torch.linspace(1e-6, 60, 2_000_001, dtype=torch.float64)
    kl = x * x.log() - x + 1
    half = x[x < 2]
    dual = half * half.log() + (2 - half) * (2 - half).log()  # 0 at 1, finite on (0, 2)
    for s in (-3.0, -0.5, 0.0, 0.7, 3.0):
        expected = {"kl": (s * x - kl).max(), "softplus": (s * half - dual).max()}
        for name, value in expected.items():
            found = float(CONJUGATES[name](torch.tensor(s, dtype=torch.float64)))
            assert found == pytest.approx(float(value), abs=1e-4)


def test_softplus_stays_finite_where_kl_does_not() -> None:
    far = torch.tensor([1e4, -1e4])
    assert softplus(far).isfinite().all()
    assert not CONJUGATES["kl"](far).isfinite().all()


def sample() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    made, cost = (torch.randn(7, generator=generator, dtype=torch.float64) for _ in range(2))
    return made, torch.randn(5, generator=generator, dtype=torch.float64), cost


@pytest.mark.parametrize("source", CONJUGATES)
@pytest.mark.parametrize("target", CONJUGATES)
def test_the_potentials_loss_is_the_formula(source: str, target: str) -> None:
    made, real, cost = sample()
    found = potential_loss(made, real, cost, source=CONJUGATES[source], target=CONJUGATES[target])
    by_hand = {
        "softplus": lambda s: 2 * math.log(1 + math.exp(s)) - 2 * math.log(2),
        "kl": lambda s: math.exp(s) - 1,
        "identity": lambda s: s,
    }
    first = sum(by_hand[source](float(m - c)) for m, c in zip(made, cost, strict=True)) / 7
    second = sum(by_hand[target](-float(r)) for r in real) / 5
    assert float(found) == pytest.approx(first + second)


def test_balanced_losses_are_plain_semi_dual_transport() -> None:
    made, real, cost = sample()
    plain = (made - cost).mean() - real.mean()
    found = potential_loss(made, real, cost, source=identity, target=identity)
    torch.testing.assert_close(found, plain, atol=1e-15, rtol=0)
    torch.testing.assert_close(map_loss(made, cost), (cost - made).mean())


def mapped(*, plain: bool) -> Tensor:
    """A cloud in the plane, mapped onto a ring of clusters after 40 rounds of the game."""
    generator = torch.Generator().manual_seed(3)
    draw = partial(torch.randn, generator=generator, dtype=torch.float64)
    move, potential = (
        nn.Sequential(nn.Linear(2, 16), nn.SiLU(), nn.Linear(16, outputs)).double()
        for outputs in (2, 1)
    )
    for parameter in (*move.parameters(), *potential.parameters()):
        nn.init.normal_(parameter, std=0.3, generator=generator)
    optimizers = [torch.optim.Adam(module.parameters(), lr=1e-2) for module in (move, potential)]
    for _ in range(40):
        source = draw(64, 2)
        angle = torch.randint(8, (64,), generator=generator) * (math.pi / 4)
        ring = 4 * torch.stack([angle.cos(), angle.sin()], dim=1) + 0.2 * draw(64, 2)
        for module in (1, 0):
            made = source + move(source)
            cost = 0.05 * (made - source).square().sum(dim=1)
            at_made, at_ring = potential(made)[:, 0], potential(ring)[:, 0]
            if plain:
                dual = (at_made - cost).mean() - at_ring.mean()
                loss = dual if module else -dual
            elif module:
                loss = potential_loss(at_made, at_ring, cost, source=identity, target=identity)
            else:
                loss = map_loss(at_made, cost)
            optimizers[module].zero_grad()
            loss.backward()
            optimizers[module].step()
    return move(draw(100, 2)).detach()


def test_a_balanced_game_is_that_of_plain_semi_dual_code() -> None:
    ours, plain = mapped(plain=False), mapped(plain=True)
    torch.testing.assert_close(ours, plain, atol=1e-9, rtol=0)
    assert ours.std(dim=0).min() > 0.1


def test_the_cost_teaches_the_map_and_not_the_potential() -> None:
    made, real, cost = (tensor.requires_grad_() for tensor in sample())
    potential_loss(made, real, cost).backward()
    assert cost.grad is None
    map_loss(made, cost).backward()
    assert cost.grad is not None


def test_far_targets_weigh_less_without_balance() -> None:
    # The weight of a target is Psi2*'(-v): an outlier has a high potential, since nothing is near.
    real = torch.tensor([0.0, 6.0], dtype=torch.float64, requires_grad=True)
    nothing = torch.zeros(1, dtype=torch.float64)
    potential_loss(nothing, real, nothing).backward()
    assert real.grad is not None
    near, far = (-2 * real.grad).tolist()
    assert near == pytest.approx(1)
    assert far < 0.01
