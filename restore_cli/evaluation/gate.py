"""What has fallen since a baseline was kept, and whether a gate for CI lets it pass.

Means gate (`--max-drop`), single pictures gate (`--max-drop-each`), or both. Pictures that fell
without a bound of their own are told, for they explain the mean; they stop nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from restore_cli.errors import RestoreError
from restore_cli.evaluation.baseline import AGAIN, Baseline
from restore_cli.evaluation.measurement import Measurement, MetricInfo
from restore_cli.evaluation.problems import Problems
from restore_cli.numerals import number

_ROUNDING = 1e-9  # 30.05 - 30 is a little more than 0.05


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much worse numbers may be than in the baseline, in each metric's unit, zero or more.

    Attributes:
        means: by metric, for the mean over the pictures, or the number of the whole set.
        each: by metric, for every single picture.
    """

    means: Mapping[str, float] = field(default_factory=dict[str, float])
    each: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def metrics(self) -> list[str]:
        """The metrics that have a bound, in order, each once."""
        return list(dict.fromkeys([*self.means, *self.each]))


@dataclass(frozen=True, slots=True)
class Check:
    """One number, then and now.

    Attributes:
        metric: by which metric.
        name: of the picture; None for the mean, or for the number of the whole set.
        before: value in the baseline; infinite if the picture was identical to its reference.
        now: value now; NaN if it is no longer defined. A mean is taken over the pictures that were
            and are not identical to their references, before and now, so that both are means of
            the same pictures.
        drop: how much worse it got, in the metric's unit; negative where it got better, infinite
            where a picture is no longer identical or has lost its value.
        allowed: how much worse it may get; None where it stops nothing.
        higher_is_better: of the metric.
    """

    metric: str
    name: str | None
    before: float
    now: float
    drop: float
    allowed: float | None
    higher_is_better: bool

    @property
    def fell(self) -> bool:
        """Whether it is worse at all, rounding aside."""
        return self.drop > _ROUNDING

    @property
    def failed(self) -> bool:
        """Whether it is worse by more than allowed, and stops the gate."""
        return self.allowed is not None and self.drop > self.allowed + _ROUNDING

    @property
    def subject(self) -> str:
        """What was compared: the metric, and the picture or "(mean)"."""
        return f"{self.metric} {'(mean)' if self.name is None else self.name}"

    @property
    def words(self) -> str:
        """What became of it: "30.1234 -> 30.0234, may fall by 0.05"."""
        change = f"{_word(self.before)} -> {_word(self.now)}"
        if self.allowed is None:
            return f"{change}, worse by {self.drop:.4f}" if self.fell else change
        return f"{change}, may {'fall' if self.higher_is_better else 'rise'} by {self.allowed:g}"


@dataclass(frozen=True)
class Verdict:
    """What a gate found.

    Attributes:
        label: what the outputs of the baseline were called.
        bounds: what was allowed.
        checks: every number that was compared: by metric, the mean first, then the pictures in
            the order of the baseline.
    """

    label: str
    bounds: Bounds
    checks: Sequence[Check]

    @property
    def failed(self) -> list[Check]:
        """What stops the gate; by metric, the mean first, then pictures, the worst first."""
        return self._worst_first([one for one in self.checks if one.failed])

    @property
    def passed(self) -> bool:
        """Whether nothing stops the gate."""
        return not any(one.failed for one in self.checks)

    @property
    def fallen(self) -> list[Check]:
        """Every number that is worse, allowed or not, in the order of `failed`."""
        return self._worst_first([one for one in self.checks if one.fell])

    def _worst_first(self, checks: Sequence[Check]) -> list[Check]:
        place = {metric: index for index, metric in enumerate(self.bounds.metrics)}
        return sorted(checks, key=lambda one: (place[one.metric], one.name is not None, -one.drop))


def parse_max_drop(text: str, option: str = "--max-drop") -> dict[str, float]:
    """Read how much each metric may fall: "psnr=0.05,ssim=0.001".

    Args:
        text: what follows the option.
        option: its name, for messages.

    Returns:
        The bounds, in each metric's unit, zero or more. Where lower is better, it is how much the
        metric may rise.

    Raises:
        RestoreError: it is not such a list.
    """
    example = f"write it like {option} psnr=0.05,ssim=0.001"
    bounds: dict[str, float] = {}
    for part in text.split(","):
        name, equals, told = (piece.strip() for piece in part.partition("="))
        if not name or not equals or not told:
            raise RestoreError(f"{option}: {part.strip()!r} is not NAME=NUMBER", hint=example)
        try:
            bound = number(told)
        except ValueError as error:
            raise RestoreError(
                f"{option}: {told!r} for {name} is not a number", hint=example
            ) from error
        if bound < 0:
            raise RestoreError(
                f"{option}: {told} for {name} is not zero or a positive number", hint=example
            )
        if name in bounds:
            raise RestoreError(f"{option} names {name} twice", hint="name each metric once")
        bounds[name] = bound
    return bounds


