"""Adversarial terms: what a critic and the network it judges each minimise."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Adversarial:
    """A pair of losses over a critic's scores, any shape; each returns a scalar.

    Attributes:
        critic: of the scores of real pictures and of made ones.
        maker: of the scores of made pictures.
    """

    critic: Callable[[Tensor, Tensor], Tensor]
    maker: Callable[[Tensor], Tensor]


def _least_squares_critic(real: Tensor, made: Tensor) -> Tensor:
    return 0.5 * ((real - 1).square().mean() + made.square().mean())


def _least_squares_maker(made: Tensor) -> Tensor:
    return (made - 1).square().mean()


def _hinge_critic(real: Tensor, made: Tensor) -> Tensor:
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + made).mean())


def _hinge_maker(made: Tensor) -> Tensor:
    return -made.mean()


ADVERSARIAL: dict[str, Adversarial] = {
    "least-squares": Adversarial(_least_squares_critic, _least_squares_maker),
    "hinge": Adversarial(_hinge_critic, _hinge_maker),
}
"""By name: LSGAN (Mao et al., ICCV 2017) and hinge (Lim and Ye, 2017), critic's halved."""


def r1_penalty(scores: Tensor, real: Tensor) -> Tensor:
    """Squared gradient of a critic at real samples, E |d v(y) / d y|^2 / 2 (Mescheder et al. 2018).

    Args:
        scores: (B, ...) of the critic at `real`, one or several a sample.
        real: (B, ...) that required a gradient when the scores were taken.

    Returns:
        Scalar, with a gradient to the critic.
    """
    (slope,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
    return 0.5 * slope.square().flatten(1).sum(dim=1).mean()
