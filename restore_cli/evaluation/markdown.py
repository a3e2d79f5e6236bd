"""Measurements and a gate's verdict as Markdown, for the summary of a pull request."""

import html
import math
import re
from collections.abc import Sequence

from restore_cli.evaluation.gate import Verdict
from restore_cli.evaluation.measurement import Measurement
from restore_cli.evaluation.numbers import count, decimals, number
from restore_cli.evaluation.ranking import Rank
from restore_cli.evaluation.statistics import summarise

_MOST_OPEN = 10  # pictures that fell; more are folded away
_MOST_LISTED = 2000  # GitHub takes a summary of 1 MiB


def as_markdown(
    measured: Sequence[Measurement],
    ranking: Sequence[tuple[str, Sequence[Rank]]] = (),
    verdict: Verdict | None = None,
) -> bytes:
    """Write what a reviewer wants to know: the verdict, the numbers, and every picture that fell.

    Args:
        measured: one per output.
        ranking: by metric, the outputs in order; with more than two.
        verdict: of the gate, if there is one.

    Returns:
        UTF-8, GitHub's flavour of Markdown.
    """
    parts = [_verdict(verdict) if verdict else "## Quality", _numbers(measured)]
    if ranking:
        parts.append(_ranking(ranking))
    if verdict is not None:
        parts.append(_fallen(verdict))
    protocols = [
        f"- `{info.name}`: {_text(info.protocol)}" for info in measured[0].metrics.values()
    ]
    parts.append("\n".join(protocols))
    text = "\n\n".join(part for part in parts if part) + "\n"
    # A folder may be called something that is no Unicode.
    return text.encode("utf-8", "backslashreplace")


def _verdict(verdict: Verdict) -> str:
    """Say whether the gate is passed, and list what stops it among the means."""
    if verdict.passed:
        return (
            f"## Quality: passed\n\nNothing fell by more than allowed since {_text(verdict.label)}."
        )
    failed = verdict.failed
    means = [f"- **{_text(one.subject)}: {one.words}**" for one in failed if one.name is None]
    pictures = sum(one.name is not None for one in failed)
    if pictures:
        means.append(f"- **{count(pictures, 'picture')} fell by more than allowed**")
    return "\n".join([f"## Quality: failed\n\nWorse than {_text(verdict.label)}:\n", *means])


def _numbers(measured: Sequence[Measurement]) -> str:
    rows: list[list[str]] = []
    for one in measured:
        for info in one.metrics.values():
            places = decimals(info.unit, [each.totals[info.name] for each in measured])
            start = [_text(one.label), f"{info.name} {info.unit}".rstrip()]
            if not info.per_picture:
                rows.append([*start, number(one.totals[info.name], places), "", "", "", ""])
                continue
            found = summarise(one.rows, info)
            values = (found.mean, found.median, found.tail, found.worst)
            cells = [number(value, places) for value in values]
            rows.append([*start, *cells, _text(found.worst_name)])
    return _table(
        ["output", "metric", "mean", "median", "worst 5 %", "worst", "picture"], rows, "llrrrrl"
    )


def _ranking(ranking: Sequence[tuple[str, Sequence[Rank]]]) -> str:
    rows: list[list[str]] = []
    for metric, ranks in ranking:
        for one in ranks:
            mean, low, high = (f"{value:.4f}" for value in (one.mean, one.low, one.high))
            places = f"{one.best}" if one.best == one.worst else f"{one.best} to {one.worst}"
            interval = "" if math.isnan(one.low) else f"{low} to {high}"
            rows.append([metric, str(one.place), _text(one.label), mean, interval, places])
    headings = ["metric", "place", "output", "mean", "95 % interval", "place in 95 %"]
    return "### Ranking\n\n" + _table(headings, rows, "lrlrrr")


def _fallen(verdict: Verdict) -> str:
    """Every picture that fell, the worst first."""
    fallen = [one for one in verdict.fallen if one.name is not None]
    if not fallen:
        return ""
    rows = [
        [one.metric, _text(one.name or ""), one.words, "yes" if one.failed else "no"]
        for one in fallen[:_MOST_LISTED]
    ]
    table = _table(["metric", "picture", "change", "stops the gate"], rows, "lllr")
    if len(fallen) > _MOST_LISTED:
        table += f"\n\n... and {len(fallen) - _MOST_LISTED} more; `--junit` lists all."
    title = f"Numbers of pictures that fell, worst first: {len(fallen)}"
    if len(fallen) <= _MOST_OPEN:
        return f"### {title}\n\n{table}"
    return f"<details><summary>{title}</summary>\n\n{table}\n\n</details>"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> str:
    """A table; `sides` has l or r for each column."""
    rule = ["---:" if side == "r" else "---" for side in sides]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))


def _text(text: str) -> str:
    """Names come from outside: nothing in them is markup, and a table's row is one line."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~#!])", r"\\\1", plain)
