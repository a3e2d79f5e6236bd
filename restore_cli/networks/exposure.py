"""How much light there is in a picture, and how it looks with more."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.images.color import linear_to_srgb, srgb_to_linear

_BRIGHTEST = 8.0  # EV that a meter asks for at most
_STEP = 0.25


def relit(image: Tensor, stops: Tensor) -> Tensor:
    """Pictures with more light: a gain in linear light, clipped at white.

    Args:
        image: (B, 3, H, W), sRGB in [0, 1].
        stops: (B,), how much more, EV.

    Returns:
        (B, 3, H, W), sRGB in [0, 1].
    """
    # Not exp2, which OpenVINO has no rule for.
    gain = torch.exp(math.log(2) * stops.float())[:, None, None, None]
    light = srgb_to_linear(image.float().clamp(0, 1)) * gain
    return linear_to_srgb(light.clamp(max=1.0)).to(image.dtype)


def metered_stops(shares: Tensor, brightness: float) -> Tensor:
    """How much more light a meter asks for.

    Args:
        shares: (B, bins), how often each brightness occurs: squares of what `histogram` returns,
            or their means over patches.
        brightness: mean sRGB value that the lit picture shall have, 0 to 1; that of the 18 % grey
            which cameras' meters take the world for is 0.46.

    Returns:
        (B,), EV, 0 to 8; 0 for pictures that are as bright or brighter.
    """
    centres = torch.linspace(0, 1, shares.shape[1], device=shares.device).square()
    grid = torch.arange(0, _BRIGHTEST + _STEP, _STEP, device=shares.device)
    lit = relit(centres.expand(len(grid), 1, 1, -1).expand(-1, 3, -1, -1), grid)[:, 0, 0]
    means = (shares.float()[:, None] * lit).sum(dim=2)  # a matrix product may be in bf16
    # Means grow with the light: each step counts as far as they have not passed the brightness.
    part = (brightness - means[:, :-1]) / (means[:, 1:] - means[:, :-1]).clamp(min=1e-6)
    return _STEP * part.clamp(0, 1).sum(dim=1)


def histogram(image: Tensor, bins: int) -> Tensor:
    """How often each brightness occurs.

    Over squares of 4 px, whose mean noise moves little; bins are narrow in the shadows, since they
    are even in the root of the sRGB value. A value between two centres counts for both.

    Args:
        image: (B, 3, H, W), sRGB in [0, 1].
        bins: 2 or more.

    Returns:
        (B, bins) float32, square roots of shares: the squares sum to 1.
    """
    side = min(4, *image.shape[2:])
    light = F.avg_pool2d(image.float(), side).mean(dim=1).clamp(0, 1).sqrt().flatten(1)
    centres = torch.linspace(0, 1, bins, device=image.device)
    near = (1 - (light[:, :, None] - centres).abs() * (bins - 1)).clamp(min=0)
    return near.mean(dim=1).sqrt()
