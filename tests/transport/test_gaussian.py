"""Gaussian transport against closed forms, scipy-free references, and samples."""

import math

import pytest
import torch
from torch import Tensor

from restore_cli.transport.gaussian import sqrtm, squared_wasserstein, transport_map


def _covariance(size: int, seed: int, rank: int | None = None) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    factor = torch.randn(size, rank or 2 * size, generator=generator, dtype=torch.float64)
    return factor @ factor.mT / size


def _mean(size: int, seed: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_sqrtm_squares_to_its_argument_batched() -> None:
    batch = torch.stack([_covariance(7, 0), _covariance(7, 1, rank=3)])
    roots = sqrtm(batch)
    torch.testing.assert_close(roots @ roots, batch, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(roots, roots.mT)
    torch.testing.assert_close(roots[1], sqrtm(batch[1]))


def test_distance_of_commuting_gaussians_is_that_of_their_deviations() -> None:
    a, b = torch.tensor([1.0, 4.0, 9.0]).double(), torch.tensor([4.0, 4.0, 1.0]).double()
    shift = torch.tensor([1.0, 0.0, 2.0]).double()
    found = squared_wasserstein(shift, a.diag(), torch.zeros(3).double(), b.diag())
    assert float(found) == pytest.approx(5 + (1 - 2) ** 2 + 0 + (3 - 1) ** 2, rel=1e-12)


def test_distance_is_the_formula_of_gelbrich() -> None:
    a, b = _covariance(12, 2), _covariance(12, 3)
    root = sqrtm(b)
    hand = torch.trace(a + b - 2 * sqrtm(root @ a @ root))
    found = squared_wasserstein(torch.zeros(12).double(), a, torch.zeros(12).double(), b)
    assert float(found) == pytest.approx(float(hand), rel=1e-11)
    same = squared_wasserstein(_mean(12, 0), a, _mean(12, 0), a)
    assert 0 <= float(same) <= 1e-12 * float(torch.trace(a))


def test_distance_has_the_right_gradient() -> None:
    factors = [torch.randn(4, 9, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    means = [torch.randn(4, dtype=torch.float64, requires_grad=True) for _ in range(2)]

    def distance(a: Tensor, b: Tensor, m: Tensor, n: Tensor) -> Tensor:
        return squared_wasserstein(m, a @ a.mT, n, b @ b.mT)

    assert torch.autograd.gradcheck(distance, (*factors, *means))


def test_map_between_random_gaussians_meets_the_target() -> None:
    size = 36
    source, target = _covariance(size, 4), _covariance(size, 5)
    fitted = transport_map(_mean(size, 1), source, _mean(size, 2), target)
    pushed = fitted.matrix @ source @ fitted.matrix.mT
    assert float((pushed - target).norm() / target.norm()) <= 1e-8
    moved = fitted.matrix @ _mean(size, 1) + fitted.offset
    before = squared_wasserstein(_mean(size, 1), source, _mean(size, 2), target)
    after = squared_wasserstein(moved, pushed, _mean(size, 2), target)
    assert float(after) <= 1e-6 * float(before)
    assert not fitted.noisy
    assert float(fitted.noise_root.abs().max()) == 0.0


def test_map_is_the_papers_formula_and_optimal() -> None:
    source, target = _covariance(9, 6), _covariance(9, 7)
    zero = torch.zeros(9).double()
    fitted = transport_map(zero, source, zero, target)
    root = sqrtm(source)
    inverse = torch.linalg.inv(root)
    hand = inverse @ sqrtm(root @ target @ root) @ inverse
    torch.testing.assert_close(fitted.matrix, hand, rtol=1e-8, atol=1e-10)
    # Its cost, E|x - T x|^2, is the distance.
    away = torch.eye(9).double() - fitted.matrix
    cost = torch.trace(away @ source @ away.mT)
    assert float(cost) == pytest.approx(float(squared_wasserstein(zero, source, zero, target)))


@pytest.mark.parametrize(("source_rank", "target_rank"), [(5, None), (None, 5), (5, 7), (7, 5)])
def test_singular_sides_meet_the_target_with_noise(
    source_rank: int | None, target_rank: int | None
) -> None:
    size = 12
    source, target = _covariance(size, 8, source_rank), _covariance(size, 9, target_rank)
    zero = torch.zeros(size).double()
    fitted = transport_map(zero, source, zero, target)
    noise = fitted.noise_root @ fitted.noise_root.mT
    pushed = fitted.matrix @ source @ fitted.matrix.mT + noise
    torch.testing.assert_close(pushed, target, rtol=1e-7, atol=1e-8)
    assert fitted.noisy == ((source_rank or size) < (target_rank or size))
    # The coupling costs no more than the distance: it is optimal.
    cross = fitted.matrix @ source
    cost = torch.trace(source) + torch.trace(target) - 2 * torch.trace(cross)
    distance = squared_wasserstein(zero, source, zero, target)
    assert float(cost) == pytest.approx(float(distance), rel=1e-6)


def test_singular_source_gives_the_form_of_freirich_michaeli_meir() -> None:
    size = 8
    source, target = _covariance(size, 10, rank=3), _covariance(size, 11)
    zero = torch.zeros(size).double()
    root, pinv = sqrtm(target), torch.linalg.pinv(source, hermitian=True)
    inverse = torch.linalg.inv(root)
    middle = sqrtm(root @ source @ root)
    hand = root @ middle @ inverse @ pinv
    fitted = transport_map(zero, source, zero, target)
    torch.testing.assert_close(fitted.matrix, hand, rtol=1e-5, atol=1e-6)


def test_drawn_samples_have_the_targets_moments() -> None:
    size, count = 6, 200_000
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(size, 2, generator=generator, dtype=torch.float64)
    source, target = factor @ factor.mT, _covariance(size, 13)
    fitted = transport_map(_mean(size, 3), source, _mean(size, 4), target)
    white = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    moved = fitted(white @ factor.mT + _mean(size, 3), generator=generator)
    bound = 6 * float(target.diagonal().max()) / math.sqrt(count)
    assert float((moved.mean(0) - _mean(size, 4)).abs().max()) < bound
    assert float((torch.cov(moved.mT) - target).abs().max()) < 2 * bound


def test_a_source_without_any_variance_becomes_the_target_by_noise_alone() -> None:
    target = _covariance(4, 14)
    zero = torch.zeros(4).double()
    fitted = transport_map(zero, torch.zeros(4, 4).double(), zero, target)
    assert bool(torch.isfinite(fitted.matrix).all())
    assert fitted.noisy
    torch.testing.assert_close(fitted.noise_root @ fitted.noise_root.mT, target)


def test_maps_are_batched() -> None:
    sources = torch.stack([_covariance(5, 15), _covariance(5, 16)])
    targets = torch.stack([_covariance(5, 17), _covariance(5, 18)])
    zeros = torch.zeros(2, 5).double()
    both = transport_map(zeros, sources, zeros, targets)
    second = transport_map(zeros[1], sources[1], zeros[1], targets[1])
    torch.testing.assert_close(both.matrix[1], second.matrix)
    distances = squared_wasserstein(zeros, sources, zeros, targets)
    assert distances.shape == (2,)
