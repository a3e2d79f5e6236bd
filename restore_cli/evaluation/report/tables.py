"""The report's tables: one line per metric and output, the ranking, and the paired differences."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from restore_cli.evaluation.measurement import Measurement, MetricInfo
from restore_cli.evaluation.numbers import count, number
from restore_cli.evaluation.ranking import Rank
from restore_cli.evaluation.statistics import Difference, summarise
from restore_cli.evaluation.templating import render

_COLUMNS = ("Mean", "Median", "Worst 5 %", "Worst")
_INTERVAL = (144, 18)  # width and height of the small drawing of an interval


def headline(measurements: Sequence[Measurement], places: Mapping[str, int]) -> Markup:
    """Write the table that comes first: every metric with its protocol, every output.

    Args:
        measurements: one per output; the first says which metrics there are.
        places: decimals by metric.

    Returns:
        A <div> with a <table>.
    """
    metrics = [
        {"info": info, "lines": [_line(one, info, places[info.name]) for one in measurements]}
        for info in measurements[0].metrics.values()
    ]
    return render("headline.html", metrics=metrics, columns=_COLUMNS, several=len(measurements) > 1)


def _line(measurement: Measurement, info: MetricInfo, places: int) -> dict[str, object]:
    line: dict[str, object] = {"label": measurement.label, "total": None}
    if not info.per_picture:
        total = number(measurement.totals[info.name], places)
        return line | {"total": total, "pictures": len(measurement.rows)}
    found = summarise(measurement.rows, info)
    values = (found.mean, found.median, found.tail, found.worst)
    return line | {
        "cells": [number(value, places) for value in values],
        "worst_name": found.worst_name,
        "identical": found.identical,
        "pictures": found.count,
    }


def ranked(ranking: Sequence[tuple[str, Sequence[Rank]]], places: Mapping[str, int]) -> Markup:
    """Write which output is first, and how sure that is.

    Args:
        ranking: by metric, the outputs in order.
        places: decimals by metric.

    Returns:
        A <div> with a <table>.
    """
    lines: list[dict[str, object]] = []
    for metric, ranks in ranking:
        for one in ranks:
            # One decimal more than the values: outputs worth ranking lie close together.
            mean, low, high = (
                number(value, places[metric] + 1) for value in (one.mean, one.low, one.high)
            )
            interval = "too few pictures" if math.isnan(one.low) else f"{low} to {high}"
            sure = f"{one.best}" if one.best == one.worst else f"{one.best} to {one.worst}"
            lines.append(
                {
                    "metric": metric,
                    "place": one.place,
                    "label": one.label,
                    "mean": mean,
                    "interval": interval,
                    "places": sure,
                }
            )
    return render("ranking.html", lines=lines)


def differences(
    found: Mapping[tuple[str, str, str], Difference],
    metrics: Mapping[str, MetricInfo],
    places: Mapping[str, int],
) -> Markup:
    """Write the paired differences between outputs.

    Args:
        found: by (label a, label b, metric): what `paired_difference` of a and b gave, b less a.
        metrics: by name; differences of other metrics are left out.
        places: decimals by metric.

    Returns:
        A <div> with a <table>.
    """
    lines: list[dict[str, object]] = []
    for (a, b, metric), difference in found.items():
        info = metrics.get(metric)
        if info is None:
            continue
        # One decimal more than the values: differences worth knowing of are small.
        digits = places[metric] + 1
        low, high = (number(v, digits, signed=True) for v in (difference.low, difference.high))
        lines.append(
            {
                "metric": metric,
                "a": a,
                "b": b,
                "unit": info.unit,
                "mean": number(difference.mean, digits, signed=True),
                "interval": "too few pictures"
                if math.isnan(difference.low)
                else f"{low} to {high}",
                "drawing": _drawing(difference),
                "better": difference.better,
                "worse": difference.worse,
                "equal": difference.equal,
                "winner": _winner(difference, info, a, b),
                "left_out": count(difference.left_out, "picture") if difference.left_out else "",
            }
        )
    return render("differences.html", lines=lines)


def _winner(difference: Difference, info: MetricInfo, a: str, b: str) -> str | None:
    """Which one is better; None if that is not told from chance."""
    if not difference.is_clear:
        return None
    return b if (difference.low > 0) == info.higher_is_better else a


def _drawing(difference: Difference) -> dict[str, object] | None:
    """Draw the interval against zero, at a scale of its own."""
    low, mean, high = difference.low, difference.mean, difference.high
    reach = max(abs(low), abs(high))
    if not 0 < reach < math.inf:
        return None
    width, height = _INTERVAL
    left, right, middle = (
        f"{width / 2 + value / reach * (width / 2 - 6):.1f}" for value in (low, high, mean)
    )
    return {"width": width, "height": height, "low": left, "high": right, "mean": middle}
