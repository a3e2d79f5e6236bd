"""Muon: momentum whose matrix is orthogonalised before each step."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from restore_cli.training import foreach
from restore_cli.training.group_optimizer import GroupOptimizer

# Jordan 2024: fast, rough convergence to singular values 1.
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_LEAST_IN_BF16 = 64  # rows; converting smaller ones costs what their products save
_USUAL = 0.999  # of the running mean of squared gradient norms
_SMALL = 0.1  # of the usual norm: below it the step shrinks with the update


class Muon(GroupOptimizer):
    """Momentum whose matrix is orthogonalised before each step (Jordan et al. 2024).

    For convolutions and linear maps inside a network; a weight (O, I, k, k) counts as the matrix
    (O, I k k). torch has a Muon for two-dimensional parameters only, and only in recent releases,
    so it stands here. The step is scaled by 0.2 sqrt(max(rows, columns)), so that learning rates
    mean the same as for AdamW (Liu et al., "Muon is scalable", 2025). Matrices of one shape are
    orthogonalised together: a network has many layers and few shapes.

    Orthogonalising forgets how large an update was. One that is small beside the usual gradients
    of its matrix (ours: below a tenth of their root mean square) therefore makes a step that is as
    much smaller: where a gradient vanishes (behind a rectifier that has just died), full steps
    would go on in its last direction for hundreds of steps.

    A tensor `found_inf` (0 or 1, on the parameters' device), as torch's fused optimisers read it,
    leaves the step out where it is 1, without waiting for the device.

    Args:
        params: parameters with two or more dimensions.
        lr: learning rate.
        momentum: of the Nesterov average.
        weight_decay: decoupled, as in AdamW.
        half: orthogonalise larger matrices in bf16, as its author does; momentum and weights stay
            as they are.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float = 2e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        half: bool = False,
    ) -> None:
        self._half = half
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def move(self, group: dict[str, Any]) -> None:
        """See `GroupOptimizer`."""
        parameters: list[Tensor] = [p for p in group["params"] if p.grad is not None]
        if not parameters:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        averages = [self._average(p) for p in parameters]
        keep = self.found_inf
        if keep is not None:
            gradients = [torch.where(keep > 0, torch.zeros_like(g), g) for g in gradients]
        before = [a.clone() for a in averages] if keep is not None else averages
        foreach.multiply_(averages, group["momentum"])
        foreach.add_(averages, gradients)
        updates = foreach.added(gradients, averages, alpha=group["momentum"])
        sizes = self._sizes(parameters, gradients, updates)
        rate, decay = group["lr"], group["lr"] * group["weight_decay"]
        if keep is not None:
            for average, old in zip(averages, before, strict=True):
                average.copy_(torch.where(keep > 0, old, average))
        go = 1.0 if keep is None else 1 - keep
        if decay:
            foreach.multiply_(parameters, 1 - decay * go)
        for matrices in _of_one_shape(parameters, updates, sizes):
            stacked = torch.stack([update for _, update, _ in matrices])
            half = self._half and min(stacked.shape[1:]) >= _LEAST_IN_BF16
            moved = orthogonalise(stacked.bfloat16()).float() if half else orthogonalise(stacked)
            scale = 0.2 * math.sqrt(max(moved.shape[1:]))
            factors = torch.stack([size for _, _, size in matrices])[:, None, None]
            moved = moved * (-rate * scale * go * factors)
            for (parameter, _, _), matrix in zip(matrices, moved, strict=True):
                parameter.add_(matrix.reshape(parameter.shape))

    def _sizes(
        self, parameters: list[Tensor], gradients: list[Tensor], updates: list[Tensor]
    ) -> list[Tensor]:
        """The share of a full step that each update makes, () each."""
        sizes: list[Tensor] = []
        for parameter, gradient, update in zip(
            parameters, foreach.norms(gradients), foreach.norms(updates), strict=True
        ):
            state: dict[str, Any] = self.state[parameter]
            usual = state.get("usual")
            square = gradient.square()
            known = square.clone() if usual is None else usual.lerp(square, 1 - _USUAL)
            if usual is not None and self.found_inf is not None:
                known = torch.where(self.found_inf > 0, usual, known)
            state["usual"] = known
            bound = _SMALL * state["usual"].sqrt()
            sizes.append((update / bound.clamp(min=1e-30)).clamp(max=1.0))
        return sizes

    def _average(self, parameter: Tensor) -> Tensor:
        state: dict[str, Any] = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        return state["momentum"]


def _of_one_shape(
    parameters: list[Tensor], updates: Iterable[Tensor], sizes: Iterable[Tensor]
) -> Iterable[list[tuple[Tensor, Tensor, Tensor]]]:
    """Parameters, their updates as matrices, and sizes; one list for each shape of the matrices."""
    groups: dict[tuple[int, int], list[tuple[Tensor, Tensor, Tensor]]] = defaultdict(list)
    for parameter, update, size in zip(parameters, updates, sizes, strict=True):
        matrix = update.reshape(update.shape[0], -1)
        groups[matrix.shape[0], matrix.shape[1]].append((parameter, matrix, size))
    return groups.values()


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly: singular values end within about [0.7, 1.2].

    Newton-Schulz iteration on each matrix scaled to Frobenius norm 1.

    Args:
        matrices: (..., R, C).
        steps: iterations.

    Returns:
        (..., R, C).
    """
    a, b, c = _NEWTON_SCHULZ
    x = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = (x.mT if tall else x).reshape(-1, *sorted(x.shape[-2:]))
    for _ in range(steps):
        # x <- a x + (b G + c G^2) x with G = x x^T: sums and products in one kernel each.
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    x = x.reshape(*matrices.shape[:-2], *x.shape[-2:])
    return x.mT if tall else x
