"""Numbers kept from an earlier run, and what has fallen since: a gate for CI.

The file is strict JSON, which has no infinity. A picture that is identical to its reference has
`null` as its value and stands in the metric's list `identical`; a `null` that is not listed is a
value that is not defined. The mean is `null` if all pictures are identical.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from restore_cli.errors import RestoreError
from restore_cli.evaluation.measurement import Measurement, MetricInfo
from restore_cli.evaluation.problems import Problems
from restore_cli.images.atomic import write_atomically

FORMAT = "restore-eval-baseline"
VERSION = 1
_ROUNDING = 1e-9  # 30.05 - 30 is a little more than 0.05
_AGAIN = "make it again with --save-baseline"

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


@dataclass(frozen=True, slots=True)
class Fall:
    """Something that got worse.

    Attributes:
        metric: by which metric.
        name: of the picture; None for the mean, or for the number of the whole set.
        before: value in the baseline; infinite if the picture was identical to its reference.
        now: value now; NaN if it is no longer defined. A mean is taken over the pictures that were
            and are not identical to their references, before and now, so that both are means of
            the same pictures.
        allowed: how much it may fall.
    """

    metric: str
    name: str | None
    before: float
    now: float
    allowed: float


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
        raw = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
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
            f"the baseline {path} is not JSON ({error})", hint=f"restore the file, or {_AGAIN}"
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
            hint=f"install a newer restore-cli, or {_AGAIN}",
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
            f"the baseline {path} is damaged: {why}", hint=f"restore the file, or {_AGAIN}"
        ) from error
    return _unpack(file)


def parse_max_drop(text: str) -> dict[str, float]:
    """Read how much each metric may fall: "psnr=0.05,ssim=0.001".

    Returns:
        The bounds, in each metric's unit, zero or more. Where lower is better, it is how much the
        metric may rise.

    Raises:
        RestoreError: it is not such a list.
    """
    example = "write it like --max-drop psnr=0.05,ssim=0.001"
    bounds: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if not name or not equals or not number:
            raise RestoreError(f"--max-drop: {part.strip()!r} is not NAME=NUMBER", hint=example)
        try:
            bound = float(number)
        except ValueError as error:
            raise RestoreError(
                f"--max-drop: {number!r} for {name} is not a number", hint=example
            ) from error
        if not math.isfinite(bound) or bound < 0:
            raise RestoreError(
                f"--max-drop: {number} for {name} is not zero or a positive number", hint=example
            )
        if name in bounds:
            raise RestoreError(f"--max-drop names {name} twice", hint="name each metric once")
        bounds[name] = bound
    return bounds


def falls(
    measurement: Measurement, baseline: Baseline, max_drop: Mapping[str, float]
) -> list[Fall]:
    """Find what fell by more than it may.

    A metric fails if its mean fell by more than allowed; its pictures that fell by more than
    allowed follow, worst first. It fails as well if a picture was identical to its reference and
    is not any more, or has lost its value, whatever the mean says.

    Args:
        measurement: of now.
        baseline: of then.
        max_drop: bounds, by metric; see `parse_max_drop`.

    Returns:
        What fell; empty if the gate is passed. Metrics in the order of `max_drop`.

    Raises:
        RestoreError: there is no bound, a bound names a metric that was not measured or is not in
            the baseline, protocols differ, or the pictures are not the same.
    """
    if not max_drop:
        raise RestoreError(
            "nothing says how much may fall", hint="add --max-drop, for example psnr=0.05"
        )
    now = Baseline.of(measurement)
    check_comparable(now.pictures, now.metrics, baseline, max_drop)
    found: list[Fall] = []
    for name, allowed in max_drop.items():
        if now.metrics[name].per_picture:
            found += _falls_of_pictures(name, baseline, now, allowed)
        else:
            one = Fall(name, None, baseline.totals[name], now.totals[name], allowed)
            found += [one] if _fell(one, now.metrics[name]) else []
    return found


def _falls_of_pictures(name: str, then: Baseline, now: Baseline, allowed: float) -> list[Fall]:
    info, before, after = now.metrics[name], then.values[name], now.values[name]
    each = [
        Fall(name, picture, value, after.get(picture, math.nan), allowed)
        for picture, value in before.items()
        if not math.isnan(value)
    ]
    fallen = [one for one in each if _fell(one, info)]
    # Losses that no mean shows: what was infinite, or what is not defined any more.
    lost = [one for one in fallen if math.isinf(one.before) or math.isnan(one.now)]
    both = [one for one in each if math.isfinite(one.before) and math.isfinite(one.now)]
    means: list[Fall] = []
    if both:
        mean_before = math.fsum(one.before for one in both) / len(both)
        mean_now = math.fsum(one.now for one in both) / len(both)
        mean = Fall(name, None, mean_before, mean_now, allowed)
        means = [mean] if _fell(mean, info) else []
    listed = fallen if means else lost
    return means + sorted(listed, key=lambda one: _drop(one, info), reverse=True)


def _drop(fall: Fall, info: MetricInfo) -> float:
    """How much worse it got, in the metric's unit; infinite where a value was lost."""
    if math.isnan(fall.before) or fall.before == fall.now:
        return 0.0
    if math.isnan(fall.now) or math.isinf(fall.before):
        return math.inf
    return fall.before - fall.now if info.higher_is_better else fall.now - fall.before


def _fell(fall: Fall, info: MetricInfo) -> bool:
    return _drop(fall, info) > fall.allowed + _ROUNDING


def check_comparable(
    pictures: Sequence[str],
    metrics: Mapping[str, MetricInfo],
    baseline: Baseline,
    max_drop: Mapping[str, float],
) -> None:
    """Make sure that a gate can be judged; nothing need have been computed yet.

    Args:
        pictures: names of the pairs that are measured.
        metrics: by which metrics, by name.
        baseline: of then.
        max_drop: bounds, by metric.

    Raises:
        RestoreError: a bound names a metric that is not measured or is not in the baseline,
            protocols differ, or the pictures are not the same. All of it is listed.
    """
    problems = Problems()
    for name in max_drop:
        if name not in metrics:
            problems.add(
                "metrics not measured",
                f"--max-drop names {name}, which was not measured",
                f"add {name} to --metrics, or take it out of --max-drop",
            )
        elif name not in baseline.metrics:
            problems.add(
                "metrics not in the baseline",
                f"--max-drop names {name}, which is not in the baseline",
                _AGAIN,
            )
        elif metrics[name].protocol != baseline.metrics[name].protocol:
            problems.add(
                "other protocols",
                f"{name} is computed in another way: {metrics[name].protocol!r} now, "
                f"{baseline.metrics[name].protocol!r} in the baseline",
                f"use the same options and versions as then, or {_AGAIN}",
            )
    then = baseline.pictures
    _add_missing(problems, then, pictures, "is in the baseline, but was not measured")
    _add_missing(problems, pictures, then, "was measured, but is not in the baseline")
    problems.raise_any("this measurement and the baseline cannot be compared")


def _add_missing(
    problems: Problems, pictures: Sequence[str], others: Sequence[str], what: str
) -> None:
    known = set(others)
    for name in pictures:
        if name not in known:
            hint = f"measure the same pictures as then, or {_AGAIN}"
            problems.add(f"that {what}", f"{name} {what}", hint)


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
