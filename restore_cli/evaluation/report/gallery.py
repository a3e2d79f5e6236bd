"""The report's pictures: which come first, how they can be sorted, and their files read in turn."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from restore_cli.errors import RestoreError
from restore_cli.evaluation.measurement import Measurement, MetricInfo, Row
from restore_cli.evaluation.numbers import count
from restore_cli.evaluation.reading import resized
from restore_cli.evaluation.report.cards import PHOTOMETRIC_SHARE, Side, card
from restore_cli.evaluation.report.pictures import (
    HEAT_TOP,
    LONGEST,
    error_map,
    fitted,
    heat_uris,
    most_bytes,
    picture_uris,
)
from restore_cli.evaluation.templating import stream
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

    Returns:
        Pieces of a <section>.

    Raises:
        RestoreError: a picture can no longer be read, or has another size than when measured.
    """
    metrics = [info for info in measurements[0].metrics.values() if info.per_picture]
    most = most_bytes((2 * len(measurements) + 1) * len(cases))
    return stream(
        "gallery.html",
        words=_words(metrics, len(cases), total),
        orders=_orders([one.label for one in measurements], metrics),
        cards=(
            card(
                case.name,
                rank,
                size=case.size,
                shown=fitted(*case.size, LONGEST),
                outputs=outputs,
                reference=reference,
                metrics=metrics,
                places=places,
                values=[row.values if row else {} for row in case.rows],
            )
            for rank, case in enumerate(cases, 1)
            for outputs, reference in [_sides(case, measurements, most)]
        ),
    )


def _sides(case: Case, measurements: Sequence[Measurement], most: int) -> tuple[list[Side], Side]:
    """Read a picture's files: the outputs, and the reference they share."""
    present = [(index, row) for index, row in enumerate(case.rows) if row is not None]
    original = Picture.read(present[0][1].pair.reference).to_srgb()
    pictures = [_output(row) for _, row in present]
    like = [_like(original, picture.shape) for picture in pictures]
    errors = [error_map(ours, theirs) for ours, theirs in zip(pictures, like, strict=True)]
    *shown, reference = picture_uris([*pictures, like[0]], most)
    outputs = [
        Side(
            key=str(index),
            label=measurements[index].label,
            picture=picture,
            heat=heat,
            values=row.values,
            identical=not error.any(),
        )
        for (index, row), picture, heat, error in zip(
            present, shown, heat_uris(errors, most), errors, strict=True
        )
    ]
    return outputs, Side("reference", "reference", reference, "", {})


def _output(row: Row) -> NDArray[np.float32]:
    output = Picture.read(row.pair.output).to_srgb()
    if output.shape[:2] != (row.height, row.width):
        raise RestoreError(
            f"{row.pair.output}: its size has changed since it was measured",
            hint="run the command again when nothing else writes to it",
        )
    return output


def _like(reference: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    return reference if reference.shape == shape else resized(reference, shape[0], shape[1])


def _words(metrics: Sequence[MetricInfo], shown: int, total: int) -> str:
    """Say what is shown, and how."""
    some = f"{shown} of {total} pictures" if shown < total else count(total, "picture")
    first = f", the worst by {metrics[0].name} first" if metrics else ""
    bars = (
        " The bar splits the squared error: photometric is what one affine map of the colours "
        "would mend, structural is the rest."
        if any(info.name == PHOTOMETRIC_SHARE for info in metrics)
        else ""
    )
    return (
        f"{some}{first}. Drag the divider, or use the arrow keys on it; double-click to zoom. "
        f"Small pictures keep every pixel at 8 bits; others are reduced to {LONGEST} px and "
        "compressed for this page, while the numbers were measured on the files themselves. "
        f"Error maps go from 0 to {HEAT_TOP:g} of the full range on every picture.{bars}"
    )


def _orders(labels: Sequence[str], metrics: Sequence[MetricInfo]) -> list[dict[str, object]]:
    """List every order: by metric over all outputs, of one output, and of a pair."""

    def group(title: str, output: object, against: int | None = None) -> dict[str, object]:
        options = [
            {
                "value": f"{index}:{output}:{against}",
                "metric": index,
                "output": output,
                "higher": int(info.higher_is_better),
                "against": against,
                "words": f"{info.name}, {title}" if title else info.name,
            }
            for index, info in enumerate(metrics)
        ]
        return {"title": title, "options": options}

    if not metrics:
        return []
    if len(labels) == 1:
        return [group("", 0)]
    groups = [group("worst of all outputs", "any")]
    groups += [group(label, index) for index, label in enumerate(labels)]
    pairs = permutations(enumerate(labels), 2)
    return groups + [group(f"{a} behind {b}", i, j) for (i, a), (j, b) in pairs]
