"""What a degradation takes and returns."""

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol, cast

import numpy as np
from torch import Tensor

from restore_cli.degradations.planes import Planes

Range = tuple[float, float]
Moments = tuple[float, float, float]
Colour = tuple[float, float, float]
Quantity = Literal["", "rain", "haze", "stops", "blur", "quality", "sigma"]

UNKNOWN: Colour = (math.nan, math.nan, math.nan)
"""Three numbers that nobody knows."""


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
        level: how much of `quantity` there is between `image` and `target`; 0 where nothing was
            done, NaN where it is unknown. Rain: mean light that streaks add or take, in [0, 1];
            haze: 1 - mean transmission; stops: mean missing exposure, EV; blur: root mean square
            distance of light from where it belongs, px; quality: the lowest JPEG quality; sigma:
            deviation of the noise on the 0..255 scale.
        quantity: what `level` counts: that of the first step that has any; empty before.
        airlight: colour of the haze, sRGB; NaN where there is none.
        cast: gains of red, green and blue in linear light, largest 1; NaN where unknown.
    """

    image: Tensor
    target: Tensor
    noise: Tensor
    sigma: float = 0.0
    blur: Moments = (0.0, 0.0, 0.0)
    source: int = -1
    matrix: Tensor | None = None
    level: float | Tensor = 0.0
    quantity: Quantity = ""
    airlight: Colour = UNKNOWN
    cast: Colour = UNKNOWN


class Degradation(Protocol):
    """Maps a sample to a worse one; every random draw comes from `rng`."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Degrade; neither argument's tensors are changed in place."""
        ...


@dataclass(frozen=True, kw_only=True)
class Chance:
    """How often a degradation happens.

    Attributes:
        probability: of a sample; others pass unchanged.
    """

    probability: float = 1.0

    def __post_init__(self) -> None:
        check_options(vars(self))

    def spares(self, rng: np.random.Generator) -> bool:
        """Draw whether the next sample passes unchanged."""
        return rng.uniform() >= self.probability


@dataclass(frozen=True, kw_only=True)
class Sometimes(Chance, ABC):
    """A degradation that happens to some samples and lets the others pass unchanged."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """See `Degradation`."""
        return sample if self.spares(rng) else self.degraded(sample, rng)

    @abstractmethod
    def degraded(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """What becomes of a sample to which it happens."""


def as_target(sample: Sample, picture: Tensor) -> Sample:
    """A picture (3, H, W) in [0, 1] as both sides of the sample: nothing is left to be removed."""
    return replace(
        sample,
        image=picture,
        target=picture,
        noise=picture.new_zeros(1, *picture.shape[1:]),
        sigma=0.0,
        blur=(0.0, 0.0, 0.0),
        level=0.0,
        quantity="",
        airlight=UNKNOWN,
        cast=UNKNOWN,
    )


def measure(sample: Sample, quantity: Quantity, amount: float | Tensor) -> Sample:
    """Note how much a step did, if it is what the sample's level counts.

    The first step that counts anything decides what is counted, even if it did nothing. Amounts of
    one kind combine as the degradations do: squares of noise and blur add up, transmissions
    multiply, the lowest quality counts, and others add up.
    """
    if sample.quantity not in ("", quantity):
        return sample
    before = sample.level
    if sample.quantity == "":
        level = amount
    elif quantity in ("blur", "sigma"):
        level = _hypot(before, amount)
    elif quantity == "haze":
        level = 1 - (1 - before) * (1 - amount)
    elif quantity == "quality":  # of files, so never measured on a device
        level = min(before, amount) if before and amount else max(before, amount)
    else:
        level = before + amount
    return replace(sample, level=level, quantity=quantity)


def number(value: Planes) -> float | Tensor:
    """A single value as a number; itself on a device, which reading would have to wait for."""
    on_device = isinstance(value, Tensor) and value.device.type != "cpu"
    return value if on_device else float(value)


def root(value: float | Tensor) -> float | Tensor:
    """The square root of a `number`."""
    return value.sqrt() if isinstance(value, Tensor) else math.sqrt(value)


def _hypot(first: float | Tensor, second: float | Tensor) -> float | Tensor:
    if isinstance(first, Tensor) or isinstance(second, Tensor):
        return root(first * first + second * second)
    return math.hypot(first, second)


def check_options(options: Mapping[str, object], *, positive: Collection[str] = ()) -> None:
    """Refuse ranges and probabilities that cannot be drawn from, before a run meets them.

    Args:
        options: by name; tuples are ranges (low, high), `*probability` a share.
        positive: names of the ranges that are drawn log-uniformly.

    Raises:
        ValueError: a range upside down or not finite, one in `positive` that reaches zero, a
            `quality` (of files) outside [0, 100], or a probability outside [0, 1].
    """
    for name, value in options.items():
        if isinstance(value, tuple):
            low, high = cast("tuple[float, float]", value)
            if not -math.inf < low <= high < math.inf:
                raise ValueError(f"{name} = [{low}, {high}] is not a range from low to high")
            if name == "quality" and not 0 <= low <= high <= 100:
                raise ValueError(f"{name} = [{low}, {high}] must lie between 0 and 100")
            if name in positive and low <= 0:
                raise ValueError(f"{name} = [{low}, {high}] must lie above 0")
        elif name.endswith("probability") and not 0.0 <= cast("float", value) <= 1.0:
            raise ValueError(f"{name} = {value} must lie between 0 and 1")


def log_uniform(bounds: Range, rng: np.random.Generator) -> float:
    """Draw a number whose logarithm is uniform: small ones as often as large ones."""
    return math.exp(rng.uniform(math.log(bounds[0]), math.log(bounds[1])))
