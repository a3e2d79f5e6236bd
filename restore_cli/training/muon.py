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
# Steps of the iteration on each new X X^T. In bf16 rounding makes eigenvalues near 0 a little
# negative, and a step makes them 12 times that: still little after three, far too much after five.
# In fp32 five are 3e-4 from the published iteration at the worst.
_STEPS, _STEPS_IN_BF16 = (5,), (2, 3)
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
        keep = self.found_inf
        if keep is not None and keep.device.type == "cpu":
            if keep:  # read at no cost here, and no copies are needed to go back
                return
            keep = None
        if not parameters:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        averages = [self._average(p) for p in parameters]
        if keep is not None:
            gradients = [torch.where(keep > 0, torch.zeros_like(g), g) for g in gradients]
        before = [a.clone() for a in averages] if keep is not None else averages
        foreach.decay_and_add_(averages, group["momentum"], gradients)
        updates = foreach.added(gradients, averages, alpha=group["momentum"])
        norms = torch.stack(foreach.norms(updates))
        sizes = self._sizes(parameters, gradients, norms, keep)
        rate, decay = group["lr"], group["lr"] * group["weight_decay"]
        if keep is not None:
            for average, old in zip(averages, before, strict=True):
                average.copy_(torch.where(keep > 0, old, average))
        go = 1.0 if keep is None else 1 - keep
        if decay:
            foreach.multiply_(parameters, 1 - decay * go)
        for (rows, columns), members in _of_one_shape(parameters).items():
            half = self._half and min(rows, columns) >= _LEAST_IN_BF16
            stacked = _stacked([updates[i] for i in members], columns, half=half)
            factors = -rate * 0.2 * math.sqrt(max(rows, columns)) * go * sizes[members]
            moves = orthogonalise(stacked, norms=norms[members], factors=factors)
            for i, move in zip(members, moves, strict=True):
                inputs_last = parameters[i].movedim(1, -1)
                inputs_last.add_(move.reshape(inputs_last.shape))

    def _sizes(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        norms: Tensor,
        keep: Tensor | None,
    ) -> Tensor:
        """The share of a full step that each update makes, (N,), by their norms (N,)."""
        squares = torch.stack(foreach.norms(gradients)).square()
        states: list[dict[str, Any]] = [self.state[parameter] for parameter in parameters]
        before = torch.stack(
            [s.get("usual", square) for s, square in zip(states, squares, strict=True)]
        )
        usual = before.lerp(squares, 1 - _USUAL)
        if keep is not None:
            usual = torch.where(keep > 0, before, usual)
        for state, value in zip(states, usual.unbind(), strict=True):
            state["usual"] = value
        return (norms / (_SMALL * usual.sqrt()).clamp(min=1e-30)).clamp(max=1.0)

    def _average(self, parameter: Tensor) -> Tensor:
        state: dict[str, Any] = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        return state["momentum"]


def _of_one_shape(parameters: list[Tensor]) -> dict[tuple[int, int], list[int]]:
    """Where the parameters of each shape of matrices (rows, columns) stand in the list."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, parameter in enumerate(parameters):
        rows = parameter.shape[0]
        groups[rows, parameter.numel() // rows].append(index)
    return groups


def _stacked(updates: list[Tensor], columns: int, *, half: bool) -> Tensor:
    """Matrices (N, R, C) of updates, in bf16 if asked for, copied once.

    A convolution's inputs are its matrix's last columns: so weights lie in memory (channels last),
    and the order of columns is nothing to a matrix that is orthogonalised.
    """
    first = updates[0]
    shape = (len(updates), first.shape[0], columns)
    found = first.new_empty(shape, dtype=torch.bfloat16 if half else first.dtype)
    for place, update in zip(found, updates, strict=True):
        inputs_last = update.movedim(1, -1)
        place.view(inputs_last.shape).copy_(inputs_last)
    return found


def orthogonalise(
    matrices: Tensor, *, norms: Tensor | None = None, factors: Tensor | None = None
) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly: singular values end within about [0.7, 1.2].

    Newton-Schulz iteration on each matrix X scaled to Frobenius norm 1, X <- p(X X^T) X with
    p(G) = a I + b G + c G^2. Polynomials of one G commute, so X X^T follows without X: G <- p G p.
    So a few steps are products of the small matrices, and X is multiplied by what they come to.

    Args:
        matrices: (..., R, C), computed in their own format.
        norms: (...), their Frobenius norms where they are known.
        factors: (...), of the result; None is 1.

    Returns:
        (..., R, C).
    """
    sizes: Tensor = torch.linalg.matrix_norm(matrices) if norms is None else norms
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = (matrices.mT if tall else matrices).reshape(-1, *sorted(matrices.shape[-2:]))
    x = x * (1 / (sizes.reshape(-1, 1, 1) + 1e-7)).to(x.dtype)
    parts = _STEPS_IN_BF16 if x.dtype == torch.bfloat16 else _STEPS
    for part, steps in enumerate(parts, start=1):
        gram = x @ x.mT
        product = polynomial = _polynomial(gram)
        for _ in range(steps - 1):
            gram = polynomial @ (gram @ polynomial)
            polynomial = _polynomial(gram)
            product = polynomial @ product
        if part == len(parts) and factors is not None:
            product = product * factors.reshape(-1, 1, 1).to(x.dtype)  # smaller than the result
        x = product @ x
    x = x.reshape(*matrices.shape[:-2], *x.shape[-2:])
    return x.mT if tall else x


def _polynomial(gram: Tensor) -> Tensor:
    a, b, c = _NEWTON_SCHULZ
    found = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
    found.diagonal(dim1=-2, dim2=-1).add_(a)
    return found
