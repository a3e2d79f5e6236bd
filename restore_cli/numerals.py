"""Numbers as people type them: `5`, `-0.25`, `.5`, `1e-3`.

Python's own `float` and `int` take more than anyone means: `1_0` for 10, digits of every script,
`nan` and `inf`. A slip of the finger would become a number.
"""

import math
import re

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def is_whole(text: str) -> bool:
    """Whether a text is a whole number; blanks around it do not count."""
    return _WHOLE.fullmatch(text.strip()) is not None


def is_number(text: str) -> bool:
    """Whether a text is a number that is neither infinite nor beyond the largest float."""
    return _NUMBER.fullmatch(text.strip()) is not None and math.isfinite(float(text))


def number(text: str) -> float:
    """The number that a text is.

    Raises:
        ValueError: it is none.
    """
    if not is_number(text):
        raise ValueError(f"{text!r} is not a number")
    return float(text)
