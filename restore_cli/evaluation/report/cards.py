"""One picture in the report: slider, error map, numbers, and what its error is made of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from restore_cli.evaluation.measurement import MetricInfo
from restore_cli.evaluation.numbers import IDENTICAL, number
from restore_cli.evaluation.report.pictures import HEAT_TOP

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
) -> str:
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
    small = " small" if shown[0] < _SMALL else ""
    reduced = "" if size == shown else f" (shown at {shown[0]} × {shown[1]})"
    data = ";".join(
        ",".join(_script_number(one.get(info.name, math.nan)) for info in metrics) for one in values
    )
    return f"""
<article class="card{small}" data-name="{escape(name)}" data-values="{data}">
<header class="title"><span class="rank">{rank}.</span><h3>{escape(name)}</h3>\
<span class="size">{size[0]} × {size[1]} px{reduced}</span></header>
<div class="views">
{_compare(name, outputs, reference, shown)}
{_heat(name, outputs, shown)}
</div>
<div class="facts">
<div class="scroll">{_numbers(outputs, metrics, places)}</div>
<div>{"".join(_split(side, named=len(outputs) > 1) for side in outputs)}</div>
</div>
</article>
"""


def _compare(name: str, outputs: Sequence[Side], reference: Side, shown: tuple[int, int]) -> str:
    first = outputs[0]
    images = "".join(
        f'<img class="{"left" if side is first else "right" if side is reference else ""}"'
        f' data-side="{side.key}" src="{side.picture}" decoding="async" draggable="false"'
        f' alt="{escape(side.label)}: {escape(name)}"'
        f"{'' if side in (first, reference) else ' hidden'}>"
        for side in (*outputs, reference)
    )
    zooms = "".join(
        f'<button type="button" value="{value}" aria-pressed="{str(value == "fit").lower()}">'
        f"{words}</button>"
        for value, words in _ZOOMS
    )
    return f"""<figure class="view compare">
<div class="window"><div class="stage"><div class="frame" style="--w:{shown[0]};--h:{shown[1]}">\
{images}\
<input class="slider" type="range" min="0" max="100" value="50" \
aria-label="Divider between the two pictures of {escape(name)}, in percent from the left">\
<div class="divider"></div></div></div>\
<span class="tag on-left">{escape(first.label)}</span>\
<span class="tag on-right">{escape(reference.label)}</span></div>
<figcaption class="under"><span class="zoom" role="group" aria-label="Zoom">{zooms}</span>\
{_choices(outputs, reference)}</figcaption>
</figure>"""


def _choices(outputs: Sequence[Side], reference: Side) -> str:
    """Two lists of what stands left and right; nothing to choose with one output."""
    if len(outputs) < 2:
        return ""

    def options(chosen: Side) -> str:
        return "".join(
            f'<option value="{side.key}"{" selected" if side is chosen else ""}>'
            f"{escape(side.label)}</option>"
            for side in (*outputs, reference)
        )

    return (
        f'<label>Left <select class="choose-left">{options(outputs[0])}</select></label>'
        f'<label>Right <select class="choose-right">{options(reference)}</select></label>'
    )


def _heat(name: str, outputs: Sequence[Side], shown: tuple[int, int]) -> str:
    images = "".join(
        f'<img data-side="{side.key}" data-label="{escape(side.label)}" src="{side.heat}"'
        f' decoding="async" draggable="false"'
        f' alt="Error map of {escape(side.label)}: {escape(name)}"'
        f"{' hidden' if index else ''}>"
        for index, side in enumerate(outputs)
    )
    return f"""<figure class="view heat">
<div class="window"><div class="stage"><div class="frame" style="--w:{shown[0]};--h:{shown[1]}">\
{images}</div></div>\
<span class="tag on-left">error of <span class="of">{escape(outputs[0].label)}</span></span></div>
<figcaption class="under"><span class="legend">0 <i></i> {HEAT_TOP:g} and more</span>\
<span>absolute error, mean over channels</span></figcaption>
</figure>"""


def _numbers(
    outputs: Sequence[Side], metrics: Sequence[MetricInfo], places: Mapping[str, int]
) -> str:
    head = ""
    if len(outputs) > 1:
        names = "".join(
            f'<th class="number" scope="col"><span class="swatch output-{int(side.key) % 6}">'
            f"</span>{escape(side.label)}</th>"
            for side in outputs
        )
        head = f'<thead><tr><th scope="col">Metric</th>{names}</tr></thead>'
    body = "".join(
        f'<tr><th scope="row">{escape(info.name)} <span class="unit">{escape(info.unit)}</span>'
        + "</th>"
        + "".join(
            value_cell(side.values.get(info.name, math.nan), places[info.name]) for side in outputs
        )
        + "</tr>"
        for info in metrics
    )
    return f"<table>{head}<tbody>{body}</tbody></table>"


def value_cell(value: float, places: int) -> str:
    """Write a table cell with a number."""
    text = number(value, places)
    if text == IDENTICAL:
        text = f'<span class="identical">{text}</span>'
    return f'<td class="number">{text}</td>'


def _split(side: Side, *, named: bool) -> str:
    """The bar of the photometric and structural parts of one output's squared error."""
    share = side.values.get(PHOTOMETRIC_SHARE)
    if share is None:
        return ""
    of = f" of {escape(side.label)}" if named else ""
    # Of no error the share is nought or not a number: a bar of it would mislead.
    if side.identical:
        return f'<div class="split">Squared error{of}: none, it is identical.</div>'
    if not math.isfinite(share):
        return f'<div class="split">Squared error{of}: cannot be split.</div>'
    percent = 100 * min(1.0, max(0.0, share))
    return (
        f'<div class="split">Squared error{of}'
        f'<div class="track"><i class="photometric" style="width:{percent:.2f}%"></i>'
        f'<i class="structural"></i></div><div class="key">'
        f"<span>photometric {percent:.1f} %</span>"
        f"<span>structural {100 - percent:.1f} %</span></div></div>"
    )


def _script_number(value: float) -> str:
    """Write a number as JavaScript's Number() reads it, infinity included."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "NaN" if math.isnan(value) else f"{value:.8g}"
