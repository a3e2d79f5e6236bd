"""What a measurement is: rows of numbers, and what each number means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restore_cli.evaluation.pairing import Pair

if TYPE_CHECKING:
    from restore_cli.evaluation.metrics import Metric


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one pair.

    Attributes:
        pair: which.
        width: of the output, pixels.
        height: of the output, pixels.
        values: by metric, in that metric's unit, for the metrics that judge single pictures.
            Infinite where the metric says so of equal pictures (PSNR).
        notes: how pictures of unlike kinds were made comparable, in words.
    """

    pair: Pair
    width: int
    height: int
    values: dict[str, float]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What a number means.

    Attributes:
        name: as the user asked for it, "psnr".
        unit: "dB", or "" for a bare number.
        higher_is_better: False for errors and distances.
        per_picture: False where there is one number for the whole set.
        protocol: how it is computed, in words, so that two numbers can be compared.
    """

    name: str
    unit: str
    higher_is_better: bool
    per_picture: bool
    protocol: str

    @classmethod
    def of(cls, metric: "Metric") -> "MetricInfo":
        """Take it from a metric."""
        return cls(
            metric.name, metric.unit, metric.higher_is_better, metric.per_picture, metric.protocol
        )


@dataclass(frozen=True)
class Measurement:
    """All numbers of one set of outputs.

    Attributes:
        label: what the set is called: the output folder's name.
        rows: one for each pair, in order.
        metrics: what the numbers mean, by name.
        totals: one number for the set, by metric: the mean over pictures where it is finite.
    """

    label: str
    rows: list[Row]
    metrics: dict[str, MetricInfo]
    totals: dict[str, float]

    @classmethod
    def of(cls, label: str, rows: Sequence[Row], metrics: "Sequence[Metric]") -> "Measurement":
        """Put together what `measure` gave and what the metrics have gathered meanwhile."""
        infos = {metric.name: MetricInfo.of(metric) for metric in metrics}
        totals = {metric.name: float(metric.compute()) for metric in metrics}
        return cls(label, list(rows), infos, totals)
