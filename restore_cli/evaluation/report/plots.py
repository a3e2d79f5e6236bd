"""The report's histograms: inline SVG, one per metric, one row per output."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from restore_cli.evaluation.numbers import count, number

MOST_BINS = 24
"""More bins than this would be too narrow to point at."""

_WIDTH, _LEFT, _RIGHT = 420, 34, 12
_ROW, _LABEL, _AXIS = 96, 26, 24  # heights: the bars, the words above them, the ticks below all
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one output.

    Args:
        label: the output's name.
        values: one per picture; those that are not finite are not drawn.
        output: its number, which chooses the colour.
    """

    label: str
    values: Sequence[float]
    output: int


def nice_step(span: float, most: int) -> float:
    """Give the smallest of 1, 2, 2.5 and 5 times a power of ten that cuts span into at most `most`.

    Args:
        span: above 0.
        most: parts, at least 1.
    """
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    # The tolerance: 0.3 / 0.1 is a little more than 3.
    return next(power * step for step in _STEPS if power * step >= rough * (1 - 1e-9))


def bin_edges(values: Sequence[float]) -> NDArray[np.float64]:
    """Edges of bins of one round width that hold all values.

    The width follows the number of values (twice its square root, at most `MOST_BINS` bins) and
    begins at a multiple of itself, so that ticks fall on edges.

    Args:
        values: finite, at least one.

    Returns:
        (bins + 1,) rising; at least one bin.
    """
    low, high = min(values), max(values)
    # All values alike, or different only by rounding: one bin around them.
    span = max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-6)
    step = nice_step(span, min(MOST_BINS, max(4, round(2 * math.sqrt(len(values))))))
    first = math.floor(low / step + 1e-9)
    # The last bin holds its upper edge too: an SSIM of 1 does not open one beyond 1.
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return step * np.arange(first, last + 1, dtype=np.float64)


def histogram(series: Sequence[Series], *, unit: str, places: int) -> str:
    """Draw the values of a metric.

    Rows share the horizontal axis and the scale of their counts, so outputs can be compared by
    eye. A dashed line is each mean.

    Args:
        series: one per output.
        unit: of the values, or "".
        places: decimals of the values.

    Returns:
        An <svg> element, or a <p> where no value is finite.
    """
    drawn = [[value for value in one.values if math.isfinite(value)] for one in series]
    everything = [value for values in drawn for value in values]
    if not everything:
        return "<p>No value to draw.</p>"
    edges = bin_edges(everything)
    counts = [np.histogram(values, edges)[0] for values in drawn]
    top = max(int(one.max()) for one in counts)
    labelled = len(series) > 1
    row_height = _ROW + _LABEL
    height = row_height * len(series) + _AXIS

    def across(value: float) -> float:
        return _LEFT + (value - edges[0]) / (edges[-1] - edges[0]) * (_WIDTH - _LEFT - _RIGHT)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(_words(series, drawn, unit, places))}">'
    ]
    for index, (one, values, bins) in enumerate(zip(series, drawn, counts, strict=True)):
        floor = row_height * (index + 1)
        parts += _row(floor, top)
        parts += _bars(bins, edges, across, floor, top, one.output, unit)
        if values:
            mean = float(np.mean(values))
            x = across(mean)
            parts.append(
                f'<line class="mean" x1="{x:.1f}" x2="{x:.1f}" y1="{floor - _ROW - 4}" '
                f'y2="{floor}"/><text x="{_WIDTH - _RIGHT}" y="{floor - _ROW - 7}" '
                f'text-anchor="end">mean {number(mean, places)}</text>'
            )
        if labelled:
            parts.append(
                f'<text class="row-label" x="{_LEFT}" y="{floor - _ROW - 7}">'
                f"{escape(_short(one.label))}</text>"
            )
    parts += _ticks(edges, across, row_height * len(series))
    parts.append("</svg>")
    return "".join(parts)


def _row(floor: int, top: int) -> list[str]:
    """The axis of counts: nought and the most."""
    ceiling = floor - _ROW
    return [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{ceiling}" y2="{ceiling}"/>'
        f'<text x="{_LEFT - 6}" y="{ceiling + 4}" text-anchor="end">{top}</text>'
        f'<text x="{_LEFT - 6}" y="{floor}" text-anchor="end">0</text>'
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{floor}" y2="{floor}"/>'
    ]


def _bars(
    bins: NDArray[np.int64],
    edges: NDArray[np.float64],
    across: Callable[[float], float],
    floor: int,
    top: int,
    output: int,
    unit: str,
) -> list[str]:
    digits = _digits(float(edges[1] - edges[0]))
    parts = [f'<g class="output-{output % 6}">']
    for amount, left, right in zip(bins.tolist(), edges[:-1], edges[1:], strict=True):
        if not amount:
            continue
        tall = _ROW * amount / top
        words = f"{number(left, digits)} to {number(right, digits)} {unit}".rstrip()
        parts.append(
            f'<rect class="bar" x="{across(left) + 0.5:.1f}" y="{floor - tall:.1f}" '
            f'width="{max(across(right) - across(left) - 1, 1):.1f}" height="{tall:.1f}">'
            f"<title>{escape(words)}: {count(amount, 'picture')}</title></rect>"
        )
    return [*parts, "</g>"]


def _ticks(edges: NDArray[np.float64], across: Callable[[float], float], floor: int) -> list[str]:
    """Write at most seven edges below the axis, round ones, with as few decimals as they need."""
    span = float(edges[-1] - edges[0])
    step = nice_step(span, 6)
    digits = _digits(step)
    parts: list[str] = []
    first, last = math.ceil(edges[0] / step - 1e-9), math.floor(edges[-1] / step + 1e-9)
    for value in (index * step for index in range(first, last + 1)):
        x = across(value)
        anchor = "end" if x > _WIDTH - _RIGHT - 8 else "middle"
        parts.append(
            f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{floor}" y2="{floor + 4}"/>'
            f'<text x="{x:.1f}" y="{floor + 17}" text-anchor="{anchor}">'
            f"{number(value, digits)}</text>"
        )
    return parts


def _digits(step: float) -> int:
    """Decimals that a round step needs."""
    return next(d for d in range(20) if abs(round(step, d) - step) < 1e-6 * step)


def _short(label: str) -> str:
    return label if len(label) <= 34 else label[:33] + "…"


def _words(
    series: Sequence[Series], drawn: Sequence[Sequence[float]], unit: str, places: int
) -> str:
    """Say what the drawing shows, for those who cannot see it."""
    said = [
        f"{one.label}: {count(len(values), 'picture')} from {number(min(values), places)} to "
        f"{number(max(values), places)} {unit}".rstrip()
        for one, values in zip(series, drawn, strict=True)
        if values
    ]
    return "Histogram. " + "; ".join(said)
