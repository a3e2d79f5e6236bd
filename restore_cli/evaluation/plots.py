"""Every drawing of the project: histograms as SVG for pages, curves as pixels or PNG.

The report, `ot-correct sweep` and whatever writes TensorBoard events draw with these.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from restore_cli.evaluation.numbers import count, number
from restore_cli.evaluation.templating import render

MOST_BINS = 24
"""More bins than this would be too narrow to point at."""

_WIDTH, _LEFT, _RIGHT = 420, 34, 12
_ROW, _LABEL, _AXIS = 96, 26, 24  # heights: the bars, the words above them, the ticks below all
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

_SHEET = (960, 640)  # width and height of curves, px
_MARGINS = (100, 60, 40, 80)  # left, top, right, bottom of their axes
_SCALE = 2  # drawn larger and reduced, since Pillow's lines are not smoothed
_COLOURS = ("#1f5fa8", "#c2571a", "#3c8a3f", "#7b4fa0")
_INK, _GRID = "#222222", "#dddddd"
_MOST_TICKS = 8


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


def histogram(series: Sequence[Series], *, unit: str, places: int) -> Markup:
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
        return Markup("<p>No value to draw.</p>")
    edges = bin_edges(everything)
    counts = [np.histogram(values, edges)[0] for values in drawn]
    top = max(int(one.max()) for one in counts)
    axis = _Axis(float(edges[0]), float(edges[-1]), _LEFT, _WIDTH - _RIGHT)
    rows: list[dict[str, object]] = []
    for index, (one, values, bins) in enumerate(zip(series, drawn, counts, strict=True)):
        floor = (_ROW + _LABEL) * (index + 1)
        mean = float(np.mean(values)) if values else None
        rows.append(
            {
                "output": one.output,
                "floor": floor,
                "ceiling": floor - _ROW,
                "bars": _bars(bins, edges, axis, floor, top, unit),
                "mean": None if mean is None else number(mean, places),
                "mean_x": "" if mean is None else f"{axis(mean):.1f}",
                "label": _short(one.label) if len(series) > 1 else "",
            }
        )
    bottom = (_ROW + _LABEL) * len(series)
    return render(
        "histogram.svg",
        width=_WIDTH,
        height=bottom + _AXIS,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        top=top,
        rows=rows,
        bottom=bottom,
        ticks=[_tick(axis, value) for value in axis.ticks(6)],
        words=_words(series, drawn, unit, places),
    )


def _bars(
    bins: NDArray[np.int64],
    edges: NDArray[np.float64],
    axis: "_Axis",
    floor: int,
    top: int,
    unit: str,
) -> list[dict[str, str]]:
    digits = _digits(float(edges[1] - edges[0]))
    bars: list[dict[str, str]] = []
    for amount, left, right in zip(bins.tolist(), edges[:-1], edges[1:], strict=True):
        if not amount:
            continue
        tall = _ROW * amount / top
        words = f"{number(left, digits)} to {number(right, digits)} {unit}".rstrip()
        bars.append(
            {
                "x": f"{axis(left) + 0.5:.1f}",
                "y": f"{floor - tall:.1f}",
                "width": f"{max(axis(right) - axis(left) - 1, 1):.1f}",
                "height": f"{tall:.1f}",
                "words": f"{words}: {count(amount, 'picture')}",
            }
        )
    return bars


def _tick(axis: "_Axis", value: float) -> dict[str, str]:
    x = axis(value)
    anchor = "end" if x > _WIDTH - _RIGHT - 8 else "middle"
    return {"x": f"{x:.1f}", "anchor": anchor, "words": number(value, _digits(axis.step(6)))}


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


@dataclass(frozen=True, slots=True)
class Line:
    """One curve.

    Args:
        label: for the legend.
        points: (x, y, name) in order; points that are not finite are left out, an empty name is
            not written.
    """

    label: str
    points: Sequence[tuple[float, float, str]]


def paint_curves(lines: Sequence[Line], *, title: str, x: str, y: str) -> NDArray[np.uint8]:
    """Draw lines into one pair of axes.

    Args:
        lines: at least one with a finite point.
        title: above the axes.
        x: what the horizontal axis shows.
        y: what the vertical axis shows.

    Returns:
        (640, 960, 3) RGB, as TensorBoard's `add_image(..., dataformats="HWC")` takes it.

    Raises:
        ValueError: there is no finite point.
    """
    finite = [
        [p for p in line.points if math.isfinite(p[0]) and math.isfinite(p[1])] for line in lines
    ]
    every = [point for points in finite for point in points]
    if not every:
        raise ValueError("no finite point to draw")
    (width, height), (left, top, right, bottom) = _SHEET, _MARGINS
    across = _Axis.over([p[0] for p in every], left, width - right)
    upward = _Axis.over([p[1] for p in every], height - bottom, top)
    image = Image.new("RGB", (width * _SCALE, height * _SCALE), "white")
    pen = _Pen(ImageDraw.Draw(image))
    for tick in across.ticks(_MOST_TICKS):
        place = across(tick)
        pen.line([(place, top), (place, height - bottom)], _GRID, 1)
        pen.text((place, height - bottom + 10), across.word(tick), 15, "ma")
    for tick in upward.ticks(_MOST_TICKS):
        place = upward(tick)
        pen.line([(left, place), (width - right, place)], _GRID, 1)
        pen.text((left - 10, place), upward.word(tick), 15, "rm")
    pen.text((left, 14), title, 20, "la")
    pen.text(((left + width - right) / 2, height - 18), x, 17, "ms")
    pen.text((12, top - 8), y, 17, "ls")
    for index, (line, points) in enumerate(zip(lines, finite, strict=True)):
        colour = _COLOURS[index % len(_COLOURS)]
        places = [(across(a), upward(b)) for a, b, _ in points]
        if len(places) > 1:
            pen.line(places, colour, 3)
        for place, (_, _, name) in zip(places, points, strict=True):
            pen.dot(place, colour)
            if name:
                pen.text((place[0] + 8, place[1] - 8), name, 13, "ls", colour)
        pen.text((width - right, top + 8 + 22 * index), line.label, 17, "ra", colour)
    return np.asarray(image.resize(_SHEET, Image.Resampling.LANCZOS), np.uint8)


def draw_curves(lines: Sequence[Line], *, title: str, x: str, y: str) -> bytes:
    """Draw the same as a PNG file; see `paint_curves`."""
    buffer = io.BytesIO()
    Image.fromarray(paint_curves(lines, title=title, x=x, y=y)).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values to px along one axis."""

    low: float
    high: float
    start: float
    stop: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, stop: float) -> "_Axis":
        """An axis a little wider than the values."""
        low, high = min(values), max(values)
        # All values alike: something around them.
        span = max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-9)
        margin = 0.06 * span + (span - (high - low)) / 2
        return cls(low - margin, high + margin, start, stop)

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    def step(self, most: int) -> float:
        """A round step that cuts the axis into at most `most` parts."""
        return nice_step(self.high - self.low, most)

    def ticks(self, most: int) -> list[float]:
        """The multiples of that step."""
        step = self.step(most)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]

    def word(self, value: float) -> str:
        """A tick's number, with as few decimals as it needs."""
        return f"{value + 0.0:.{_digits(self.step(_MOST_TICKS))}f}"


class _Pen:
    """Draws in px of the final picture."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def line(self, places: Sequence[tuple[float, float]], colour: str, width: int) -> None:
        larger = [(a * _SCALE, b * _SCALE) for a, b in places]
        self._draw.line(larger, fill=colour, width=width * _SCALE, joint="curve")

    def dot(self, place: tuple[float, float], colour: str) -> None:
        a, b, r = place[0] * _SCALE, place[1] * _SCALE, 4 * _SCALE
        self._draw.ellipse((a - r, b - r, a + r, b + r), fill=colour)

    def text(
        self, place: tuple[float, float], words: str, size: int, anchor: str, colour: str = _INK
    ) -> None:
        font = ImageFont.load_default(size * _SCALE)
        larger = (place[0] * _SCALE, place[1] * _SCALE)
        self._draw.text(larger, words, fill=colour, font=font, anchor=anchor)
