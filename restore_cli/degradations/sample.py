"""What a degradation takes and returns."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from torch import Tensor

Range = tuple[float, float]
Moments = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A training pair on its way through the degradations.

    Attributes:
        image: (3, H, W) float32, the picture so far; may leave [0, 1] where nothing clipped it yet.
        target: (3, H, W) float32 in [0, 1], what a perfect restorer returns.
        noise: (1, H, W) standard deviation of the noise in `image`, same scale.
        sigma: the one number that a user could pass as `--sigma` (here on the [0, 1] scale), NaN
            where no single number is true.
        blur: second moments (xx, xy, yy) of all blur in `image` that `target` has not, px^2; those
            of blurs one after another add up.
        source: label of the mixture's source that this is a sample of; -1 where it names none.
        matrix: (3, 3) white-balanced camera values to linear sRGB, where `image` is the mosaic of a
            camera and `target` a finished picture.
    """

    image: Tensor
    target: Tensor
    noise: Tensor
    sigma: float = 0.0
    blur: Moments = (0.0, 0.0, 0.0)
    source: int = -1
    matrix: Tensor | None = None


class Degradation(Protocol):
    """Maps a sample to a worse one; every random draw comes from `rng`."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Degrade; neither argument's tensors are changed in place."""
        ...


def check_options(options: Mapping[str, object], *, positive: Collection[str] = ()) -> None:
    """Refuse ranges and probabilities that cannot be drawn from, before a run meets them.

    Args:
        options: by name; tuples are ranges (low, high), `*probability` a share.
        positive: names of the ranges that are drawn log-uniformly.

    Raises:
        ValueError: a range upside down or not finite, one in `positive` that reaches zero, or a
            probability outside [0, 1].
    """
    for name, value in options.items():
        if isinstance(value, tuple):
            low, high = cast("tuple[float, float]", value)
            if not -math.inf < low <= high < math.inf:
                raise ValueError(f"{name} = [{low}, {high}] is not a range from low to high")
            if name in positive and low <= 0:
                raise ValueError(f"{name} = [{low}, {high}] must lie above 0")
        elif name.endswith("probability") and not 0.0 <= cast("float", value) <= 1.0:
            raise ValueError(f"{name} = {value} must lie between 0 and 1")


def log_uniform(bounds: Range, rng: np.random.Generator) -> float:
    """Draw a number whose logarithm is uniform: small ones as often as large ones."""
    return math.exp(rng.uniform(math.log(bounds[0]), math.log(bounds[1])))
