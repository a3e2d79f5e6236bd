import math

import pytest
import torch
from torch import Tensor, nn

from restore_cli.training.muon import Muon, orthogonalise


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
    muon = Muon([weight], lr=0.3)
    for step in range(200):
        for group in muon.param_groups:
            group["lr"] = 0.15 * (1 + math.cos(math.pi * step / 200))
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


def test_matrices_of_one_shape_move_as_each_would_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(8, 6, 3, 3), (8, 54), (6, 8), (8, 6), (8, 6)]
    start = [torch.randn(shape, generator=generator) for shape in shapes]
    pushes = [torch.randn(shape, generator=generator) for shape in shapes]
    together = [nn.Parameter(value.clone()) for value in start]
    muon = Muon(together, lr=0.1, weight_decay=0.1)
    for _ in range(2):
        for value, push in zip(together, pushes, strict=True):
            value.grad = push
        muon.step()
    for value, push, end in zip(start, pushes, together, strict=True):
        alone = nn.Parameter(value.clone())
        single = Muon([alone], lr=0.1, weight_decay=0.1)
        for _ in range(2):
            alone.grad = push
            single.step()
        torch.testing.assert_close(end, alone)


def test_a_step_that_is_told_to_be_left_out_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 5, generator=generator))
    muon = Muon([weight], lr=0.1, weight_decay=0.1)
    weight.grad = torch.randn(6, 5, generator=generator)
    muon.found_inf = torch.tensor(0.0)
    muon.step()
    kept, momentum = weight.detach().clone(), muon.state[weight]["momentum"].clone()
    weight.grad = torch.full((6, 5), torch.nan)
    muon.found_inf = torch.tensor(1.0)
    muon.step()
    assert torch.equal(weight.detach(), kept)
    assert torch.equal(muon.state[weight]["momentum"], momentum)


def test_being_told_that_all_is_well_changes_nothing_either() -> None:
    generator = torch.Generator().manual_seed(0)
    value, push = (torch.randn(6, 5, generator=generator) for _ in range(2))
    ends: list[torch.Tensor] = []
    for told in (None, torch.tensor(0.0)):
        weight = nn.Parameter(value.clone())
        muon = Muon([weight], lr=0.1, weight_decay=0.1)
        muon.found_inf, weight.grad = told, push
        muon.step()
        ends.append(weight.detach())
    torch.testing.assert_close(ends[0], ends[1])


def test_larger_matrices_may_be_orthogonalised_in_half_the_digits() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape, same in (((96, 128), False), ((8, 16), True)):
        value, push = (torch.randn(shape, generator=generator) for _ in range(2))
        moves: list[torch.Tensor] = []
        for half in (False, True):
            weight = nn.Parameter(value.clone())
            weight.grad = push
            Muon([weight], lr=0.1, half=half).step()
            moves.append((weight.detach() - value).flatten())
        assert torch.equal(*moves) is same
        assert float(torch.cosine_similarity(*moves, dim=0)) > 0.999


def _step_by_step(matrices: Tensor) -> Tensor:
    """Newton-Schulz as it is published: every step on the matrix itself."""
    x = matrices / torch.linalg.matrix_norm(matrices, keepdim=True)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x


def _spread(rank: int, rest: float, generator: torch.Generator) -> Tensor:
    low = torch.randn(2, 96, rank, generator=generator) @ torch.randn(
        2, rank, 864, generator=generator
    )
    return low + rest * torch.randn(2, 96, 864, generator=generator)


@pytest.mark.parametrize(("rank", "rest"), [(96, 1.0), (4, 1.0), (4, 1e-2), (1, 1e-3)])
def test_steps_on_the_small_matrix_come_to_those_on_the_large_one(rank: int, rest: float) -> None:
    matrices = _spread(rank, rest, torch.Generator().manual_seed(0))
    exact = _step_by_step(matrices.double())
    found = orthogonalise(matrices).double()
    assert float((found - exact).norm() / exact.norm()) < 1e-3
    # In bf16 the error is that of the published steps in bf16, not more, and nothing grows.
    published = _step_by_step(matrices.bfloat16()).double()
    half = orthogonalise(matrices.bfloat16()).double()
    bound = 1.2 * float((published - exact).norm()) + 5e-3 * float(exact.norm())
    assert float((half - exact).norm()) < bound
    assert float(torch.linalg.matrix_norm(half, ord=2).max()) < 1.5


def test_weights_in_either_layout_move_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    value, push = (torch.randn(8, 6, 3, 3, generator=generator) for _ in range(2))
    moved: list[Tensor] = []
    for layout in (torch.contiguous_format, torch.channels_last):
        weight = nn.Parameter(value.clone(memory_format=layout))
        weight.grad = push.clone(memory_format=layout)
        Muon([weight], lr=0.1).step()
        moved.append(weight.detach())
    torch.testing.assert_close(moved[0], moved[1])


def test_many_matrices_are_orthogonalised_as_one() -> None:
    many = torch.randn(2, 3, 9, 5, generator=torch.Generator().manual_seed(0))
    found = orthogonalise(many)
    assert found.shape == many.shape
    torch.testing.assert_close(found[1, 2], orthogonalise(many[1, 2]))


def test_where_a_gradient_vanishes_the_steps_do_too() -> None:
    weight = nn.Parameter(torch.zeros(8, 8))
    muon = Muon([weight], lr=1.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        weight.grad = torch.randn(8, 8, generator=generator)
        muon.step()
    there = weight.detach().clone()
    for _ in range(1000):  # a softplus far below 0: the same direction, next to no gradient
        weight.grad = 1e-9 * torch.ones(8, 8)
        muon.step()
    # What was in the momentum runs out within a hundred steps; the others add next to nothing.
    step = 0.2 * math.sqrt(8) * math.sqrt(8)
    assert float((weight.detach() - there).norm()) < 100 * step


def test_a_usual_gradient_makes_a_full_step_however_small_all_are() -> None:
    moved: list[Tensor] = []
    for scale in (1.0, 1e-4):
        weight = nn.Parameter(torch.zeros(8, 8))
        muon = Muon([weight], lr=1.0)
        generator = torch.Generator().manual_seed(0)
        for _ in range(10):
            weight.grad = scale * torch.randn(8, 8, generator=generator)
            muon.step()
        moved.append(weight.detach())
    torch.testing.assert_close(moved[0], moved[1], atol=1e-2, rtol=1e-2)
