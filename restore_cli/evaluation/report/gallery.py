"""The report's pictures: which come first, how they can be sorted, and their files read in turn."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from restore_cli.errors import RestoreError
from restore_cli.evaluation.measurement import Measurement, MetricInfo, Row
from restore_cli.evaluation.numbers import count
from restore_cli.evaluation.reading import resized
from restore_cli.evaluation.report.cards import PHOTOMETRIC_SHARE, Side, card
from restore_cli.evaluation.report.pictures import (
    HEAT_TOP,
    Embedding,
    error_map,
    fitted,
    heat_uri,
    picture_uri,
    plan,
)
from restore_cli.images.picture import Picture


@dataclass(frozen=True, slots=True)
class Case:
    """A picture of the report.

    Args:
        name: its name, the same in every measurement.
        rows: its row in each measurement; None where a measurement lacks it.
    """

    name: str
    rows: tuple[Row | None, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, those of the first output."""
        first = next(row for row in self.rows if row is not None)
        return first.width, first.height


def worst_first(measurements: Sequence[Measurement], info: MetricInfo | None) -> list[Case]:
    """Bring the pictures of all measurements into order, the worst first.

    Args:
        measurements: one per output.
        info: the metric that counts; each picture's worst value over the outputs. None keeps the
            order. Pictures without a number come last.

    Returns:
        Every picture once.
    """
    rows = [{row.pair.name: row for row in measurement.rows} for measurement in measurements]
    names = dict.fromkeys(name for table in rows for name in table)
    cases = [Case(name, tuple(table.get(name) for table in rows)) for name in names]
    if info is None:
        return cases

    def badness(case: Case) -> float:
        sign = -1.0 if info.higher_is_better else 1.0
        values = [sign * row.values.get(info.name, math.nan) for row in case.rows if row]
        return max((value for value in values if not math.isnan(value)), default=math.nan)

    known = [(badness(case), case) for case in cases]
    ranked = sorted((pair for pair in known if not math.isnan(pair[0])), key=lambda p: -p[0])
    return [case for _, case in ranked] + [case for bad, case in known if math.isnan(bad)]


def gallery(
    measurements: Sequence[Measurement],
    cases: Sequence[Case],
    *,
    total: int,
    places: Mapping[str, int],
) -> Iterator[str]:
    """Write the pictures one after another; at any time the files of one are in memory.

    Args:
        measurements: one per output.
        cases: the pictures to show, in order; at least one.
        total: how many there are, shown or not.
        places: decimals by metric.

    Yields:
        Pieces of a <section>.

    Raises:
        RestoreError: a picture can no longer be read, or has another size than when measured.
    """
    metrics = [info for info in measurements[0].metrics.values() if info.per_picture]
    embedding = plan([case.size for case in cases], 2 * len(measurements) + 1)
    yield f"""
<section><h2>Pictures</h2><p>{escape(_words(metrics, len(cases), total, embedding))}</p>
<div class="controls">
<label>Sort by <select id="sort">{_sort_options(measurements, metrics)}</select></label>
<label>Order <select id="order"><option value="worst">worst first</option>\
<option value="best">best first</option></select></label>
<label>Name <input id="filter" type="search" placeholder="part of a name"></label>
<output id="count" for="sort order filter"></output>
</div>
<p class="no-match" id="no-match" hidden>No picture has this in its name.</p>
<div id="cards">"""
    for rank, case in enumerate(cases, 1):
        outputs, reference = _sides(case, measurements, embedding)
        yield card(
            case.name,
            rank,
            size=case.size,
            shown=fitted(*case.size, embedding.side),
            outputs=outputs,
            reference=reference,
            metrics=metrics,
            places=places,
            values=[row.values if row else {} for row in case.rows],
        )
    yield "</div>\n</section>\n"


def _sides(
    case: Case, measurements: Sequence[Measurement], embedding: Embedding
) -> tuple[list[Side], Side]:
    """Read a picture's files: the outputs, and the reference they share."""
    present = [(index, row) for index, row in enumerate(case.rows) if row is not None]
    original = Picture.read(present[0][1].pair.reference).to_srgb()
    outputs: list[Side] = []
    for index, row in present:
        output = Picture.read(row.pair.output).to_srgb()
        if output.shape[:2] != (row.height, row.width):
            raise RestoreError(
                f"{row.pair.output}: its size has changed since it was measured",
                hint="run the command again when nothing else writes to it",
            )
        error = error_map(output, _like(original, output.shape))
        outputs.append(
            Side(
                key=str(index),
                label=measurements[index].label,
                picture=picture_uri(output, embedding),
                heat=heat_uri(error, embedding),
                values=row.values,
                identical=not error.any(),
            )
        )
    return outputs, Side("reference", "reference", picture_uri(original, embedding), "", {})


def _like(reference: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    return reference if reference.shape == shape else resized(reference, shape[0], shape[1])


def _words(metrics: Sequence[MetricInfo], shown: int, total: int, embedding: Embedding) -> str:
    """Say what is shown, and how."""
    some = f"{shown} of {total} pictures" if shown < total else count(total, "picture")
    first = f", the worst by {metrics[0].name} first" if metrics else ""
    pixels = (
        "Every pixel is kept, at 8 bits."
        if embedding.exact
        else "Compressed for this page (WebP); the numbers were measured on the files themselves."
    )
    bars = (
        " The bar splits the squared error: photometric is what one affine map of the colours "
        "would mend, structural is the rest."
        if any(info.name == PHOTOMETRIC_SHARE for info in metrics)
        else ""
    )
    return (
        f"{some}{first}. Drag the divider, or use the arrow keys on it; double-click to zoom. "
        f"{pixels} Pictures longer than {embedding.side} px are reduced to that. Error maps go "
        f"from 0 to {HEAT_TOP:g} of the full range on every picture.{bars}"
    )


def _sort_options(measurements: Sequence[Measurement], metrics: Sequence[MetricInfo]) -> str:
    """Write every order: by metric over all outputs, of one output, of a pair, and by name."""

    def group(title: str, output: object, against: int | None = None) -> str:
        more = "" if against is None else f' data-against="{against}"'
        options = "".join(
            f'<option value="{index}:{output}:{against}" data-metric="{index}" '
            f'data-output="{output}" data-higher="{int(info.higher_is_better)}"{more}>'
            f"{escape(info.name)}{escape(title and f', {title}')}</option>"
            for index, info in enumerate(metrics)
        )
        return f'<optgroup label="{escape(title)}">{options}</optgroup>' if title else options

    labels = [measurement.label for measurement in measurements]
    by_name = '<option value="name">name</option>'
    if not metrics:
        return by_name
    if len(labels) == 1:
        return group("", 0) + by_name
    groups = [group("worst of all outputs", "any")]
    groups += [group(label, index) for index, label in enumerate(labels)]
    groups += [
        group(f"{a} behind {b}", i, j)
        for i, a in enumerate(labels)
        for j, b in enumerate(labels)
        if i != j
    ]
    return "".join(groups) + by_name
