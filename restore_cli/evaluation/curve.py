"""Curves as a PNG: lines with named points, axes with round ticks; drawn with Pillow alone."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from restore_cli.evaluation.report.plots import nice_step

_WIDTH, _HEIGHT = 960, 640
_LEFT, _RIGHT, _TOP, _BOTTOM = 100, 40, 60, 80  # around the axes
_SCALE = 2  # drawn larger and reduced, since Pillow's lines are not smoothed
_COLOURS = ("#1f5fa8", "#c2571a", "#3c8a3f", "#7b4fa0")
_INK, _GRID = "#222222", "#dddddd"
_MOST_TICKS = 8


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


def draw_curves(lines: Sequence[Line], *, title: str, x: str, y: str) -> bytes:
    """Draw lines into one pair of axes.

    Args:
        lines: at least one with a finite point.
        title: above the axes.
        x: what the horizontal axis shows.
        y: what the vertical axis shows.

    Returns:
        A PNG file, 960 x 640 px.

    Raises:
        ValueError: there is no finite point.
    """
    finite = [
        [p for p in line.points if math.isfinite(p[0]) and math.isfinite(p[1])] for line in lines
    ]
    every = [point for points in finite for point in points]
    if not every:
        raise ValueError("no finite point to draw")
    across = _Axis.over([p[0] for p in every], _LEFT, _WIDTH - _RIGHT)
    upward = _Axis.over([p[1] for p in every], _HEIGHT - _BOTTOM, _TOP)
    image = Image.new("RGB", (_WIDTH * _SCALE, _HEIGHT * _SCALE), "white")
    pen = _Pen(ImageDraw.Draw(image))
    for tick in across.ticks:
        place = across(tick)
        pen.line([(place, _TOP), (place, _HEIGHT - _BOTTOM)], _GRID, 1)
        pen.text((place, _HEIGHT - _BOTTOM + 10), across.word(tick), 15, "ma")
    for tick in upward.ticks:
        place = upward(tick)
        pen.line([(_LEFT, place), (_WIDTH - _RIGHT, place)], _GRID, 1)
        pen.text((_LEFT - 10, place), upward.word(tick), 15, "rm")
    pen.text((_LEFT, 14), title, 20, "la")
    pen.text(((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 18), x, 17, "ms")
    pen.text((12, _TOP - 8), y, 17, "ls")
    for index, (line, points) in enumerate(zip(lines, finite, strict=True)):
        colour = _COLOURS[index % len(_COLOURS)]
        places = [(across(a), upward(b)) for a, b, _ in points]
        if len(places) > 1:
            pen.line(places, colour, 3)
        for place, (_, _, name) in zip(places, points, strict=True):
            pen.dot(place, colour)
            if name:
                pen.text((place[0] + 8, place[1] - 8), name, 13, "ls", colour)
        pen.text((_WIDTH - _RIGHT, _TOP + 8 + 22 * index), line.label, 17, "ra", colour)
    buffer = io.BytesIO()
    image.resize((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values to px along one axis, a little wider than the values."""

    low: float
    high: float
    start: float
    stop: float
    step: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, stop: float) -> "_Axis":
        low, high = min(values), max(values)
        # All values alike: something around them.
        span = max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-9)
        margin = 0.06 * span + (span - (high - low)) / 2
        low, high = low - margin, high + margin
        return cls(low, high, start, stop, nice_step(high - low, _MOST_TICKS))

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    @property
    def ticks(self) -> list[float]:
        first, last = math.ceil(self.low / self.step), math.floor(self.high / self.step)
        return [k * self.step for k in range(first, last + 1)]

    def word(self, value: float) -> str:
        # As many decimals as the step needs; 2.5 needs one more than 1, 2 and 5.
        places = max(0, -math.floor(math.log10(self.step) + 1e-9))
        more = abs(self.step * 10**places - round(self.step * 10**places)) > 1e-6
        return f"{value + 0.0:.{places + more}f}"


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
