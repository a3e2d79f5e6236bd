import math

import pytest
import torch
from torch import nn

from restore_cli.networks.blocks import OrthogonalLinear
from restore_cli.networks.nafnet import NAFNet
from restore_cli.networks.unet import UNet
from restore_cli.recipe import OptimSection
from restore_cli.training.optim import (
    Muon,
    Stiefel,
    build_optimizers,
    learning_rate,
    orthogonalise,
)


def section(**values: object) -> OptimSection:
    return OptimSection.model_validate({"lr": 1.0, "warmup": 0} | values)


def rates(settings: OptimSection) -> list[float]:
    return [learning_rate(step, settings) for step in range(settings.steps)]


def test_cosine_warms_up_and_falls_to_zero_by_hand() -> None:
    found = rates(section(steps=8, warmup=4, lr=2.0))
    # (1 + cos(k pi / 4)) for the four steps after the warm-up
    root = math.sqrt(0.5)
    assert found == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 1 + root, 1.0, 1 - root])


def test_trapezoid_stays_and_falls_linearly_by_hand() -> None:
    found = rates(section(steps=10, warmup=2, cooldown=4, schedule="trapezoid"))
    assert found == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


def test_trapezoid_without_cooldown_or_warmup_is_constant() -> None:
    assert rates(section(steps=3, schedule="trapezoid")) == [1.0, 1.0, 1.0]


def test_a_longer_trapezoid_begins_like_a_shorter_one() -> None:
    short = rates(section(steps=20, warmup=5, cooldown=6, schedule="trapezoid"))
    long = rates(section(steps=50, warmup=5, cooldown=6, schedule="trapezoid"))
    assert short[:15] == long[:15]
    assert short[15] < long[15]


@pytest.mark.parametrize("shape", [(16, 16), (12, 30), (30, 12), (8, 72)])
def test_orthogonalise_keeps_the_directions_and_evens_out_the_singular_values(
    shape: tuple[int, int],
) -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = 100 * torch.randn(shape, generator=generator)
    result = orthogonalise(matrix)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    # In the singular vectors of the matrix it is diagonal, with values near 1: close to U V^T.
    inner = u.T @ result @ v.T
    values = inner.diagonal()
    assert values.min() > 0.4
    assert values.max() < 1.25
    assert (values - 1).abs().mean() < 0.25
    torch.testing.assert_close(inner, torch.diag(values), atol=2e-3, rtol=0)
    nearest = u @ v
    assert torch.cosine_similarity(result.flatten(), nearest.flatten(), dim=0) > 0.95


def test_orthogonalise_maps_zero_to_zero() -> None:
    assert torch.equal(orthogonalise(torch.zeros(8, 8)), torch.zeros(8, 8))


def test_muon_takes_a_convolution_as_a_matrix_of_one_row_per_output() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = nn.Parameter(torch.randn(8, 6, 3, 3, generator=generator))
    start = weight.detach().clone()
    weight.grad = torch.randn(weight.shape, generator=generator)
    Muon([weight], lr=0.1, weight_decay=0.5).step()
    direction = orthogonalise(weight.grad.reshape(8, 54))
    expected = start * (1 - 0.1 * 0.5) - 0.1 * 0.2 * math.sqrt(54) * direction.reshape(8, 6, 3, 3)
    torch.testing.assert_close(weight.detach(), expected)


def test_muon_remembers_past_gradients() -> None:
    weight = nn.Parameter(torch.zeros(6, 6))
    muon = Muon([weight], lr=1.0, momentum=0.5)
    first, second = torch.eye(6), torch.diag(torch.tensor([1.0, -1.0] * 3))
    weight.grad = first
    muon.step()
    before = weight.detach().clone()
    weight.grad = second
    muon.step()
    average = 0.5 * first + second
    step = 0.2 * math.sqrt(6) * orthogonalise(second + 0.5 * average)
    torch.testing.assert_close(weight.detach(), before - step)


def test_muon_solves_least_squares() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs, true = torch.randn(64, 10, generator=generator), torch.randn(7, 10, generator=generator)
    weight = nn.Parameter(torch.zeros(7, 10))
    settings = section(steps=200, warmup=0, lr=0.3, optimizer="muon")
    muon = Muon([weight], lr=0.3)
    for step in range(settings.steps):
        for group in muon.param_groups:
            group["lr"] = learning_rate(step, settings)
        muon.zero_grad()
        ((inputs @ weight.T - inputs @ true.T) ** 2).mean().backward()
        muon.step()
    assert float((weight.detach() - true).norm() / true.norm()) < 0.02


def test_muon_returns_the_loss_of_a_closure() -> None:
    weight = nn.Parameter(torch.ones(6, 6))

    def closure() -> float:
        loss = weight.square().sum()
        loss.backward()
        return float(loss.detach())

    assert Muon([weight]).step(closure) == 36.0
    assert float(weight.detach().max()) < 1.0


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


@pytest.mark.parametrize("shape", [(8, 5), (9, 1), (5, 8)])
def test_stiefel_solves_the_procrustes_problem(shape: tuple[int, int]) -> None:
    # Over matrices W with orthonormal columns (or rows) |A W^T - B| is least where <W, B^T A> is
    # greatest, at the sum of its singular values. Square ones of two determinants cannot meet.
    torch.manual_seed(0)
    a, b = (torch.randn(30, size, dtype=torch.float64) for size in (shape[1], shape[0]))
    target = b.T @ a / 30
    layer = OrthogonalLinear(shape[1], shape[0]).double()
    optimizer = Stiefel(layer.parameters(), lr=0.5)
    for _ in range(3000):
        optimizer.zero_grad()
        (-(layer.weight * target).sum()).backward()
        optimizer.step()
    best = torch.linalg.svdvals(target).sum()
    torch.testing.assert_close((layer.weight * target).sum(), best, atol=1e-9, rtol=0)


@pytest.mark.parametrize("shape", [(16, 5), (5, 16), (8, 8)])
def test_stiefel_keeps_orthonormal_over_five_thousand_random_gradients(
    shape: tuple[int, int],
) -> None:
    torch.manual_seed(0)
    layer = OrthogonalLinear(*shape)
    optimizer = Stiefel(layer.parameters(), lr=0.1)
    start = layer.weight.detach().clone()
    for _ in range(5000):
        layer.weight.grad = torch.randn_like(layer.weight)
        optimizer.step()
    weight = layer.weight.detach()
    tall = weight if weight.shape[0] >= weight.shape[1] else weight.T
    assert float((tall.T @ tall - torch.eye(tall.shape[1])).abs().max()) <= 1e-5
    assert float((weight - start).norm()) > 0.5


def test_a_stiefel_step_is_the_formula() -> None:
    torch.manual_seed(0)
    layer = OrthogonalLinear(3, 5).double()
    theta, gradient = layer.weight.detach().clone(), torch.randn(5, 3, dtype=torch.float64)
    layer.weight.grad = gradient
    Stiefel(layer.parameters(), lr=0.2, scale=0.5).step()
    riemannian = gradient - 0.5 * theta @ theta.T @ gradient - 0.5 * theta @ gradient.T @ theta
    xi = -0.1 * riemannian
    values, vectors = torch.linalg.eigh(torch.eye(3).double() + xi.T @ xi)
    root = vectors @ torch.diag(values**-0.5) @ vectors.T
    torch.testing.assert_close(layer.weight.detach(), (theta + xi) @ root)


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
