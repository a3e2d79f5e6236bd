"""What `restore eval` says: JSON records for programs, tables for people."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from restore_cli.commands.console import Console
from restore_cli.evaluation.numbers import decimals, number
from restore_cli.evaluation.ranking import Rank, rank
from restore_cli.evaluation.statistics import Difference, paired_difference, summarise

if TYPE_CHECKING:
    from restore_cli.evaluation.gate import Check, Verdict
    from restore_cli.evaluation.measurement import Measurement, MetricInfo, Row
    from restore_cli.evaluation.metrics import Metric


@dataclass(frozen=True)
class Comparison:
    """How outputs compare with each other.

    Attributes:
        differences: by label of an output, label of a later one, and metric: the later less the
            first. Every pair of outputs.
        ranking: by metric, all outputs in order; empty with fewer than three.
    """

    differences: dict[tuple[str, str, str], Difference]
    ranking: list[tuple[str, list[Rank]]]


def compare(measured: "Sequence[Measurement]", seed: int) -> Comparison:
    """Compare all outputs with each other, by each metric that has numbers per picture.

    Args:
        measured: one per output, of the same pictures.
        seed: of the intervals.
    """
    infos = [info for info in measured[0].metrics.values() if info.per_picture]
    values = {
        (one.label, info.name): [row.values[info.name] for row in one.rows]
        for one in measured
        for info in infos
    }
    labels = [one.label for one in measured]
    differences = {
        (first, second, info.name): paired_difference(
            values[first, info.name],
            values[second, info.name],
            higher_is_better=info.higher_is_better,
            seed=seed,
        )
        for first, second in combinations(labels, 2)
        for info in infos
    }
    ranking = [
        (
            info.name,
            rank(
                {label: values[label, info.name] for label in labels},
                higher_is_better=info.higher_is_better,
                seed=seed,
            ),
        )
        for info in (infos if len(labels) > 2 else ())
    ]
    return Comparison(differences, ranking)


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
        "notes": list(row.notes),
    }


def summary_record(
    measured: "Sequence[Measurement]", compared: Comparison, verdict: "Verdict | None"
) -> dict[str, object]:
    """Make the last JSON line.

    Args:
        measured: one per output.
        compared: the outputs with each other; empty with one.
        verdict: of the gate; None without one.
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
            for (first, second, metric), found in compared.differences.items()
        ],
        "ranking": [
            {"metric": metric, "set": one.label, **_without_label(one)}
            for metric, ranks in compared.ranking
            for one in ranks
        ],
    }
    if verdict is not None:
        record |= {"passed": verdict.passed, "falls": [_fall(one) for one in verdict.fallen]}
    return record


def _without_label(one: Rank) -> dict[str, object]:
    return {name: value for name, value in asdict(one).items() if name != "label"}


def _fall(one: "Check") -> dict[str, object]:
    """A number that is worse; `gates` says whether it stops the gate, or only explains."""
    return {
        "metric": one.metric,
        "name": one.name,
        "before": one.before,
        "now": one.now,
        "drop": one.drop,
        "allowed": one.allowed,
        "gates": one.failed,
    }


def _numbers(measured: "Measurement") -> "list[tuple[MetricInfo, dict[str, object]]]":
    return [
        (info, asdict(summarise(measured.rows, info)))
        if info.per_picture
        else (info, {"value": measured.totals[info.name]})
        for info in measured.metrics.values()
    ]


def show(console: Console, measured: "Sequence[Measurement]", compared: Comparison) -> None:
    """Print the tables: every output by every metric, what they mean, ranking and differences."""
    rows: list[list[str]] = []
    for one in measured:
        for info in one.metrics.values():
            start = [one.label, f"{info.name} {info.unit}".strip()]
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
    headings = ["output", "metric", "mean", "median", "worst 5 %", "worst", "file", "identical"]
    if not any(row[-1] for row in rows):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    console.table(headings, rows, numbers=numeric)
    for info in measured[0].metrics.values():
        console.say(f"{info.name}: {info.protocol}", asked=True)
    counted = Counter(note for one in measured for row in one.rows for note in row.notes)
    for note, count in counted.items():
        console.warn(f"{note} ({count} {'pair' if count == 1 else 'pairs'})")
    if compared.ranking:
        console.say("", asked=True)
        _show_ranking(console, measured[0].metrics, compared.ranking)
    if compared.differences:
        console.say("", asked=True)
        _show_differences(console, measured[0].metrics, compared.differences)


def _show_ranking(
    console: Console, metrics: "dict[str, MetricInfo]", ranking: Sequence[tuple[str, list[Rank]]]
) -> None:
    rows: list[list[object]] = []
    for metric, ranks in ranking:
        places = 1 + decimals(metrics[metric].unit, [one.mean for one in ranks])
        for one in ranks:
            mean, low, high = (number(value, places) for value in (one.mean, one.low, one.high))
            sure = f"{one.best}" if one.best == one.worst else f"{one.best}..{one.worst}"
            rows.append([metric, f"{one.place}", one.label, mean, f"{low}..{high}", sure])
    headings = ["ranking", "place", "output", "mean", "95 % interval", "place in 95 %"]
    numeric = ("place", "mean", "95 % interval", "place in 95 %")
    console.table(headings, rows, numbers=numeric)


def _show_differences(
    console: Console,
    metrics: "dict[str, MetricInfo]",
    differences: dict[tuple[str, str, str], Difference],
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
