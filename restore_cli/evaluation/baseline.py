"""Numbers kept from an earlier run, to compare later ones with.

The file is strict JSON, which has no infinity. A picture that is identical to its reference has
`null` as its value and stands in the metric's list `identical`; a `null` that is not listed is a
value that is not defined. The mean is `null` if all pictures are identical.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from restore_cli.errors import RestoreError
from restore_cli.evaluation.measurement import Measurement, MetricInfo
from restore_cli.images.atomic import write_atomically
from restore_cli.small_file import read_small

FORMAT = "restore-eval-baseline"
VERSION = 1
_MOST_BYTES = 2**28
AGAIN = "make it again with --save-baseline"
"""The cure for a baseline that does not fit."""

_Number = Annotated[float, Field(allow_inf_nan=False)]


class _Metric(BaseModel):
    """One metric as the file has it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    unit: str
    higher_is_better: bool
    per_picture: bool
    protocol: str
    mean: _Number | None
    values: dict[str, _Number | None]
    identical: list[str]


class _File(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", strict=True)
    format: Literal["restore-eval-baseline"]
    version: int
    label: str
    pictures: list[str]
    metrics: dict[str, _Metric]


@dataclass(frozen=True)
class Baseline:
    """What an earlier run measured.

    Attributes:
        label: what the outputs were called.
        pictures: names of the pairs, in order.
        metrics: what the numbers mean, by name.
        totals: one number for the set, by metric.
        values: by metric, then by picture; infinite where output and reference were identical.
    """

    label: str
    pictures: list[str]
    metrics: dict[str, MetricInfo]
    totals: dict[str, float]
    values: dict[str, dict[str, float]]

    @classmethod
    def of(cls, measurement: Measurement) -> "Baseline":
        """Keep what is needed of a measurement."""
        return cls(
            measurement.label,
            [row.pair.name for row in measurement.rows],
            measurement.metrics,
            measurement.totals,
            {name: _values(measurement, name) for name in measurement.metrics},
        )


def save(path: Path, measurement: Measurement) -> None:
    """Write a baseline; the file is whole or as it was before.

    Raises:
        RestoreError: it cannot be written.
    """
    kept = Baseline.of(measurement)
    metrics: dict[str, _Metric] = {}
    for name, info in kept.metrics.items():
        values = kept.values[name]
        metrics[name] = _Metric(
            unit=info.unit,
            higher_is_better=info.higher_is_better,
            per_picture=info.per_picture,
            protocol=info.protocol,
            mean=_finite(kept.totals[name]),
            values={picture: _finite(value) for picture, value in values.items()},
            identical=[picture for picture, value in values.items() if math.isinf(value)],
        )
    file = _File(
        format=FORMAT, version=VERSION, label=kept.label, pictures=kept.pictures, metrics=metrics
    )
    text = json.dumps(file.model_dump(), indent=1, allow_nan=False)
    write_atomically(path, f"{text}\n".encode("ascii"))


def load(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        RestoreError: it cannot be read, is no baseline, is damaged, or is of a newer version.
    """
    try:
        raw = json.loads(read_small(path, most=_MOST_BYTES), parse_constant=_refuse_constant)
    except FileNotFoundError as error:
        raise RestoreError(
            f"there is no baseline {path}", hint="make one with --save-baseline"
        ) from error
    except OSError as error:
        raise RestoreError(
            f"the baseline {path} cannot be read: {error.strerror or error}",
            hint="name a file that --save-baseline wrote",
        ) from error
    except (ValueError, RecursionError) as error:
        raise RestoreError(
            f"the baseline {path} is not JSON ({error})", hint=f"restore the file, or {AGAIN}"
        ) from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise RestoreError(
            f"{path} is not a baseline of this program",
            hint="name a file that --save-baseline wrote",
        )
    version = raw.get("version")
    if isinstance(version, int) and version > VERSION:
        raise RestoreError(
            f"the baseline {path} has version {version}; this program reads up to {VERSION}",
            hint=f"install a newer restore-cli, or {AGAIN}",
        )
    try:
        file = _File.model_validate(raw)
        _check_complete(file)
    except ValueError as error:  # pydantic's is one
        why = str(error)
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise RestoreError(
            f"the baseline {path} is damaged: {why}", hint=f"restore the file, or {AGAIN}"
        ) from error
    return _unpack(file)


def _values(measurement: Measurement, metric: str) -> dict[str, float]:
    rows = measurement.rows
    return {row.pair.name: row.values[metric] for row in rows if metric in row.values}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _check_complete(file: _File) -> None:
    """Refuse a file that lacks values: what is not there would pass the gate."""
    for name, one in file.metrics.items():
        if one.per_picture and set(one.values) != set(file.pictures):
            raise ValueError(f"metrics.{name}.values: not one value for each picture")


def _refuse_constant(text: str) -> float:
    raise ValueError(f"it holds {text}")


def _unpack(file: _File) -> Baseline:
    metrics: dict[str, MetricInfo] = {}
    totals: dict[str, float] = {}
    values: dict[str, dict[str, float]] = {}
    for name, one in file.metrics.items():
        identical = set(one.identical)
        values[name] = {
            picture: value if value is not None else math.inf if picture in identical else math.nan
            for picture, value in one.values.items()
        }
        all_identical = bool(identical) and all(map(math.isinf, values[name].values()))
        nothing = math.inf if all_identical else math.nan
        totals[name] = nothing if one.mean is None else one.mean
        metrics[name] = MetricInfo(
            name, one.unit, one.higher_is_better, one.per_picture, one.protocol
        )
    return Baseline(file.label, file.pictures, metrics, totals, values)
