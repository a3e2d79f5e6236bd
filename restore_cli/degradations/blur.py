"""Blur by a moving camera and by a lens out of focus, in linear light."""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from restore_cli.degradations.change import Change, Planned
from restore_cli.degradations.filters import convolved
from restore_cli.degradations.planes import drawn
from restore_cli.degradations.sample import (
    Moments,
    Range,
    Sample,
    check_options,
    log_uniform,
    measure,
)
from restore_cli.images.color import linear_to_srgb, srgb_to_linear

Kernel = npt.NDArray[np.float32]
_MOMENTS = 400  # points of a trajectory


@dataclass(frozen=True, kw_only=True)
class _Blur(Planned):
    """What every blur has.

    Attributes:
        glow: range of how much brighter than white the brightest places truly are, as a factor,
            drawn log-uniformly; lamps then leave streaks and discs, as in real photos where they
            were clipped.
        probability: how often it happens; the rest passes unchanged.
    """

    glow: Range = (1.0, 2.0)
    probability: float = 1.0

    def __post_init__(self) -> None:
        positive = [name for name in vars(self) if name in ("extent", "radius", "edge", "glow")]
        check_options(vars(self), positive=positive)

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Blur `sample.image`, clipped to [0, 1]."""
        if rng.uniform() >= self.probability:
            return Change(measure, {"quantity": "blur", "amount": 0.0})
        kernel = self._kernel(rng)
        found = {"kernel": drawn(kernel), "glow": log_uniform(self.glow, rng)}
        return Change(_blurred, found | {"moments": kernel_moments(kernel)})

    def _kernel(self, rng: np.random.Generator) -> Kernel:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class CameraShake(_Blur):
    """The picture smeared along a random path of the camera.

    Attributes:
        extent: range of the path's longer side, px, drawn log-uniformly.
        jitter: range of how restless the hand is: 0 moves evenly on a line, 1 at random.
    """

    extent: Range = (1.0, 25.0)
    jitter: Range = (0.0, 0.8)

    def _kernel(self, rng: np.random.Generator) -> Kernel:
        return shake_kernel(log_uniform(self.extent, rng), rng.uniform(*self.jitter), rng)


@dataclass(frozen=True, kw_only=True)
class Defocus(_Blur):
    """The picture spread by the disc of a lens out of focus.

    Attributes:
        radius: range of the disc's radius, px, drawn log-uniformly.
        edge: range of the softness of its rim, px.
    """

    radius: Range = (0.4, 7.0)
    edge: Range = (0.3, 1.2)

    def _kernel(self, rng: np.random.Generator) -> Kernel:
        return disc_kernel(log_uniform(self.radius, rng), rng.uniform(*self.edge))


def _blurred(sample: Sample, *, kernel: Tensor, glow: float, moments: Moments) -> Sample:
    xx, xy, yy = (a + b for a, b in zip(sample.blur, moments, strict=True))
    image = spread(sample.image, kernel, glow=glow)
    changed = replace(sample, image=image, sigma=math.nan, blur=(xx, xy, yy))
    return measure(changed, "blur", math.sqrt(moments[0] + moments[2]))


def shake_kernel(extent: float, jitter: float, rng: np.random.Generator) -> Kernel:
    """Where the light of one point falls while the camera moves.

    A path whose velocity turns at random and is now and then thrown about, in the manner of
    Boracchi and Foi 2012 ("Modeling the performance of image restoration from motion blur").

    Args:
        extent: longer side of the path, px.
        jitter: 0 is a straight line, 1 a random walk.
        rng: the only source of chance.

    Returns:
        (K, K), K odd, non-negative, sum 1; its centre of mass lies in the middle, so that the
        picture is not shifted.
    """
    turn = np.cumsum(rng.normal(0, 0.25 * jitter, _MOMENTS))
    turn += np.cumsum((rng.random(_MOMENTS) < 0.01 * jitter) * rng.normal(0, 1.5, _MOMENTS))
    angle = rng.uniform(0, 2 * math.pi) + turn
    speed = np.exp(np.cumsum(rng.normal(0, 0.15 * jitter, _MOMENTS)))
    path = np.cumsum(np.stack([np.cos(angle), np.sin(angle)]) * speed, axis=1)
    path *= extent / max(float(np.ptp(path, axis=1).max()), 1e-6)
    path -= path.mean(axis=1, keepdims=True)
    radius = math.ceil(float(np.abs(path).max())) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    # Each moment falls on four pixels, bilinearly.
    x, y = path + radius
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        share = np.abs(1 - down - (y - top)) * np.abs(1 - right - (x - left))
        np.add.at(kernel, (top + down, left + right), share.astype(np.float32))
    return kernel / kernel.sum()


def disc_kernel(radius: float, edge: float) -> Kernel:
    """A disc with a soft rim.

    Args:
        radius: px, to the middle of the rim.
        edge: width of the rim, px, above 0.

    Returns:
        (K, K), K odd, non-negative, sum 1.
    """
    reach = math.ceil(radius + edge)
    axis = np.arange(-reach, reach + 1, dtype=np.float32)
    distance = np.hypot(axis[:, None], axis[None, :])
    kernel = np.clip((radius - distance) / edge + 0.5, 0, 1).astype(np.float32)
    kernel[reach, reach] = max(float(kernel[reach, reach]), 1e-6)  # a tiny disc is a point
    return kernel / kernel.sum()


def kernel_moments(kernel: Kernel) -> Moments:
    """Second moments (xx, xy, yy) of a (K, K) kernel of sum 1 around its middle, px^2."""
    axis = np.arange(len(kernel)) - (len(kernel) - 1) / 2
    across, down = kernel.sum(axis=0), kernel.sum(axis=1)
    return float(across @ axis**2), float(axis @ kernel @ axis), float(down @ axis**2)


def directional_widths(moments: Moments) -> Tensor:
    """How wide a blur is along 0, 45, 90 and 135 degrees: (4,) standard deviations, px.

    NaN where the moments are unknown.
    """
    xx, xy, yy = moments
    squares = (xx, (xx + yy) / 2 + xy, yy, (xx + yy) / 2 - xy)
    return torch.tensor([math.sqrt(max(square, 0.0)) for square in squares])


def spread(image: Tensor, kernel: Tensor, *, glow: float = 1.0) -> Tensor:
    """Blur in linear light.

    Args:
        image: (3, H, W) sRGB; clipped to [0, 1].
        kernel: (K, K), sum 1, on the same device.
        glow: by how much places at the white point are truly brighter, as a factor; places below
            four fifths of it are as they are.

    Returns:
        (3, H, W) sRGB in [0, 1].
    """
    linear = srgb_to_linear(image.clamp(0, 1))
    if glow > 1:
        above = ((linear.amax(dim=0) - 0.8) / 0.2).clip(0, 1)
        more = float(np.float32(glow) - np.float32(1))
        linear = linear * (1 + more * above.square())
    return linear_to_srgb(convolved(linear, kernel).clamp(0, 1))
