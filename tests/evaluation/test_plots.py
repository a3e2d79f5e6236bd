"""Histograms: every value in one bin of round width. Curves: points where they belong."""

import io
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from restore_cli.evaluation.plots import (
    MOST_BINS,
    Line,
    Series,
    bin_edges,
    draw_curves,
    histogram,
    nice_step,
    paint_curves,
)

SVG = "{http://www.w3.org/2000/svg}"


def _parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(
        str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    )


def _bars(svg: str) -> list[tuple[str, float]]:
    """What each bar says and how tall it is."""
    return [
        (bar.findtext(f"{SVG}title") or "", float(bar.attrib["height"]))
        for bar in _parse(svg).iter(f"{SVG}rect")
    ]


@pytest.mark.parametrize(
    ("span", "most", "step"),
    [(10, 10, 1), (10, 6, 2), (0.3, 3, 0.1), (7, 3, 2.5), (0.012, 4, 0.005)],
)
def test_steps_are_round(span: float, most: int, step: float) -> None:
    assert nice_step(span, most) == pytest.approx(step)


@pytest.mark.parametrize(
    "values",
    [
        [28.0],
        [28.0] * 9,
        [0.0, 0.0],
        [-3.2, -1.1, 0.4],
        [0.30000000000000004, 0.1, 0.2],
        list(np.random.default_rng(0).normal(30, 3, 1000)),
        list(1 - np.random.default_rng(1).exponential(1e-4, 300)),
        [1e-9, 1e6],
    ],
)
def test_bins_hold_every_value_once_and_are_of_one_width(values: list[float]) -> None:
    edges = bin_edges(values)
    assert 1 <= len(edges) - 1 <= MOST_BINS + 1
    assert np.diff(edges) == pytest.approx(edges[1] - edges[0])
    assert np.histogram(values, edges)[0].sum() == len(values)


def test_the_highest_value_of_a_share_stays_below_one() -> None:
    assert bin_edges([0.0, 0.5, 1.0])[-1] == pytest.approx(1.0)


def test_bars_say_how_many_pictures_they_stand_for() -> None:
    svg = histogram([Series("a", [20.5, 21.2, 21.3, 23.9], 0)], unit="dB", places=2)
    bars = _bars(svg)
    assert bars[0][0] == "20 to 21 dB: 1 picture"
    assert bars[1][0] == "21 to 22 dB: 2 pictures"
    assert bars[1][1] == pytest.approx(2 * bars[0][1], abs=0.1)
    assert "mean 21.73" in svg


def test_outputs_share_their_axis_and_have_their_own_row_and_colour() -> None:
    svg = histogram(
        [Series("a", [20.0, 21.0], 0), Series("b", [30.0, 31.0], 1)], unit="dB", places=2
    )
    groups = [group.attrib["class"] for group in _parse(svg).iter(f"{SVG}g")]
    assert groups == ["output-0", "output-1"]
    assert re.findall(r'class="row-label"[^>]*>(\w)<', svg) == ["a", "b"]
    left, right = (
        [float(bar.attrib["x"]) for bar in group.iter(f"{SVG}rect")]
        for group in _parse(svg).iter(f"{SVG}g")
    )
    assert max(left) < min(right)


def test_values_that_are_not_finite_are_left_out() -> None:
    svg = histogram([Series("a", [20.0, math.inf, math.nan], 0)], unit="dB", places=2)
    assert [words for words, _ in _bars(svg)] == ["20.000 to 20.005 dB: 1 picture"]
    assert "mean 20.00" in svg


def test_nothing_finite_is_said_in_words() -> None:
    assert histogram([Series("a", [math.inf], 0)], unit="", places=2).startswith("<p>")


def test_names_are_escaped_and_shortened() -> None:
    hostile = "<script>&\"'" + "x" * 60
    svg = histogram([Series(hostile, [1.0], 0), Series("b", [2.0], 1)], unit="", places=2)
    label = _parse(svg).find(f"{SVG}text[@class='row-label']")
    assert label is not None
    assert label.text == hostile[:33] + "…"
    assert "<script" not in svg


@pytest.mark.parametrize("values", [[0.05, 0.62], [21.0, 34.9], [0.9991, 0.9999], [1e-7, 3e-7]])
def test_ticks_are_told_apart(values: list[float]) -> None:
    svg = _parse(histogram([Series("a", values, 0)], unit="", places=4))
    height = max(float(text.attrib["y"]) for text in svg.iter(f"{SVG}text"))
    ticks = [t.text for t in svg.iter(f"{SVG}text") if float(t.attrib["y"]) == height]
    assert len(set(ticks)) == len(ticks) >= 2


BLUE = np.array([0x1F, 0x5F, 0xA8])


def _pixels(*lines: Line) -> np.ndarray:
    image = Image.open(io.BytesIO(draw_curves(lines, title="t", x="x", y="y")))
    assert image.format == "PNG"
    assert image.size == (960, 640)
    return np.asarray(image.convert("RGB")).astype(int)


def _blue_places(pixels: np.ndarray) -> np.ndarray:
    # Below and left of the legend.
    near = np.abs(pixels - BLUE).sum(2) < 12
    near[:100, 700:] = False
    return np.argwhere(near)


def test_a_rising_line_goes_from_lower_left_to_upper_right() -> None:
    places = _blue_places(_pixels(Line("a", [(0.0, 1.0, ""), (1.0, 2.0, "")])))
    left, right = places[places[:, 1].argmin()], places[places[:, 1].argmax()]
    assert left[0] > 450
    assert right[0] < 160
    assert right[1] - left[1] > 600


def test_points_that_are_not_finite_are_left_out() -> None:
    line = Line("a", [(0.0, 1.0, "0"), (1.0, 2.0, "1")])
    longer = Line("a", [*line.points, (float("inf"), 1.0, "2"), (1.0, float("nan"), "3")])
    assert np.array_equal(_pixels(line), _pixels(longer))
    with pytest.raises(ValueError, match="no finite point"):
        draw_curves([Line("a", [(float("nan"), 0.0, "")])], title="", x="", y="")


def test_two_lines_have_two_colours_and_one_point_is_enough() -> None:
    pixels = _pixels(Line("a", [(3.0, 3.0, "")]), Line("b", [(3.0, 3.5, "only")]))
    orange = np.abs(pixels - np.array([0xC2, 0x57, 0x1A])).sum(2) < 12
    assert len(_blue_places(pixels)) > 20
    assert orange.sum() > 20


def test_pixels_are_those_of_the_file() -> None:
    lines = [Line("a", [(0.0, 1.0, ""), (1.0, 2.0, "")])]
    painted = paint_curves(lines, title="t", x="x", y="y")
    assert painted.dtype == np.uint8
    assert np.array_equal(painted, _pixels(*lines))
