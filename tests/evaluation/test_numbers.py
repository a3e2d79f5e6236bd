"""Numbers as people read them."""

import math

import pytest

from restore_cli.evaluation.numbers import count, decimals, number


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (28.346, 2, "28.35"),
        (0.91234, 4, "0.9123"),
        (-0.5, 1, "−0.5"),
        (-0.001, 2, "0.00"),
        (math.inf, 2, "identical"),
        (-math.inf, 2, "−∞"),
        (math.nan, 2, "–"),
    ],
)
def test_numbers(value: float, places: int, text: str) -> None:
    assert number(value, places) == text


@pytest.mark.parametrize(("value", "text"), [(0.25, "+0.25"), (-0.25, "−0.25"), (0.001, "0.00")])
def test_signed_numbers(value: float, text: str) -> None:
    assert number(value, 2, signed=True) == text


@pytest.mark.parametrize(
    ("unit", "values", "places"),
    [
        ("dB", [0.5], 2),
        ("", [0.5, 1.0, math.inf], 4),
        ("", [3.2, math.nan], 2),
        ("", [], 4),
    ],
)
def test_decimals_follow_the_unit_and_the_size(unit: str, values: list[float], places: int) -> None:
    assert decimals(unit, values) == places


def test_counts_have_their_plural() -> None:
    assert [count(n, "picture") for n in (0, 1, 2)] == ["0 pictures", "1 picture", "2 pictures"]
