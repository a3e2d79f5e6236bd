import copy

import pytest
import torch

from restore_cli.networks.blocks import OrthogonalLinear
from restore_cli.training.stiefel import Stiefel, polar_factor


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


@pytest.mark.parametrize("shape", [(7, 7), (40, 9), (3, 12, 5)])
def test_the_polar_factor_is_that_of_the_singular_vectors(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(shape, generator=generator, dtype=torch.float64)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    matrix = u @ torch.diag_embed(s.clamp(min=0.2 * float(s.max()))) @ v
    torch.testing.assert_close(polar_factor(matrix), u @ v, atol=1e-9, rtol=0)


def test_a_step_that_is_told_to_be_left_out_changes_nothing() -> None:
    layer = OrthogonalLinear(3, 5)
    start = layer.weight.detach().clone()
    optimizer = Stiefel(layer.parameters(), lr=0.2)
    layer.weight.grad = torch.full_like(layer.weight, torch.nan)
    optimizer.found_inf = torch.tensor(1.0)
    optimizer.step()
    assert torch.equal(layer.weight.detach(), start)


@pytest.mark.parametrize("shape", [(8, 5), (5, 8)])
def test_adams_step_turns_columns_by_about_its_rate_whatever_the_gradients_size(
    shape: tuple[int, int],
) -> None:
    for size in (1e-6, 1.0, 1e6):
        torch.manual_seed(0)
        layer = OrthogonalLinear(*shape).double()
        start = layer.weight.detach().clone()
        layer.weight.grad = size * torch.randn(layer.weight.shape, dtype=torch.float64)
        Stiefel(layer.parameters(), lr=0.01, betas=(0.9, 0.99)).step()
        moved = (layer.weight.detach() - start).norm() / min(shape) ** 0.5
        assert float(moved) == pytest.approx(0.01, rel=0.01)


def test_adam_solves_the_procrustes_problem_and_stays_orthonormal() -> None:
    torch.manual_seed(0)
    target = 1e-4 * torch.randn(8, 5, dtype=torch.float64)
    layer = OrthogonalLinear(5, 8).double()
    optimizer = Stiefel(layer.parameters(), lr=0.02, betas=(0.9, 0.99))
    for step in range(1500):
        optimizer.param_groups[0]["lr"] = 0.02 * (1 - step / 1500)
        optimizer.zero_grad()
        (-(layer.weight * target).sum()).backward()
        optimizer.step()
    weight = layer.weight.detach()
    best = torch.linalg.svdvals(target).sum()
    torch.testing.assert_close((weight * target).sum(), best, rtol=1e-3, atol=0)
    torch.testing.assert_close(weight.T @ weight, torch.eye(5).double(), atol=1e-9, rtol=0)


def test_adam_goes_on_from_its_saved_state_and_keeps_none_of_a_step_left_out() -> None:
    def steps(optimizer: Stiefel, layer: OrthogonalLinear, seeds: range) -> None:
        for seed in seeds:
            generator = torch.Generator().manual_seed(seed)
            layer.weight.grad = torch.randn(layer.weight.shape, generator=generator)
            optimizer.step()

    layer = OrthogonalLinear(3, 5)
    optimizer = Stiefel(layer.parameters(), lr=0.1, betas=(0.9, 0.99))
    steps(optimizer, layer, range(3))
    other = OrthogonalLinear(3, 5)
    other.load_state_dict(layer.state_dict())
    again = Stiefel(other.parameters(), lr=0.1, betas=(0.9, 0.99))
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    again.found_inf = torch.tensor(1.0)
    other.weight.grad = torch.full_like(other.weight, torch.nan)
    again.step()
    again.found_inf = torch.tensor(0.0)
    steps(optimizer, layer, range(3, 6))
    steps(again, other, range(3, 6))
    assert torch.equal(layer.weight, other.weight)
