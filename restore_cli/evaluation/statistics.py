"""What can be said of a set of numbers: where they lie, and whether two sets differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restore_cli.evaluation.measurement import MetricInfo, Row

CONFIDENCE = 0.95
TAIL = 0.05
_DRAWS = 1 << 20  # random numbers held at a time
_ROUNDING = 1e-9  # relative; batches of another size sum in another order


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric over one set of pictures.

    Attributes:
        mean: over the finite values; infinite if all pictures are identical to their references,
            NaN if there is no value.
        median: over all values, infinite ones too.
        tail: the 5th percentile where higher is better, else the 95th: how bad the bad ones are.
            Between two values it is interpolated linearly.
        worst: the worst value.
        worst_name: name of its pair; the first one if there are several.
        identical: how many values are infinite, because output and reference are equal.
        count: how many values there are; NaN (not defined for a picture) is none.
    """

    mean: float
    median: float
    tail: float
    worst: float
    worst_name: str
    identical: int
    count: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one set of outputs is than another, on the same pictures.

    Attributes:
        mean: of `b - a` over the pictures where both are finite, in the metric's unit.
        low: lower end of the 95 % confidence interval of that mean.
        high: its upper end. Both are NaN for fewer than two pictures.
        better: pictures on which b is better.
        worse: pictures on which b is worse.
        equal: pictures on which they are equal, up to rounding.
        left_out: pictures missing from the mean, because one output is identical to the reference
            and the other is not, or because a value is not defined.
    """

    mean: float
    low: float
    high: float
    better: int
    worse: int
    equal: int
    left_out: int = 0

    @property
    def is_clear(self) -> bool:
        """Whether the difference can be told from noise: the interval does not hold zero."""
        return self.low > 0 or self.high < 0


def summarise(rows: Sequence[Row], info: MetricInfo) -> Summary:
    """Describe a metric over all rows.

    Args:
        rows: of one set.
        info: the metric; rows without its value do not count.
    """
    found = [(row.values[info.name], row.pair.name) for row in rows if info.name in row.values]
    found = [(value, name) for value, name in found if not math.isnan(value)]
    if not found:
        return Summary(math.nan, math.nan, math.nan, math.nan, "", 0, 0)
    values = [value for value, _ in found]
    finite = [value for value in values if math.isfinite(value)]
    worst, name = (min if info.higher_is_better else max)(found, key=lambda one: one[0])
    return Summary(
        mean=math.fsum(finite) / len(finite) if finite else values[0],
        median=_percentile(values, 0.5),
        tail=_percentile(values, TAIL if info.higher_is_better else 1 - TAIL),
        worst=worst,
        worst_name=name,
        identical=sum(map(math.isinf, values)),
        count=len(values),
    )


def paired_difference(
    a: Sequence[float],
    b: Sequence[float],
    *,
    higher_is_better: bool,
    seed: int = 0,
    resamples: int = 10_000,
) -> Difference:
    """Compare two sets of outputs picture by picture.

    How hard a picture is moves both values alike, and cancels in the difference: much smaller
    gains can be told from noise than by comparing two means. The interval is the percentile
    bootstrap (Efron 1979, "Bootstrap methods: another look at the jackknife"): the mean difference
    of as many pictures, drawn with replacement, many times. With fewer than about 20 pictures it
    is too narrow.

    Args:
        a: values of the first set.
        b: values of the second set, for the same pictures in the same order.
        higher_is_better: which direction "better" is.
        seed: of the draws; the same seed gives the same interval.
        resamples: how many means are drawn.

    Raises:
        ValueError: a and b are of unlike length.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{len(a)} and {len(b)} values cannot be paired")
    defined = ~(np.isnan(first) | np.isnan(second))
    equal = defined & np.isclose(first, second, rtol=_ROUNDING, atol=_ROUNDING)
    above, below = defined & ~equal & (second > first), defined & ~equal & (second < first)
    better, worse = (above, below) if higher_is_better else (below, above)
    finite = np.isfinite(first) & np.isfinite(second)
    gains = second[finite] - first[finite]
    low, high = _bootstrap(gains, seed, resamples)
    # Both identical to the reference: equal, and nothing is lost by leaving them out.
    both_infinite = defined & equal & ~finite
    return Difference(
        mean=float(gains.mean()) if gains.size else math.nan,
        low=low,
        high=high,
        better=int(better.sum()),
        worse=int(worse.sum()),
        equal=int(equal.sum()),
        left_out=int((~finite & ~both_infinite).sum()),
    )


def _bootstrap(gains: NDArray[np.float64], seed: int, resamples: int) -> tuple[float, float]:
    """Ends of the interval of the mean."""
    if gains.size < 2:
        return math.nan, math.nan
    return interval(bootstrap_means(gains[None], seed, resamples)[0])


def bootstrap_means(values: NDArray[np.float64], seed: int, resamples: int) -> NDArray[np.float64]:
    """Draw as many pictures as there are, with replacement, many times; give the means.

    Every row sees the same draws, so that rows can be compared draw by draw. Memory does not grow
    with the number of pictures.

    Args:
        values: (rows, pictures), finite, at least one picture.
        seed: of the draws.
        resamples: how many means are drawn.

    Returns:
        (rows, resamples).
    """
    rows, count = values.shape
    rng = np.random.default_rng(seed)
    means = np.empty((rows, resamples))
    step = max(1, _DRAWS // (count * rows))
    for start in range(0, resamples, step):
        part = means[:, start : start + step]
        drawn = rng.integers(count, size=(part.shape[1], count))
        part[:] = values[:, drawn].mean(axis=2)
    return means


def interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    """Give the ends of the 95 % percentile interval of draws."""
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _percentile(values: Sequence[float], share: float) -> float:
    """Like numpy's linear percentile, which gives NaN between two infinite values."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    weight = place - below
    if weight == 0:
        return ordered[below]
    return (1 - weight) * ordered[below] + weight * ordered[below + 1]
