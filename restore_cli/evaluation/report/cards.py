"""One picture in the report: slider, error map, numbers, and what its error is made of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from restore_cli.evaluation.measurement import MetricInfo
from restore_cli.evaluation.numbers import number
from restore_cli.evaluation.report.pictures import HEAT_TOP
from restore_cli.evaluation.templating import render

PHOTOMETRIC_SHARE = "photometric-share"
"""The metric behind the bar: 0 is an error of structure only, 1 of brightness and colour only."""

_ZOOMS = (("fit", "Fit"), ("1", "100 %"), ("2", "200 %"), ("4", "400 %"))
_SMALL = 320  # pixels; what is narrower is enlarged, and then shown as squares


@dataclass(frozen=True, slots=True)
class Side:
    """A picture that can stand on either side of the divider.

    Args:
        key: the output's number as text, or "reference".
        label: its name for people.
        picture: data URI.
        heat: data URI of its error map; "" for the reference.
        values: its numbers by metric; empty for the reference.
        identical: every pixel is the reference's.
    """

    key: str
    label: str
    picture: str
    heat: str
    values: Mapping[str, float]
    identical: bool = False


def card(
    name: str,
    rank: int,
    *,
    size: tuple[int, int],
    shown: tuple[int, int],
    outputs: Sequence[Side],
    reference: Side,
    metrics: Sequence[MetricInfo],
    places: Mapping[str, int],
    values: Sequence[Mapping[str, float]],
) -> Markup:
    """Write one picture.

    Args:
        name: the picture's name.
        rank: 1 for the first.
        size: width and height of its file.
        shown: width and height as embedded.
        outputs: at least one.
        reference: what they are compared with.
        metrics: those with a value per picture, in order.
        places: decimals by metric.
        values: for the page's sorting, the numbers of every output of the report in order; empty
            for an output that lacks this picture.

    Returns:
        An <article>.
    """
    data = ";".join(
        ",".join(_script_number(one.get(info.name, math.nan)) for info in metrics) for one in values
    )
    numbers = [
        {
            "info": info,
            "cells": [
                number(side.values.get(info.name, math.nan), places[info.name]) for side in outputs
            ],
        }
        for info in metrics
    ]
    return render(
        "card.html",
        name=name,
        rank=rank,
        size=size,
        shown=shown,
        small=shown[0] < _SMALL,
        data=data,
        outputs=list(outputs),
        reference=reference,
        zooms=_ZOOMS,
        heat_top=f"{HEAT_TOP:g}",
        numbers=numbers,
        splits=[_split(side) for side in outputs if PHOTOMETRIC_SHARE in side.values],
    )


def _split(side: Side) -> dict[str, object]:
    """The bar of the photometric and structural parts of one output's squared error."""
    share = side.values[PHOTOMETRIC_SHARE]
    # Of no error the share is nought or not a number: a bar of it would mislead.
    percent = 100 * min(1.0, max(0.0, share)) if math.isfinite(share) else None
    return {"label": side.label, "identical": side.identical, "percent": percent}


def _script_number(value: float) -> str:
    """Write a number as JavaScript's Number() reads it, infinity included."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "NaN" if math.isnan(value) else f"{value:.8g}"
