"""The plot shows its points where they belong."""

import io

import numpy as np
import pytest
from PIL import Image

from restore_cli.evaluation.curve import Line, draw_curves

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
