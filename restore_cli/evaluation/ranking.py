"""Several outputs in order, and how sure each place is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restore_cli.evaluation.statistics import bootstrap_means, interval

_ROUNDING = 1e-9  # relative; sums in another order


@dataclass(frozen=True, slots=True)
class Rank:
    """Where one output stands by one metric.

    Attributes:
        label: what the outputs are called.
        place: 1 for the best mean; equal means share the better place.
        mean: over the pictures on which every output has a finite value.
        low: lower end of the mean's 95 % confidence interval.
        high: its upper end. Both are NaN for fewer than two such pictures.
        best: the best place that it takes in 95 % of the draws.
        worst: the worst place. Outputs whose places overlap are not told apart by this set.
        pictures: how many count.
    """

    label: str
    place: int
    mean: float
    low: float
    high: float
    best: int
    worst: int
    pictures: int


def rank(
    values: Mapping[str, Sequence[float]],
    *,
    higher_is_better: bool,
    seed: int = 0,
    resamples: int = 10_000,
) -> list[Rank]:
    """Rank outputs by their mean over the same pictures.

    The pictures are drawn again with replacement, the same ones for all outputs, many times
    (percentile bootstrap, Efron 1979): how hard a picture is moves all outputs alike, so places are
    surer than the intervals of the means look. With fewer than about 20 pictures both are too
    narrow.

    Args:
        values: by label, one value for each picture, in the same order.
        higher_is_better: which direction "better" is.
        seed: of the draws; the same seed gives the same intervals.
        resamples: how many draws.

    Returns:
        The best first; empty if no picture has a finite value everywhere.

    Raises:
        ValueError: values are of unlike length, or there are none.
    """
    if not values or len({len(numbers) for numbers in values.values()}) != 1:
        raise ValueError("ranking needs as many values for each output")
    table = np.array([np.asarray(numbers, np.float64) for numbers in values.values()])
    table = table[:, np.isfinite(table).all(axis=0)]
    count = table.shape[1]
    if not count:
        return []
    sign = -1.0 if higher_is_better else 1.0
    means = table.mean(axis=1)
    places = _places(sign * means[:, None])[:, 0]
    draws = bootstrap_means(table, seed, resamples) if count > 1 else means[:, None]
    drawn = _places(sign * draws)
    found: list[Rank] = []
    for index, label in enumerate(values):
        low, high = interval(draws[index]) if count > 1 else (math.nan, math.nan)
        best, worst = interval(drawn[index]) if count > 1 else (1.0, float(len(values)))
        place, mean = int(places[index]), float(means[index])
        found.append(Rank(label, place, mean, low, high, math.floor(best), math.ceil(worst), count))
    return sorted(found, key=lambda one: one.place)


def _places(badness: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places from 1 within each column of (rows, draws): 1 and how many rows are better."""
    places = np.ones(badness.shape, np.int64)
    for row in badness:
        places += row < badness - _ROUNDING * np.maximum(1.0, np.abs(badness))
    return places
