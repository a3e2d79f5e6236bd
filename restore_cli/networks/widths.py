"""How wide a blur is: widths along four directions, and the one number that says it to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    # Levels are told and named where no torch is needed.
    from torch import Tensor

Numbers = TypeVar("Numbers", "Tensor", NDArray[np.float32])

DIRECTIONS = 4
"""Widths along 0, 45, 90 and 135 degrees: they tell how long a blur is, how thin, and which way."""
UNIT = 10.0
"""px: widths of usual blurs in this unit are of order one."""


def widths_in(context: Numbers) -> Numbers:
    """The standard deviations (B, 4), px, that a context (B, 5) of `networks.deblur` tells."""
    return UNIT * context[:, :DIRECTIONS] / context[:, DIRECTIONS:]


def level_in(context: Numbers) -> Numbers:
    """The root mean square distance of light from where it belongs, px, (B,).

    Its square is the sum of the variances along any two directions that cross at right angles.
    """
    squares: Any = widths_in(context) ** 2  # both kinds of arrays sum alike, in other words
    return (squares.sum(1) / (DIRECTIONS / 2)) ** 0.5
