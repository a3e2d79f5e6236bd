"""Adversarial terms: what discriminator and generator each minimise."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Adversarial:
    """A pair of losses over a discriminator's scores, any shape; each returns a scalar.

    Attributes:
        discriminator: of the scores of real pictures and of generated ones.
        generator: of the scores of generated pictures.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def _least_squares_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    return 0.5 * ((real - 1).square().mean() + generated.square().mean())


def _least_squares_generator(generated: Tensor) -> Tensor:
    return (generated - 1).square().mean()


def _hinge_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + generated).mean())


def _hinge_generator(generated: Tensor) -> Tensor:
    return -generated.mean()


def _logistic_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    return 0.5 * (F.softplus(-real).mean() + F.softplus(generated).mean())


def _nonsaturating_generator(generated: Tensor) -> Tensor:
    return F.softplus(-generated).mean()


def _saturating_generator(generated: Tensor) -> Tensor:
    return -F.softplus(generated).mean()


_LEAST_SQUARES = Adversarial(_least_squares_discriminator, _least_squares_generator)

ADVERSARIAL: dict[str, Adversarial] = {
    "least-squares": _LEAST_SQUARES,
    "lsgan": _LEAST_SQUARES,
    "nonsaturating": Adversarial(_logistic_discriminator, _nonsaturating_generator),
    "vanilla": Adversarial(_logistic_discriminator, _saturating_generator),
    "hinge": Adversarial(_hinge_discriminator, _hinge_generator),
}
"""By name: LSGAN (Mao et al., ICCV 2017), hinge (Lim and Ye, 2017), and the two of Goodfellow et
al. 2014, the minimax game as written (vanilla: the generator minimises log(1 - D)) and with the
generator's -log D (nonsaturating, what CUT's code calls vanilla too). The discriminator's is
halved."""


def r1_penalty(scores: Tensor, real: Tensor) -> Tensor:
    """Squared gradient of a discriminator at real samples (Mescheder et al. 2018).

    E |d v(y) / d y|^2 / 2.

    Args:
        scores: (B, ...) of the discriminator at `real`, one or several a sample.
        real: (B, ...) that required a gradient when the scores were taken.

    Returns:
        Scalar, with a gradient to the discriminator.
    """
    (slope,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
    return 0.5 * slope.square().flatten(1).sum(dim=1).mean()
