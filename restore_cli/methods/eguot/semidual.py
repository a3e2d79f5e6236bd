"""Unbalanced optimal transport in its semi-dual form: entropy conjugates, and the two losses.

Choi, Choi, Kang, "Generative Modeling through the Semi-dual Formulation of Unbalanced Optimal
Transport" (UOTM), NeurIPS 2023; used for ISP learning by Perevozchikov et al. 2025 (EGUOT).
"""

import math
from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

Conjugate = Callable[[Tensor], Tensor]


def softplus(s: Tensor) -> Tensor:
    """2 log(1 + e^s) - 2 log 2: grows at most like 2 s, and discounts what lies far below 0."""
    return 2 * F.softplus(s) - 2 * math.log(2)


def kullback_leibler(s: Tensor) -> Tensor:
    """e^s - 1, of the KL divergence; overflows where s is large (from 89 on in float32)."""
    return s.expm1()


def identity(s: Tensor) -> Tensor:
    """The argument itself: no mass may be left out, balanced optimal transport."""
    return s


CONJUGATES: dict[str, Conjugate] = {
    "softplus": softplus,
    "kl": kullback_leibler,
    "identity": identity,
}
"""Psi* by name: convex, not decreasing, Psi*(0) = 0, Psi*'(0) = 1."""


def potential_loss(
    made: Tensor,
    real: Tensor,
    cost: Tensor,
    *,
    source: Conjugate = softplus,
    target: Conjugate = softplus,
) -> Tensor:
    """What the potential v minimises: E Psi1*(v(T(x)) - c(x, T(x))) + E Psi2*(-v(y)).

    Args:
        made: (B,) potential of mapped samples, v(T(x)).
        real: (N,) potential of samples of the target, v(y).
        cost: (B,) c(x, T(x)); takes no gradient here.
        source: Psi1*, slack on the source side.
        target: Psi2*, slack on the target side: what discounts outliers there.

    Returns:
        Scalar.
    """
    return source(made - cost.detach()).mean() + target(-real).mean()


def map_loss(made: Tensor, cost: Tensor) -> Tensor:
    """What the map T minimises: E [c(x, T(x)) - v(T(x))].

    Args:
        made: (B,) potential of mapped samples, v(T(x)).
        cost: (B,) c(x, T(x)).

    Returns:
        Scalar.
    """
    return (cost - made).mean()