def judge(measurement: Measurement, baseline: Baseline, bounds: Bounds) -> Verdict:
    """Compare numbers with those of a baseline.

    A mean fails if it fell by more than its bound, a picture if it fell by more than `bounds.each`
    allows. A picture that was identical to its reference and is not any more, or has lost its
    value, fails under either kind of bound: no mean shows it.

    Args:
        measurement: of now.
        baseline: of then.
        bounds: see `parse_max_drop`.

    Raises:
        RestoreError: there is no bound, a bound names a metric that was not measured or is not in
            the baseline, protocols differ, or the pictures are not the same.
    """
    if not bounds.metrics:
        raise RestoreError(
            "nothing says how much may fall", hint="add --max-drop, for example psnr=0.05"
        )
    now = Baseline.of(measurement)
    check_comparable(now.pictures, now.metrics, baseline, bounds)
    checks: list[Check] = []
    for name in bounds.metrics:
        if now.metrics[name].per_picture:
            checks += _of_pictures(name, baseline, now, bounds)
        else:
            before, after = baseline.totals[name], now.totals[name]
            info = now.metrics[name]
            drop = _drop(before, after, info)
            may = bounds.means[name]
            checks.append(Check(name, None, before, after, drop, may, info.higher_is_better))
    return Verdict(baseline.label, bounds, checks)


def _of_pictures(name: str, then: Baseline, now: Baseline, bounds: Bounds) -> list[Check]:
    """The mean, if there is one to compare, and every picture."""
    info, after = now.metrics[name], now.values[name]
    mean_may, each_may = bounds.means.get(name), bounds.each.get(name)
    each: list[Check] = []
    for picture, before in then.values[name].items():
        if math.isnan(before):
            continue
        value = after.get(picture, math.nan)
        drop = _drop(before, value, info)
        lost = math.isinf(drop) and drop > 0
        allowed = mean_may if lost and each_may is None else each_may
        each.append(Check(name, picture, before, value, drop, allowed, info.higher_is_better))
    both = [one for one in each if math.isfinite(one.before) and math.isfinite(one.now)]
    if not both:
        return each
    mean_before = math.fsum(one.before for one in both) / len(both)
    mean_now = math.fsum(one.now for one in both) / len(both)
    drop = _drop(mean_before, mean_now, info)
    up = info.higher_is_better
    return [Check(name, None, mean_before, mean_now, drop, mean_may, up), *each]


def _drop(before: float, now: float, info: MetricInfo) -> float:
    """How much worse it got, in the metric's unit; infinite where a value was lost."""
    if math.isnan(before) or before == now:
        return 0.0
    if math.isnan(now) or math.isinf(before):
        return math.inf
    return before - now if info.higher_is_better else now - before


def _word(value: float) -> str:
    if math.isinf(value):
        return "identical"
    return "not defined" if math.isnan(value) else f"{value:.4f}"


def check_comparable(
    pictures: Sequence[str],
    metrics: Mapping[str, MetricInfo],
    baseline: Baseline,
    bounds: Bounds,
) -> None:
    """Make sure that a gate can be judged; nothing need have been computed yet.

    Args:
        pictures: names of the pairs that are measured.
        metrics: by which metrics, by name.
        baseline: of then.
        bounds: what may fall.

    Raises:
        RestoreError: a bound names a metric that is not measured, is not in the baseline or has
            no number for a single picture where one is asked for, protocols differ, or the
            pictures are not the same. All of it is listed.
    """
    problems = Problems()
    for name in bounds.metrics:
        option = "--max-drop" if name in bounds.means else "--max-drop-each"
        if name not in metrics:
            problems.add(
                "metrics not measured",
                f"{option} names {name}, which was not measured",
                f"add {name} to --metrics, or take it out of {option}",
            )
        elif name in bounds.each and not metrics[name].per_picture:
            problems.add(
                "metrics of the whole set",
                f"--max-drop-each names {name}, which is one number for the whole set",
                "name it in --max-drop instead",
            )
        elif name not in baseline.metrics:
            problems.add(
                "metrics not in the baseline",
                f"{option} names {name}, which is not in the baseline",
                AGAIN,
            )
        elif metrics[name].protocol != baseline.metrics[name].protocol:
            problems.add(
                "other protocols",
                f"{name} is computed in another way: {metrics[name].protocol!r} now, "
                f"{baseline.metrics[name].protocol!r} in the baseline",
                f"use the same options and versions as then, or {AGAIN}",
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
            hint = f"measure the same pictures as then, or {AGAIN}"
            problems.add(f"that {what}", f"{name} {what}", hint)
