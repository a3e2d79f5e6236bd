"""What `restore eval` says: JSON records for programs, tables for people."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from restore_cli.commands.console import Console
from restore_cli.evaluation.numbers import decimals, number
from restore_cli.evaluation.statistics import summarise

if TYPE_CHECKING:
    from restore_cli.evaluation.baseline import Fall
    from restore_cli.evaluation.measurement import Measurement, MetricInfo, Row
    from restore_cli.evaluation.metrics import Metric
    from restore_cli.evaluation.statistics import Difference

    Differences = dict[tuple[str, str, str], Difference]
    """By label of the first output, label of another, and metric: the other less the first."""


def picture_record(label: str, row: "Row", metrics: "Sequence[Metric]") -> dict[str, object]:
    """Make the JSON line of one picture."""
    return {
        "set": label,
        "name": row.pair.name,
        "output": row.pair.output,
        "reference": row.pair.reference,
        "width": row.width,
        "height": row.height,
        "values": row.values,
        # Infinity has no word in JSON, so the value is null. A null that is not listed here is a
        # value that is not defined.
        "identical": [name for name, value in row.values.items() if math.isinf(value)],
        "protocols": {one.name: one.protocol for one in metrics if one.name in row.values},
    }


def summary_record(
    measured: "Sequence[Measurement]", differences: "Differences", fallen: "list[Fall] | None"
) -> dict[str, object]:
    """Make the last JSON line.

    Args:
        measured: one per output.
        differences: of the outputs; empty with one.
        fallen: what fell below the baseline; None without one.
    """
    record: dict[str, object] = {
        "event": "summary",
        "sets": [
            {
                "set": one.label,
                "pictures": len(one.rows),
                "metrics": {
                    info.name: {**numbers, "unit": info.unit, "protocol": info.protocol}
                    for info, numbers in _numbers(one)
                },
            }
            for one in measured
        ],
        "differences": [
            {"first": first, "second": second, "metric": metric, **asdict(found)}
            for (first, second, metric), found in differences.items()
        ],
    }
    if fallen is not None:
        record |= {"passed": not fallen, "falls": [asdict(fall) for fall in fallen]}
    return record


def _numbers(measured: "Measurement") -> "list[tuple[MetricInfo, dict[str, object]]]":
    return [
        (info, asdict(summarise(measured.rows, info)))
        if info.per_picture
        else (info, {"value": measured.totals[info.name]})
        for info in measured.metrics.values()
    ]


def show(console: Console, measured: "Sequence[Measurement]", differences: "Differences") -> None:
    """Print the tables: every output by every metric, what the metrics mean, and differences."""
    rows: list[list[str]] = []
    for one in measured:
        for info in one.metrics.values():
            start = [one.label, info.name, info.unit]
            total = one.totals[info.name]
            places = decimals(info.unit, [each.totals[info.name] for each in measured])
            if not info.per_picture:
                rows.append([*start, number(total, places), "", "", "", "", ""])
                continue
            found = summarise(one.rows, info)
            values = (found.mean, found.median, found.tail, found.worst)
            cells = [number(value, places) for value in values]
            rows.append([*start, *cells, found.worst_name, f"{found.identical or ''}"])
    numeric = ("mean", "median", "worst 5 %", "worst", "identical")
    headings = ["output", "metric", "", "mean", "median", "worst 5 %", "worst", "file", "identical"]
    console.table(headings, rows, numbers=numeric)
    for info in measured[0].metrics.values():
        console.say(f"{info.name}: {info.protocol}")
    if differences:
        console.say("")
        _show_differences(console, measured[0].metrics, differences)


def _show_differences(
    console: Console, metrics: "dict[str, MetricInfo]", differences: "Differences"
) -> None:
    rows: list[list[object]] = []
    for (first, second, metric), found in differences.items():
        # One digit more than the values themselves: differences are small.
        places = 1 + decimals(metrics[metric].unit, [])
        low, high = (number(end, places, signed=True) for end in (found.low, found.high))
        rows.append(
            [
                f"{second} - {first}",
                metric,
                number(found.mean, places, signed=True),
                f"{low}..{high}",
                found.better,
                found.worse,
                found.equal,
                "clear" if found.is_clear else "within chance",
            ]
        )
    headings = ["difference", "metric", "mean", "95 % interval", "better", "worse", "equal", ""]
    console.table(headings, rows, numbers=("mean", "95 % interval"))
