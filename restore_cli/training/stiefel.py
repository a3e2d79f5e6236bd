"""Gradient descent on matrices with orthonormal columns."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_ITERATIONS = 12
"""Of the polar iteration: quadratic near the end; from singular values of 0.1 it needs eight."""


class Stiefel(torch.optim.Optimizer):
    """Gradient descent on the Stiefel manifold (ODCR, Wang et al., CVPR 2024).

    With D the Euclidean gradient at Theta, a step goes along the Riemannian one and comes back by
    polar retraction:

        grad = D - 1/2 Theta Theta^T D - 1/2 Theta D^T Theta        Xi = -lr grad
        Theta <- (Theta + Xi) (I + Xi^T Xi)^(-1/2)

    The retraction is the polar factor of Theta + Xi, the same for an exact Theta; it also takes
    rounding errors back. Wide matrices are moved transposed.

    A tensor `found_inf` (0 or 1), as torch's fused optimisers read it, leaves the step out where
    it is 1.

    Args:
        params: matrices with orthonormal columns, or rows where they are wide.
        lr: gamma, times `scale`.
        scale: of `lr`, so that a schedule made for other modules can be shared.
    """

    _step_supports_amp_scaling = True  # torch's name for: reads `found_inf`
    found_inf: Tensor | None = None

    def __init__(self, params: Iterable[Tensor], *, lr: float = 1e-2, scale: float = 1.0) -> None:
        super().__init__(params, {"lr": lr, "scale": scale})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step; `closure` as in torch.optim."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rate: float = group["lr"] * group["scale"]
            parameters: list[Any] = group["params"]
            for parameter in parameters:
                if parameter.grad is not None:
                    self._move(parameter, rate)
        return loss

    def _move(self, parameter: Tensor, rate: float) -> None:
        assert parameter.grad is not None
        wide = parameter.shape[0] < parameter.shape[1]
        theta, euclid = (t.mT if wide else t for t in (parameter, parameter.grad))
        inner = 0.5 * theta @ (theta.mT @ euclid + euclid.mT @ theta)
        moved = polar_factor(theta - rate * (euclid - inner))
        moved = moved.mT if wide else moved
        if self.found_inf is not None:
            moved = torch.where(self.found_inf > 0, parameter, moved)
        parameter.copy_(moved)


def polar_factor(matrix: Tensor) -> Tensor:
    """The nearest matrix with orthonormal columns, M (M^T M)^(-1/2), by Newton-Schulz steps.

    Matrix products only, in the matrix's own format: no eigendecomposition, which on a GPU takes
    longer than the rest of the step. Exact to rounding where all singular values are above about
    a tenth of the largest; steps on the manifold start at singular values of one or more.

    Args:
        matrix: (..., R, C), R >= C, of full rank.

    Returns:
        (..., R, C).
    """
    # Newton-Schulz converges from singular values below sqrt(3): the bound by the 1- and
    # infinity-norms brings them there, and keeps those of a small step at about one.
    absolute = matrix.abs()
    bound = (absolute.sum(dim=-1).amax(dim=-1) * absolute.sum(dim=-2).amax(dim=-1)).sqrt()
    gram = matrix.mT @ matrix
    exact = gram.abs().sum(dim=-1).amax(dim=-1).sqrt()  # another bound, tight where M^T M ~ I
    x = matrix / torch.minimum(bound, exact)[..., None, None]
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    for _ in range(_ITERATIONS):
        x = x @ (1.5 * identity - 0.5 * (x.mT @ x))
    return x
