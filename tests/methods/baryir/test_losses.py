"""Each loss against loops over samples, values and gradients."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from restore_cli.methods.baryir.losses import (
    orthogonality,
    residual_contrast,
    source_weights,
    transport_cost,
)

LABELS = torch.tensor([0, 2, 0, 1, 2, 0, 3])  # 1 and 3 are alone


def latents(*, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(7, 4, 3, 5, generator=generator).to(dtype) for _ in range(2))
    return one.requires_grad_(), other.requires_grad_()


def cosine(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum() / (one.square().sum().sqrt() * other.square().sum().sqrt())


def cost_by_loops(source: Tensor, barycenter: Tensor) -> list[Tensor]:
    return [((s - b) ** 2).mean() ** 0.5 for s, b in zip(source, barycenter, strict=True)]


def orthogonality_by_loops(barycenter: Tensor, residual: Tensor) -> list[Tensor]:
    return [
        torch.stack([cosine(b, r) ** 2 for r in residual]).sum() / len(residual) for b in barycenter
    ]


def contrast_by_loops(residual: Tensor, *, own: bool) -> list[Tensor]:
    losses: list[Tensor] = []
    for i in range(len(residual)):
        near, far = [], []
        for j in range(len(residual)):
            if j == i and not own:
                continue
            value = (cosine(residual[i], residual[j]) / 0.07).exp()
            (near if LABELS[i] == LABELS[j] else far).append(value)
        total = torch.stack(near + far).sum()
        losses.append((total / torch.stack(near).sum()).log() if near else 0 * total)
    return losses


CASES: dict[str, tuple[Callable[..., Tensor], Callable[..., list[Tensor]]]] = {
    "cost": (transport_cost, cost_by_loops),
    "orthogonality": (orthogonality, orthogonality_by_loops),
    "contrast": (
        lambda _, r: residual_contrast(r, LABELS),
        lambda _, r: contrast_by_loops(r, own=False),
    ),
    "contrast, as published": (
        lambda _, r: residual_contrast(r, LABELS, own=True),
        lambda _, r: contrast_by_loops(r, own=True),
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CASES)
def test_a_batched_loss_is_the_loop(name: str, dtype: torch.dtype) -> None:
    batched, loops = CASES[name]
    one, other = latents(dtype=dtype)
    found, expected = batched(one, other), torch.stack(loops(one, other))
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
    weights = torch.linspace(0.5, 2, 7, dtype=dtype)
    slopes, by_hand = (
        torch.autograd.grad((weights * value).sum(), (one, other), allow_unused=True)
        for value in (found, expected)
    )
    for slope, hand in zip(slopes, by_hand, strict=True):
        if hand is None:
            assert slope is None
        else:
            torch.testing.assert_close(slope, hand, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_autocast_does_not_round_them(name: str) -> None:
    batched, _ = CASES[name]
    one, other = latents()
    plain = batched(one, other)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = batched(one, other)
        halves = batched(one.bfloat16(), other.bfloat16())
    assert cast.dtype == halves.dtype == torch.float32
    assert torch.equal(cast, plain)


def test_nothing_moved_costs_nothing_and_has_no_slope() -> None:
    source, _ = latents()
    cost = transport_cost(source, source.detach())
    assert (cost < 1e-5).all()
    cost.sum().backward()
    assert source.grad is not None
    assert not source.grad.any()


def test_orthogonal_and_parallel_latents_have_the_extreme_values() -> None:
    eye = torch.eye(4).view(4, 4, 1, 1)
    assert torch.equal(orthogonality(eye[:2], eye[2:]), torch.zeros(2))
    same = eye[:1].expand(3, -1, -1, -1)
    torch.testing.assert_close(orthogonality(same, -5 * same), torch.ones(3))
    assert orthogonality(same, torch.zeros_like(same)).tolist() == [0, 0, 0]


def test_contrast_rewards_what_lies_with_its_own() -> None:
    eye = torch.eye(2)[[0, 0, 1, 1]].view(4, 2, 1, 1)
    apart = residual_contrast(eye, torch.tensor([0, 0, 1, 1]))
    mixed = residual_contrast(eye, torch.tensor([0, 1, 0, 1]))
    torch.testing.assert_close(apart, torch.full((4,), math.log1p(2 * math.exp(-1 / 0.07))))
    torch.testing.assert_close(mixed, torch.full((4,), math.log(math.exp(1 / 0.07) + 2)))
    alike = torch.ones(4, 2, 1, 1)
    warm = residual_contrast(alike, torch.tensor([0, 0, 1, 1]), temperature=1.0)
    torch.testing.assert_close(warm, torch.full((4,), math.log(3)))


@pytest.mark.parametrize("labels", [[5], [0, 1], [0, 1, 2]])
@pytest.mark.parametrize("own", [False, True])
def test_who_is_alone_has_finite_slopes(labels: list[int], own: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    residual = torch.randn(len(labels), 3, 2, 2, generator=generator, requires_grad=True)
    loss = residual_contrast(residual, torch.tensor(labels), own=own)
    loss.sum().backward()
    assert residual.grad is not None
    assert residual.grad.isfinite().all()
    if not own:
        assert loss.tolist() == [0.0] * len(labels)
        assert residual.grad.abs().max() < 1e-6


def test_shapes_that_do_not_fit_are_refused() -> None:
    one, other = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 5)
    for loss in (transport_cost, orthogonality):
        with pytest.raises(ValueError, match="latents of the shapes"):
            loss(one, other)
    with pytest.raises(ValueError, match="labels"):
        residual_contrast(one, torch.tensor([1, 2, 3]))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("shares", [0.5, 0.3, 0.2]),
        ("equal", [1 / 3, 1 / 3, 1 / 3]),
        ("inverse", [6 / 31, 10 / 31, 15 / 31]),
        ((1.0, 1.0, 2.0), [0.25, 0.25, 0.5]),
    ],
)
def test_weights_follow_their_rule(rule: str | tuple[float, ...], expected: list[float]) -> None:
    found = source_weights((0.5, 0.3, 0.2), rule)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("squared", "unknown source weights 'squared'; known: inverse, shares, equal"),
        ((1.0, 2.0), "3 numbers above 0"),
        ((1.0, 0.0, 2.0), "3 numbers above 0"),
    ],
)
def test_other_weights_are_refused(rule: str | tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        source_weights((0.5, 0.3, 0.2), rule)
