"""Divergences between distributions in closed form."""

from torch import Tensor


def kl_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) averaged over all values, in nats.

    1/2 (mean^2 + variance - 1 - log variance) for each value (Kingma, Welling, "Auto-encoding
    variational Bayes", ICLR 2014, appendix B).

    Args:
        mean: (B, C, H, W).
        log_variance: (C,), or anything that broadcasts against (B, H, W, C).

    Returns:
        Scalar, 0 or more.
    """
    # Channels last, so that one variance for each channel broadcasts.
    last = mean.movedim(1, -1)
    return 0.5 * (last.square() + log_variance.exp() - 1 - log_variance).mean()
