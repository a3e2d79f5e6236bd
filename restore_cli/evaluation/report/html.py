"""One HTML file that shows what was measured: tables, histograms, and the pictures themselves.

The file needs nothing beside it and asks the network for nothing. It is written as a stream, one
picture after another, so memory does not grow with their number.
"""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from restore_cli.evaluation.measurement import Measurement, MetricInfo
from restore_cli.evaluation.numbers import count, decimals
from restore_cli.evaluation.plots import Series, histogram
from restore_cli.evaluation.ranking import Rank
from restore_cli.evaluation.report.gallery import gallery, worst_first
from restore_cli.evaluation.report.shell import Section, page
from restore_cli.evaluation.report.tables import differences as differences_table
from restore_cli.evaluation.report.tables import headline, ranked
from restore_cli.evaluation.statistics import Difference
from restore_cli.evaluation.templating import render
from restore_cli.images.atomic import open_atomically

_RESULTS = (
    "Worst 5 %: one picture in twenty is worse than this. Pictures identical to their reference "
    "have no finite PSNR: they are counted, and left out of its mean."
)
_DIFFERENCES = (
    "The second output less the first, picture by picture. Where the interval (bootstrap over the "
    "pictures) holds zero, the difference cannot be told from chance. Better, worse and equal "
    "count the pictures on which the second output is so."
)
_RANKING = (
    "By the mean over the pictures that have a value in every output. The intervals come from "
    "drawing the pictures again and again; outputs whose places overlap are not told apart."
)
_SPREAD = "How many pictures have which value. The dashed line is the mean."
_RESIZED = (
    "References were resized to the size of their outputs before measuring. Such numbers depend on "
    "how, and are not comparable with published ones."
)


def write_report(
    path: Path,
    measurements: list[Measurement],
    *,
    differences: Mapping[tuple[str, str, str], Difference] | None,
    resize_reference: bool,
    ranking: Sequence[tuple[str, Sequence[Rank]]] = (),
    pictures: int = 200,
) -> None:
    """Write the report.

    Args:
        path: the HTML file; replaced if it exists. Its folder must exist.
        measurements: one per output, at least one, of the same metrics and references. Bars of
            photometric and structural error are drawn where "photometric-share" was measured.
        differences: by (label a, label b, metric): what `paired_difference` of a and b gave, b
            less a. None or empty with one output.
        resize_reference: references were brought to the size of their output; the report says so
            and does the same.
        ranking: by metric, the outputs in order; with more than two.
        pictures: at most this many are shown, the worst by the first metric that has a number per
            picture (with several outputs: by the worst of a picture's numbers).

    Raises:
        RestoreError: a picture can no longer be read or has changed its size, or the file cannot
            be written. Nothing is left behind.
        ValueError: there is no measurement.
    """
    if not measurements:
        raise ValueError("no measurement to report")
    metrics = measurements[0].metrics
    per_picture = [info for info in metrics.values() if info.per_picture]
    cases = worst_first(measurements, per_picture[0] if per_picture else None)
    shown = cases[: max(0, pictures)]
    places = _places(measurements)
    sections = [Section("Results", _RESULTS, headline(measurements, places))]
    if ranking:
        sections.append(Section("Ranking", _RANKING, ranked(ranking, places)))
    if differences:
        table = differences_table(differences, metrics, places)
        sections.append(Section("Paired differences", _DIFFERENCES, table))
    if per_picture:
        plots = _plots(measurements, per_picture, places)
        sections.append(Section("Distribution", _SPREAD, plots))
    parts = page(
        title=" · ".join(measurement.label for measurement in measurements),
        lead=_lead(measurements, len(cases)),
        notice=_RESIZED if resize_reference else "",
        sections=sections,
        pictures=gallery(measurements, shown, total=len(cases), places=places) if shown else (),
    )
    with open_atomically(path) as file:
        for part in parts:
            # A file or folder may be called something that is no Unicode.
            file.write(part.encode("utf-8", "backslashreplace"))


def _lead(measurements: Sequence[Measurement], total: int) -> str:
    folders = {str(row.pair.reference.parent) for row in measurements[0].rows}
    # The folder that holds all references, whether they lie in subfolders or not.
    where = os.path.commonpath(sorted(folders)) if folders else ""
    return f"{count(total, 'picture')}, compared with the references in {where or '.'}"


def _values(measurement: Measurement, info: MetricInfo) -> list[float]:
    if not info.per_picture:
        return [measurement.totals[info.name]]
    return [row.values.get(info.name, math.nan) for row in measurement.rows]


def _places(measurements: Sequence[Measurement]) -> dict[str, int]:
    """Decimals by metric, the same for all outputs."""
    return {
        name: decimals(info.unit, [v for one in measurements for v in _values(one, info)])
        for name, info in measurements[0].metrics.items()
    }


def _plots(
    measurements: Sequence[Measurement], metrics: Sequence[MetricInfo], places: Mapping[str, int]
) -> Markup:
    plots: list[dict[str, object]] = []
    for info in metrics:
        series = [
            Series(one.label, _values(one, info), index) for index, one in enumerate(measurements)
        ]
        identical = sum(value == math.inf for one in series for value in one.values)
        plots.append(
            {
                "name": info.name,
                "unit": info.unit,
                "drawing": histogram(series, unit=info.unit, places=places[info.name]),
                "identical": count(identical, "identical picture") if identical else "",
            }
        )
    return render("plots.html", plots=plots)
