"""How numbers are written in the report."""

import math
from collections.abc import Iterable

IDENTICAL = "identical"
"""What stands for infinity: the picture equals its reference, so there is no error to measure."""

_NONE = "–"
_MINUS = "−"


def decimals(unit: str, values: Iterable[float]) -> int:
    """Choose one number of decimals for all values of a metric, so that they line up.

    Two for decibels and for values beyond 2 (FID, colour differences), four for what lives
    around 0..1 (SSIM, shares, LPIPS).

    Args:
        unit: the metric's unit, such as "dB", or "".
        values: its values; those that are not finite do not count.
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return 2 if unit == "dB" or largest > 2 else 4


def number(value: float, places: int, *, signed: bool = False) -> str:
    """Write a number for people.

    Args:
        value: infinity becomes "identical", no number at all a dash.
        places: decimals.
        signed: put a plus before what is above zero.

    Returns:
        Plain text without <, > or &.
    """
    if math.isnan(value):
        return _NONE
    if math.isinf(value):
        return IDENTICAL if value > 0 else f"{_MINUS}∞"
    text = f"{value:+.{places}f}" if signed else f"{value:.{places}f}"
    if float(text) == 0:
        text = f"{0:.{places}f}"  # neither -0.00 nor +0.00
    return text.replace("-", _MINUS)


def count(amount: int, noun: str) -> str:
    """Write "1 picture" or "3 pictures"."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"
