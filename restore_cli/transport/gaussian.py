"""Optimal transport between two Gaussians: distance, map, and the noise that a map cannot give.

All of it in float64 or whatever comes in, batched over leading dimensions. Square roots are taken
once, of the two covariances; what the formulas say of roots of products is read off singular
values instead, which keeps the digits that squaring and rooting again would lose.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

RANK_TOLERANCE = 1e-12
"""Eigenvalues below this share of the largest count as zero: rounding, not variance."""


def sqrtm(covariance: Tensor) -> Tensor:
    """The positive semi-definite square root, by eigendecomposition.

    Args:
        covariance: (..., D, D), symmetric, positive semi-definite up to rounding.

    Returns:
        (..., D, D), symmetric; its square is `covariance`.
    """
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt().unsqueeze(-2)) @ vectors.mT


def squared_wasserstein(
    mean_a: Tensor, covariance_a: Tensor, mean_b: Tensor, covariance_b: Tensor
) -> Tensor:
    """Squared 2-Wasserstein distance of N(mean_a, covariance_a) and N(mean_b, covariance_b).

    |m_a - m_b|^2 + tr(A + B - 2 (B^1/2 A B^1/2)^1/2) (Gelbrich 1990; Dowson, Landau 1982). The
    last trace is the sum of the singular values of A^1/2 B^1/2.

    Args:
        mean_a: (..., D).
        covariance_a: (..., D, D), positive semi-definite.
        mean_b: (..., D).
        covariance_b: (..., D, D), positive semi-definite.

    Returns:
        (...), 0 or more.
    """
    product = sqrtm(covariance_a) @ sqrtm(covariance_b)
    traces = sum(c.diagonal(dim1=-2, dim2=-1).sum(-1) for c in (covariance_a, covariance_b))
    shape = traces - 2 * torch.linalg.svdvals(product).sum(-1)
    # Of equal Gaussians rounding can leave a little less than nothing.
    return (mean_a - mean_b).square().sum(-1) + shape.clamp(min=0)


@dataclass(frozen=True, slots=True)
class GaussianMap:
    """x' = matrix (x - source_mean) + target_mean + noise_root e, with e standard normal.

    Attributes:
        matrix: (..., D, D).
        source_mean: (..., D).
        target_mean: (..., D).
        noise_root: (..., D, D), a root of the covariance that the target has where the source has
            none: noise_root noise_root^T. Zero for a source of full rank.
        noisy: whether it is not.
    """

    matrix: Tensor
    source_mean: Tensor
    target_mean: Tensor
    noise_root: Tensor
    noisy: bool

    @property
    def offset(self) -> Tensor:
        """(..., D): what is added to matrix x."""
        return self.target_mean - (self.matrix @ self.source_mean.unsqueeze(-1)).squeeze(-1)

    def __call__(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Map samples (..., N, D) to the same shape; with missing covariance, noise is drawn."""
        mapped = x @ self.matrix.mT + self.offset.unsqueeze(-2)
        if not self.noisy:
            return mapped
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        return mapped + noise @ self.noise_root.mT


def transport_map(
    source_mean: Tensor,
    source_covariance: Tensor,
    target_mean: Tensor,
    target_covariance: Tensor,
    *,
    tolerance: float = RANK_TOLERANCE,
) -> GaussianMap:
    """The optimal transport of one Gaussian to another, whatever their ranks.

    With A = S^1/2 (source), B = T^1/2 (target) and the singular values B A = U s V^T, the
    coupling of least cost has the cross-covariance B U V^T A, so

        matrix = B U V^T A^+        noise covariance = B (I - U U^T) B

    with U, V cut to the rank of B A. For a source of full rank this is the well-known
    S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2 without noise; for a singular one the pseudo-inverse form of
    Freirich, Michaeli, Meir (NeurIPS 2021), eq. 19, here for singular targets as well.

    Args:
        source_mean: (..., D).
        source_covariance: (..., D, D), positive semi-definite.
        target_mean: (..., D).
        target_covariance: (..., D, D), positive semi-definite.
        tolerance: eigenvalues below this share of the largest count as zero.

    Returns:
        The map.
    """
    values, vectors = torch.linalg.eigh(source_covariance)
    values = values.clamp(min=0)
    kept = values > tolerance * values.amax(-1, keepdim=True)
    roots = torch.where(kept, values, 0).sqrt()
    inverses = torch.where(kept, roots, 1).reciprocal() * kept
    root = (vectors * roots.unsqueeze(-2)) @ vectors.mT
    inverse = (vectors * inverses.unsqueeze(-2)) @ vectors.mT
    target_root = sqrtm(target_covariance)
    u, s, vh = torch.linalg.svd(target_root @ root)
    shared = (s > tolerance**0.5 * s.amax(-1, keepdim=True)).to(s.dtype).unsqueeze(-2)
    matrix = target_root @ (u * shared) @ vh @ inverse
    # B (I - U U^T) B = R R^T with R = B times the columns of U that are left out.
    noise_root = target_root @ (u * (1 - shared))
    # A target that lacks these directions too misses nothing there.
    missing = noise_root.square().sum((-2, -1))
    scale = target_covariance.diagonal(dim1=-2, dim2=-1).sum(-1)
    noisy = bool((missing > tolerance * scale).any())
    return GaussianMap(matrix, source_mean, target_mean, noise_root * float(noisy), noisy)
