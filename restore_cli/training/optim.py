"""Optimisers by name, and the learning-rate schedules."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from restore_cli.networks.blocks import OrthogonalLinear
from restore_cli.recipe import OptimSection

_NEWTON_SCHULZ = (
    3.4445,
    -4.7750,
    2.0315,
)  # Jordan 2024: fast, rough convergence to singular values 1


class Muon(torch.optim.Optimizer):
    """Momentum whose matrix is orthogonalised before each step (Jordan et al. 2024).

    For convolutions and linear maps inside a network; a weight (O, I, k, k) counts as the matrix
    (O, I k k). torch has a Muon for two-dimensional parameters only, and only in recent releases,
    so it stands here. The step is scaled by 0.2 sqrt(max(rows, columns)), so that learning rates
    mean the same as for AdamW (Liu et al., "Muon is scalable", 2025).

    Args:
        params: parameters with two or more dimensions.
        lr: learning rate.
        momentum: of the Nesterov average.
        weight_decay: decoupled, as in AdamW.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float = 2e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step; `closure` as in torch.optim."""
        loss = _evaluated(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state: dict[str, Any] = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                average: Tensor = state["momentum"]
                average.mul_(group["momentum"]).add_(parameter.grad)
                update = parameter.grad.add(average, alpha=group["momentum"])
                matrix = orthogonalise(update.reshape(update.shape[0], -1))
                scale = 0.2 * math.sqrt(max(matrix.shape))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(matrix.reshape(update.shape), alpha=-group["lr"] * scale)
        return loss


class Stiefel(torch.optim.Optimizer):
    """Gradient descent on matrices with orthonormal columns (ODCR, Wang et al., CVPR 2024).

    With D the Euclidean gradient at Theta, a step goes along the Riemannian one and comes back by
    polar retraction:

        grad = D - 1/2 Theta Theta^T D - 1/2 Theta D^T Theta        Xi = -lr grad
        Theta <- (Theta + Xi) (I + Xi^T Xi)^(-1/2)

    The root is taken of (Theta + Xi)^T (Theta + Xi), which is the same for an exact Theta and
    otherwise also takes rounding errors back. Wide matrices are moved transposed.

    Args:
        params: matrices with orthonormal columns, or rows where they are wide.
        lr: gamma, times `scale`.
        scale: of `lr`, so that a schedule made for other players can be shared.
    """

    def __init__(self, params: Iterable[Tensor], *, lr: float = 1e-2, scale: float = 1.0) -> None:
        super().__init__(params, {"lr": lr, "scale": scale})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step; `closure` as in torch.optim."""
        loss = _evaluated(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                wide = parameter.shape[0] < parameter.shape[1]
                theta, euclid = (t.T if wide else t for t in (parameter, parameter.grad))
                theta, euclid = theta.double(), euclid.double()
                inner = 0.5 * theta @ (theta.T @ euclid + euclid.T @ theta)
                moved = theta - group["lr"] * group["scale"] * (euclid - inner)
                values, vectors = torch.linalg.eigh(moved.T @ moved)
                moved = moved @ (vectors * values.rsqrt()) @ vectors.T
                parameter.copy_(moved.T if wide else moved)
        return loss


def _evaluated(closure: Callable[[], float] | None) -> float | None:
    """What torch.optim does with the argument of `step`."""
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrix, roughly: singular values end within about [0.7, 1.2].

    Newton-Schulz iteration on the matrix scaled to Frobenius norm 1.

    Args:
        matrix: (R, C).
        steps: iterations.

    Returns:
        (R, C).
    """
    a, b, c = _NEWTON_SCHULZ
    x = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def build_optimizers(network: nn.Module, settings: OptimSection) -> list[torch.optim.Optimizer]:
    """The optimisers of one network: AdamW for all, or Muon for its inner matrices, AdamW else.

    Orthogonal layers move on the Stiefel manifold, always. With "muon", layers whose weight has
    three or four channels on a side (picture in, picture out), biases and scales stay with AdamW,
    as its authors advise.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    bound = [m.weight for m in network.modules() if isinstance(m, OrthogonalLinear)]
    taken = {id(p) for p in bound}
    inner = [
        p
        for p in parameters
        if settings.optimizer == "muon" and _is_inner(p) and id(p) not in taken
    ]
    taken |= {id(p) for p in inner}
    rest = [p for p in parameters if id(p) not in taken]
    optimizers: list[torch.optim.Optimizer] = []
    if bound:
        scale = settings.stiefel_lr / settings.lr
        optimizers.append(Stiefel(bound, lr=settings.lr, scale=scale))
    if inner:
        optimizers.append(Muon(inner, lr=settings.lr, weight_decay=settings.weight_decay))
    if rest:
        optimizers.append(
            torch.optim.AdamW(
                rest, lr=settings.lr, weight_decay=settings.weight_decay, betas=settings.betas
            )
        )
    return optimizers


def learning_rate(step: int, settings: OptimSection) -> float:
    """Learning rate of step 0 .. steps - 1: linear warm-up, then the recipe's schedule."""
    if step < settings.warmup:
        return settings.lr * (step + 1) / settings.warmup
    if settings.schedule == "cosine":
        progress = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
        return settings.lr * 0.5 * (1 + math.cos(math.pi * progress))
    left = settings.steps - step
    return settings.lr * min(1.0, left / max(1, settings.cooldown))


def _is_inner(parameter: Tensor) -> bool:
    return parameter.ndim >= 2 and min(parameter.shape[:2]) > 4
