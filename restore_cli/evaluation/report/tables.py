"""The report's tables: one line per metric and output, and the paired differences."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from restore_cli.evaluation.measurement import Measurement, MetricInfo
from restore_cli.evaluation.numbers import count, number
from restore_cli.evaluation.report.cards import value_cell
from restore_cli.evaluation.statistics import Difference, summarise

_INTERVAL = (144, 18)  # width and height of the small drawing of an interval


def headline(measurements: Sequence[Measurement], places: Mapping[str, int]) -> str:
    """Write the table that comes first: every metric with its protocol, every output.

    Args:
        measurements: one per output; the first says which metrics there are.
        places: decimals by metric.

    Returns:
        A <div> with a <table>.
    """
    several = len(measurements) > 1
    columns = ["Mean", "Median", "Worst 5 %", "Worst"]
    head = ('<th scope="col">Output</th>' if several else "") + "".join(
        f'<th class="number" scope="col">{name}</th>' for name in columns
    )
    head += (
        '<th scope="col">Worst picture</th><th class="number" scope="col">Identical</th>'
        '<th class="number" scope="col">Pictures</th>'
    )
    bodies = "".join(
        f"<tbody>{_title(info, len(columns) + 3 + several)}"
        + "".join(
            _line(measurement, index, info, places[info.name], several=several)
            for index, measurement in enumerate(measurements)
        )
        + "</tbody>"
        for info in measurements[0].metrics.values()
    )
    return (
        '<div class="table" tabindex="0" role="region" aria-label="Results">'
        f'<table class="headline"><thead><tr>{head}</tr></thead>{bodies}</table></div>'
    )


def _title(info: MetricInfo, columns: int) -> str:
    end = "higher" if info.higher_is_better else "lower"
    unit = f' <span class="unit">{escape(info.unit)}</span>' if info.unit else ""
    return (
        f'<tr><th colspan="{columns}" scope="rowgroup"><span class="metric-name">'
        f'{escape(info.name)}</span>{unit} <span class="direction">{end} is better</span>'
        f'<span class="protocol">{escape(info.protocol)}</span></th></tr>'
    )


def _line(
    measurement: Measurement, index: int, info: MetricInfo, places: int, *, several: bool
) -> str:
    label = (
        f'<th scope="row" class="name"><span class="swatch output-{index % 6}"></span>'
        f"{escape(measurement.label)}</th>"
        if several
        else ""
    )
    if not info.per_picture:
        total = value_cell(measurement.totals[info.name], places)
        return (
            f'<tr class="values">{label}{total}<td class="none" colspan="5">one number for the '
            f'whole set</td><td class="number">{len(measurement.rows)}</td></tr>'
        )
    summary = summarise(measurement.rows, info)
    cells = "".join(
        value_cell(value, places)
        for value in (summary.mean, summary.median, summary.tail, summary.worst)
    )
    return (
        f'<tr class="values">{label}{cells}<td class="name">{escape(summary.worst_name)}</td>'
        f'<td class="number">{summary.identical}</td><td class="number">{summary.count}</td></tr>'
    )


def differences(
    found: Mapping[tuple[str, str, str], Difference],
    metrics: Mapping[str, MetricInfo],
    places: Mapping[str, int],
) -> str:
    """Write the paired differences between outputs.

    Args:
        found: by (label a, label b, metric): what `paired_difference` of a and b gave, b less a.
        metrics: by name; differences of other metrics are left out.
        places: decimals by metric.

    Returns:
        A <div> with a <table>.
    """
    lines: list[str] = []
    for (a, b, metric), difference in found.items():
        info = metrics.get(metric)
        if info is None:
            continue
        # One decimal more than the values: differences worth knowing of are small.
        digits = places[metric] + 1
        low, high = (number(v, digits, signed=True) for v in (difference.low, difference.high))
        interval = "too few pictures" if math.isnan(difference.low) else f"{low} to {high}"
        unit = f' <span class="unit">{escape(info.unit)}</span>' if info.unit else ""
        lines.append(
            f'<tr><th scope="row" class="name">{escape(metric)}</th>'
            f'<td class="name">{escape(b)} <span class="none">less</span> {escape(a)}</td>'
            f'<td class="number">{number(difference.mean, digits, signed=True)}{unit}</td>'
            f'<td class="number">{interval}</td><td>{_interval(difference)}</td>'
            f'<td class="number">{difference.better}</td><td class="number">{difference.worse}'
            f'</td><td class="number">{difference.equal}</td>'
            f"<td>{_verdict(difference, info, a, b)}{_left_out(difference)}</td></tr>"
        )
    return (
        '<div class="table" tabindex="0" role="region" aria-label="Paired differences">'
        '<table class="differences"><thead><tr><th scope="col">Metric</th>'
        '<th scope="col">Outputs</th><th class="number" scope="col">Mean difference</th>'
        '<th class="number" scope="col">95 % interval</th>'
        '<th aria-hidden="true"></th><th class="number" scope="col">Better</th>'
        '<th class="number" scope="col">Worse</th><th class="number" scope="col">Equal</th>'
        f'<th scope="col">In words</th></tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def _verdict(difference: Difference, info: MetricInfo, a: str, b: str) -> str:
    if not difference.is_clear:
        return '<span class="none">not told from chance</span>'
    b_wins = (difference.low > 0) == info.higher_is_better
    return f'<span class="better">{escape(b if b_wins else a)} is better</span>'


def _left_out(difference: Difference) -> str:
    """Say how many pictures have no finite difference."""
    left = difference.left_out
    return f' <span class="none">(mean without {count(left, "picture")})</span>' if left else ""


def _interval(difference: Difference) -> str:
    """Draw the interval against zero, at a scale of its own."""
    low, mean, high = difference.low, difference.mean, difference.high
    reach = max(abs(low), abs(high))
    if not 0 < reach < math.inf:
        return ""
    width, height = _INTERVAL
    left, right, middle = (
        width / 2 + value / reach * (width / 2 - 6) for value in (low, high, mean)
    )
    y = height / 2
    return (
        f'<svg class="interval" viewBox="0 0 {width} {height}" aria-hidden="true">'
        f'<line class="zero" x1="{width / 2}" x2="{width / 2}" y1="0" y2="{height}"/>'
        f'<line class="span" x1="{left:.1f}" x2="{right:.1f}" y1="{y}" y2="{y}"/>'
        f'<circle class="mean" cx="{middle:.1f}" cy="{y}" r="4"/></svg>'
    )
