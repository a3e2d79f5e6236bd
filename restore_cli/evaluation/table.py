"""Measurements as CSV, for spreadsheets and scripts."""

import csv
import io
from collections.abc import Sequence

from restore_cli.evaluation.measurement import Measurement

COLUMNS = ("output", "picture", "width", "height", "metric", "value", "unit", "protocol")


def as_csv(measurements: Sequence[Measurement]) -> bytes:
    """Put one line for each number, so that each carries its protocol (long format).

    The columns are `COLUMNS`: the set of outputs, the name of the pair, the output's size, and the
    number with its meaning. Numbers have all their digits; a picture identical to its reference
    has the value "inf", a value that is not defined is "nan". A metric of the whole set (FID) has
    one line without picture and size. A name that a spreadsheet would compute (it begins with =,
    +, - or @) has an apostrophe before it.

    Args:
        measurements: one or more, in this order.

    Returns:
        UTF-8, as RFC 4180 has it.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in measurements:
        for row in one.rows:
            for name, value in row.values.items():
                info = one.metrics[name]
                size = (row.width, row.height)
                number = (name, float(value), info.unit, info.protocol)
                writer.writerow((_text(one.label), _text(row.pair.name), *size, *number))
        for name, info in one.metrics.items():
            if not info.per_picture:
                number = (name, float(one.totals[name]), info.unit, info.protocol)
                writer.writerow((_text(one.label), "", "", "", *number))
    # A folder may be called something that is no Unicode.
    return text.getvalue().encode("utf-8", "backslashreplace")


def _text(name: str) -> str:
    """A name as a cell that a spreadsheet takes for text."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name
