"""Whether a faster way of computing gives the same picture, on pictures that would show it."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.engine.backend import Backend
from restore_cli.engine.device import Precision
from restore_cli.engine.tiling import round_up
from restore_cli.networks.base import Network, NetworkInfo

LEAST_PSNR = 55.0
"""dB between two ways of computing; below this they do not agree."""
_BAND = 0.5 / 255
"""The largest step, half of one of 8 bits, between what neighbouring 8x8 px of a flat field or of a
gradient differ by: a shift of the whole field is no band."""
_SIDES = (192, 256)


def probes(info: NetworkInfo) -> list[Tensor]:
    """Fixed pictures on which two ways of computing are compared.

    Returns:
        A scene of waves, edges and noise; a flat field; a gradient. Each (1, 3, H, W) in [0, 1],
        of sides that the network takes.
    """
    height, width = (round_up(side, info.multiple) for side in _SIDES)
    y = torch.linspace(0, 1, height)[:, None]
    x = torch.linspace(0, 1, width)[None]
    waves = 0.5 + 0.2 * torch.sin(300 * x * x) + 0.15 * torch.sin(200 * y * (0.3 + x))
    disc = ((x - 0.6).square() + (y - 0.5).square() < 0.05).float()
    colours = torch.tensor([0.9, 0.6, 0.3]).view(3, 1, 1)
    noise = torch.randn(3, height, width, generator=torch.Generator().manual_seed(0))
    scene = waves * (1 - 0.7 * disc) * colours + 0.3 * disc + 0.03 * noise
    flat = torch.full((3, height, width), 0.4)
    gradient = (0.1 + 0.5 * x + 0.2 * y) * colours
    pictures = [picture.clamp(0, 1)[None] for picture in (scene, flat, gradient)]
    return [_mosaic(p) for p in pictures] if info.input == "mosaic" else pictures


def disagreement(reference: Sequence[Tensor], other: Sequence[Tensor]) -> str:
    """Why the results of `probes` are not the same picture; empty where they are.

    Args:
        reference: (1, 3, H, W) each, as computed in fp32 by torch.
        other: the same of the faster way.
    """
    for index, (expected, found) in enumerate(zip(reference, other, strict=True)):
        if not bool(found.isfinite().all()):
            return "its result is not finite"
        difference = found.clamp(0, 1) - expected.clamp(0, 1)
        error = float(difference.square().mean())
        psnr = -10 * math.log10(error) if error > 0 else math.inf
        if psnr < LEAST_PSNR:
            return f"its result is {psnr:.1f} dB from torch's in fp32, {LEAST_PSNR:g} are wanted"
        # The first one is a scene, in which nobody sees bands.
        if index and _largest_step(F.avg_pool2d(difference, 8)) > _BAND:
            return "its result shows bands"
    return ""


def results(backend: Backend, network: Network, precision: Precision) -> list[Tensor]:
    """What a network makes of each of `probes`, computed by `backend` on the CPU."""
    found: list[Tensor] = []
    with torch.inference_mode():
        for picture in probes(network.info):
            context = backend.context(picture) if network.info.context else None
            found.append(backend(picture, None, context, precision).image)
    return found


def _largest_step(field: Tensor) -> float:
    return max(float(field.diff(dim=dim).abs().max()) for dim in (2, 3))


def _mosaic(picture: Tensor) -> Tensor:
    """Keep one colour at each place, as in `networks.isp`."""
    kept = torch.zeros_like(picture)
    for colour, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        kept[:, colour, row::2, column::2] = picture[:, colour, row::2, column::2]
    return kept
