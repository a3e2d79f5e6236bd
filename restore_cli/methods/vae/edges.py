"""The edges of a picture, whatever its brightness, as a loss."""

from torch import Tensor
from torch.nn import functional as F


def gradient_l1(output: Tensor, target: Tensor, *, scales: int = 3) -> Tensor:
    """Mean absolute difference of finite differences, averaged over a pyramid of halved sizes.

    At each scale |d(output) - d(target)| along x and along y, d(u) = u[i + 1] - u[i]; the next
    scale is the mean of 2x2 px. A pixel loss counts a lost edge as little as a slight shift of a
    wide area; here it is the edge that counts (the gradient difference loss of Mathieu, Couprie,
    LeCun, ICLR 2016, with signs kept).

    Args:
        output: (B, C, H, W).
        target: the same shape.
        scales: levels of the pyramid, 1 or more; those under 2 px are left out.

    Returns:
        Scalar; 0 where the two differ by a constant for each channel.

    Raises:
        ValueError: the shapes differ, there is no scale, or a side is under 2 px.
    """
    if output.shape != target.shape:
        raise ValueError(f"shapes differ: {tuple(output.shape)} and {tuple(target.shape)}")
    if scales < 1 or min(output.shape[-2:]) < 2:
        raise ValueError("it needs one scale or more, and pictures of 2 px or more on each side")
    # Differences are linear: one pyramid of the error does for both pictures.
    error = output - target
    levels: list[Tensor] = []
    while len(levels) < scales and min(error.shape[-2:]) >= 2:
        across = (error[..., :, 1:] - error[..., :, :-1]).abs().mean()
        down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
        levels.append((across + down) / 2)
        error = F.avg_pool2d(error, 2)
    return sum(levels[1:], levels[0]) / len(levels)
