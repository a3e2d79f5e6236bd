"""Gradient descent on matrices with orthonormal columns."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from restore_cli.training.group_optimizer import GroupOptimizer

_SHORTEST = 1e-12  # of a gradient: a step of zero stays one
_ITERATIONS = 12
"""Of the polar iteration: quadratic near the end; from singular values of 0.1 it needs eight."""


class Stiefel(GroupOptimizer):
    """Gradient descent on the Stiefel manifold (ODCR, Wang et al., CVPR 2024).

    With D the Euclidean gradient at Theta, a step goes along the Riemannian one and comes back by
    polar retraction:

        grad = D - 1/2 Theta Theta^T D - 1/2 Theta D^T Theta        Xi = -lr grad
        Theta <- (Theta + Xi) (I + Xi^T Xi)^(-1/2)

    The retraction is the polar factor of Theta + Xi, the same for an exact Theta; it also takes
    rounding errors back. Wide matrices are moved transposed.

    With `betas` the step has the momentum and the length of a Riemannian Adam (Becigneul, Ganea,
    ICLR 2019; on this manifold Li et al., ICLR 2020, each matrix with one second moment): plain
    steps are as long as the gradient, and those of contrastive heads hardly move them.

        M <- b1 M + (1 - b1) grad       v <- b2 v + (1 - b2) |grad|^2 / columns
        Xi = -lr M^ / sqrt(v^), M^ and v^ corrected for their start; M is projected to the new Theta

    so that lr is about the angle, in radians, by which a column turns.

    A tensor `found_inf` (0 or 1), as torch's fused optimisers read it, leaves the step out where
    it is 1.

    Args:
        params: matrices with orthonormal columns, or rows where they are wide.
        lr: gamma, times `scale`.
        scale: of `lr`, so that a schedule made for other modules can be shared.
        betas: of the two moments; None takes plain steps.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float = 1e-2,
        scale: float = 1.0,
        betas: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(params, {"lr": lr, "scale": scale, "betas": betas})

    def move(self, group: dict[str, Any]) -> None:
        """See `GroupOptimizer`."""
        rate: float = group["lr"] * group["scale"]
        parameters: list[Any] = group["params"]
        for parameter in parameters:
            if parameter.grad is not None:
                self._move(parameter, rate, group["betas"])

    def _move(self, parameter: Tensor, rate: float, betas: tuple[float, float] | None) -> None:
        assert parameter.grad is not None
        wide = parameter.shape[0] < parameter.shape[1]
        theta, euclid = (t.mT if wide else t for t in (parameter, parameter.grad))
        slope = _tangent(theta, euclid)
        fresh: dict[str, Tensor] = {}
        if betas is not None:
            slope, fresh = self._adapted(parameter, slope, betas)
        moved = polar_factor(theta - rate * slope)
        if "mean" in fresh:
            fresh["mean"] = _tangent(moved, fresh["mean"])
        self._keep(parameter, moved.mT if wide else moved)
        for name, value in fresh.items():
            self._keep(self.state[parameter][name], value)

    def _adapted(
        self, parameter: Tensor, slope: Tensor, betas: tuple[float, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The direction of Adam, and its new moments; those of a step left out are not kept."""
        state = self.state[parameter]
        if not state:
            state["step"] = slope.new_zeros(())
            state["mean"], state["square"] = torch.zeros_like(slope), slope.new_zeros(())
        first, second = betas
        step = state["step"] + 1
        mean = torch.lerp(slope, state["mean"], first)
        square = torch.lerp(slope.square().sum() / slope.shape[1], state["square"], second)
        length = (square / (1 - second**step)).sqrt().clamp(min=_SHORTEST)
        direction = mean / (1 - first**step) / length
        return direction, {"step": step, "mean": mean, "square": square}

    def _keep(self, place: Tensor, value: Tensor) -> None:
        if self.found_inf is not None:
            value = torch.where(self.found_inf > 0, place, value)
        place.copy_(value)


def _tangent(theta: Tensor, euclid: Tensor) -> Tensor:
    """A gradient (R, C) as the paper projects it to the manifold at theta."""
    return euclid - 0.5 * theta @ (theta.mT @ euclid + euclid.mT @ theta)


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
