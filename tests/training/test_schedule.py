import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from restore_cli.errors import RestoreError
from restore_cli.recipe import OptimSection, Recipe
from restore_cli.training import loop
from restore_cli.training.loop import Trained
from restore_cli.training.runs import Run
from restore_cli.training.schedule import (
    ByClock,
    BySteps,
    duration,
    interpolated,
    learning_rate,
    since_start,
)

Train = Callable[..., Trained]


def section(**values: object) -> OptimSection:
    return OptimSection.model_validate({"lr": 1.0, "warmup": 0} | values)


def rates(settings: OptimSection) -> list[float]:
    return [learning_rate(step, settings) for step in range(settings.steps)]


def test_cosine_warms_up_and_falls_to_zero_by_hand() -> None:
    found = rates(section(steps=8, warmup=4, lr=2.0))
    # (1 + cos(k pi / 4)) for the four steps after the warm-up
    root = math.sqrt(0.5)
    assert found == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 1 + root, 1.0, 1 - root])


def test_trapezoid_stays_and_falls_linearly_by_hand() -> None:
    found = rates(section(steps=10, warmup=2, cooldown=4, schedule="trapezoid"))
    assert found == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


def test_trapezoid_without_cooldown_or_warmup_is_constant() -> None:
    assert rates(section(steps=3, schedule="trapezoid")) == [1.0, 1.0, 1.0]


def test_a_longer_trapezoid_begins_like_a_shorter_one() -> None:
    short = rates(section(steps=20, warmup=5, cooldown=6, schedule="trapezoid"))
    long = rates(section(steps=50, warmup=5, cooldown=6, schedule="trapezoid"))
    assert short[:15] == long[:15]
    assert short[15] < long[15]


def test_steps_are_multiplied_by_gamma() -> None:
    found = rates(section(steps=6, schedule="steps", gamma=0.5, step_size=2))
    assert found == pytest.approx([1, 1, 0.5, 0.5, 0.25, 0.25])


def test_a_recorded_decay_takes_the_place_of_the_cooldown() -> None:
    settings = section(
        steps=10, schedule="trapezoid", warmup=2, decay=[(4, 1.0), (6, 0.5), (10, 0)]
    )
    assert rates(settings) == pytest.approx([0.5, 1, 1, 1, 1, 0.75, 0.5, 0.375, 0.25, 0.125])


def test_between_knots_it_is_linear_and_beyond_them_constant() -> None:
    knots = [(2, 1.0), (4, 0.5)]
    assert [interpolated(step, knots) for step in range(7)] == [1, 1, 1, 0.75, 0.5, 0.5, 0.5]


class Time:
    """A clock that each step moves on by what it takes."""

    def __init__(self, took: Callable[[int], float], *, before: float = 5.0) -> None:
        self.now, self._took = before, took

    def run(self, schedule: ByClock, first: int = 0) -> tuple[int, list[float], list[str]]:
        """Steps until the schedule ends; returns the last, the rates, and what states were."""
        found: list[float] = []
        kept: list[str] = []
        step = first
        while not schedule.finished(step):
            found.append(schedule.rate(step))
            kept.append(schedule.keeps)
            self.now += self._took(step)
            step += 1
        return step, found, kept


def clocked(time: Time, seconds: float, **values: object) -> ByClock:
    settings = section(steps=100, lr=2.0, **values)
    return ByClock(settings, seconds=seconds, tail=lambda: 4.0, clock=lambda: time.now)


@pytest.mark.parametrize(
    "took",
    [
        lambda _: 0.1,
        lambda step: 0.1 if step < 500 else 0.25,  # another program begins to work
        lambda step: 0.2 if step < 800 else 0.07,  # and ends
        lambda step: 0.1 + (0.8 if step % 100 == 50 else 0.0),  # measured, saved
    ],
    ids=["steady", "slower", "faster", "pauses"],
)
def test_by_the_clock_the_rate_is_constant_then_falls_to_zero_in_time(
    took: Callable[[int], float],
) -> None:
    time = Time(took)
    step, found, kept = time.run(clocked(time, 120.0))
    assert time.now + 4.0 == pytest.approx(120, abs=4)
    start = kept.index("nothing")
    assert set(kept[:start]) == {"trunk"}
    assert set(found[:start]) == {2.0}
    assert found[start:] == sorted(found[start:], reverse=True)
    assert found[-1] < 0.05
    assert sum(took(s) for s in range(start, step)) == pytest.approx(30, abs=5)  # a quarter


def test_what_is_learnt_after_the_last_step_has_its_time() -> None:
    time = Time(lambda _: 0.1)
    settings = section(steps=100, lr=2.0)
    schedule = ByClock(
        settings, seconds=120.0, tail=lambda: 4.0, clock=lambda: time.now, after=lambda: 200.0
    )
    step, _, _ = time.run(schedule)
    assert time.now + 4.0 + 200 * 0.1 == pytest.approx(120, abs=4)
    idle = Time(lambda _: 0.1)
    without, _, _ = idle.run(clocked(idle, 120.0))
    assert without - step == pytest.approx(200, abs=40)


def test_where_steps_are_slow_the_last_seconds_say_how_fast_it_is() -> None:
    time = Time(lambda step: 0.2 if step < 400 else 0.7 if step < 460 else 0.2)
    schedule = clocked(time, 240.0)
    time.run(schedule)
    assert 220 < time.now < 260
    assert time.now + 4.0 == pytest.approx(240, abs=6)


def test_the_hint_counts_what_is_learnt_after_the_last_step() -> None:
    time = Time(lambda _: 3.0)
    settings = section(steps=100, lr=2.0)

    def schedule(seconds: float) -> ByClock:
        return ByClock(
            settings, seconds=seconds, tail=lambda: 4.0, clock=lambda: time.now, after=lambda: 60.0
        )

    with pytest.raises(RestoreError, match="is too short for 20 steps") as caught:
        time.run(schedule(240.0))
    assert caught.value.hint is not None
    needed = duration(caught.value.hint.split()[1])
    time = Time(lambda _: 3.0)
    assert time.run(schedule(needed + 3))[0] >= 20


def test_a_speed_that_wavers_makes_few_bends() -> None:
    time = Time(lambda step: 0.1 + 0.08 * math.sin(step / 37) ** 3)
    schedule = clocked(time, 1200.0)
    time.run(schedule)
    assert time.now + 4.0 == pytest.approx(1200, abs=4)
    assert len(schedule.knots) < 40, schedule.knots


def test_the_recipe_of_what_was_done_repeats_it(parse: Callable[..., Recipe]) -> None:
    changes = ("optim.lr=2.0", "optim.warmup=30", "optim.steps=40")
    time = Time(lambda step: 0.1 if step < 600 else 0.16)
    schedule = ByClock(
        parse(*changes, "optim.cooldown_share=0.4").optim,
        seconds=100.0,
        tail=lambda: 4.0,
        clock=lambda: time.now,
    )
    step, found, _ = time.run(schedule)
    done = schedule.done(parse(*changes), step)
    again = Recipe.parse(done.dump(), source="the export")
    assert again.optim.steps == step
    assert [learning_rate(s, again.optim) for s in range(step)] == pytest.approx(found)


def test_a_later_sitting_counts_its_own_steps() -> None:
    time = Time(lambda _: 0.1)
    step, found, _ = time.run(clocked(time, 60.0, warmup=10), first=5000)
    assert 5400 < step < 5530
    assert found[0] == 2.0  # the warm-up was long ago


def test_too_little_time_for_twenty_steps_is_refused_with_what_it_takes() -> None:
    time = Time(lambda _: 2.0)
    with pytest.raises(
        RestoreError, match=r"too short for 20 steps: a step takes 2\.0 s"
    ) as caught:
        time.run(clocked(time, 40.0))
    assert caught.value.hint is not None
    needed = duration(caught.value.hint.split()[1])
    time = Time(lambda _: 2.0)
    assert time.run(clocked(time, needed + 2))[0] >= 20


def test_time_that_is_over_before_the_first_steps_is_refused() -> None:
    time = Time(lambda _: 0.1, before=30.0)
    with pytest.raises(RestoreError, match="the time ran out before it could start"):
        time.run(clocked(time, 20.0))


def test_by_steps_it_is_the_recipe() -> None:
    settings = section(steps=10, schedule="trapezoid", cooldown=5)
    schedule = BySteps(settings)
    assert [schedule.finished(step) for step in (0, 9, 10, 11)] == [False, False, True, True]
    assert [schedule.rate(s) for s in range(10)] == rates(settings)
    assert (schedule.keeps, schedule.total(3)) == ("checkpoint", 10)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("9m", 540), ("2h30m", 9000), ("90s", 90), ("1d2h", 93600), ("1.5h", 5400), (" 3M ", 180)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "9", "m", "9x", "30m2h", "-3m", "0s", "1.2.3s", "nan", "9m "[:1]]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(RestoreError, match="is not a duration"):
        duration(text)


def test_the_process_has_been_running_for_a_while() -> None:
    assert 0 < since_start() < 24 * 3600
    assert math.isfinite(since_start())


@pytest.fixture
def steps_as_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A clock on which each step takes a second, measuring and exporting none."""
    now = {"steps": 0.0}
    real = loop.take_step

    def counted(*args: object, **options: object) -> object:
        now["steps"] += 1
        return real(*args, **options)  # type: ignore[arg-type]

    def restart() -> None:
        now["steps"] = 0.0

    monkeypatch.setattr(loop, "take_step", counted)
    monkeypatch.setattr(loop, "since_start", lambda: now["steps"])
    monkeypatch.setattr(loop._Fit, "_tail", lambda self: 0.0)
    return restart


def test_a_trunk_continued_in_two_sittings_equals_one_bit_for_bit(
    train: Train, tmp_path: Path, steps_as_time: Callable[[], None]
) -> None:
    def trunk(folder: str) -> dict[str, Any]:
        return torch.load(tmp_path / folder / "trunk.pt", weights_only=True)

    changes = ("optim.warmup=3", "optim.cooldown_share=0.25")
    for folder, sittings in (("two", (40.0, 40.0)), ("one", (70.0,))):
        for seconds in sittings:
            steps_as_time()
            train(tmp_path / folder, *changes, seconds=seconds)
    # 40 s: a trunk of 30 steps and a cooldown of 10; from there 30 more. 70 s: one of 52.
    assert (trunk("two")["step"], trunk("one")["step"]) == (60, 53)
    steps_as_time()
    train(tmp_path / "exact", *changes, seconds=80.0)
    one, two = trunk("exact"), trunk("two")
    assert one["step"] == two["step"] == 60
    for part in ("modules", "average", "optimizers"):
        torch.testing.assert_close(one[part], two[part], atol=0, rtol=0)


def test_a_run_by_the_clock_exports_the_recipe_that_repeats_it(
    train: Train, pictures: Path, tmp_path: Path, steps_as_time: Callable[[], None]
) -> None:
    trained = train(tmp_path / "clock", "optim.warmup=3", seconds=40.0)
    assert trained.steps == trained.recipe.optim.steps == 40
    assert trained.recipe.optim.schedule == "trapezoid"
    root = f"data.root={pictures}"
    recipe = Recipe.parse(trained.recipe.dump(), source="the export", overrides=[root])
    again = loop.train(recipe, Run(tmp_path / "again", recipe, resume=True), device="cpu")
    for name, value in again.network.state_dict().items():
        assert torch.equal(value, trained.network.state_dict()[name]), name


def test_interrupted_by_the_clock_a_run_keeps_its_trunk(
    train: Train, tmp_path: Path, steps_as_time: Callable[[], None]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, seconds=40.0, stop=12)
    assert torch.load(tmp_path / "trunk.pt", weights_only=True)["step"] == 12
    steps_as_time()
    with pytest.raises(KeyboardInterrupt):  # in the cooldown: the trunk before it is kept
        train(tmp_path, seconds=40.0, stop=12 + 35)
    assert torch.load(tmp_path / "trunk.pt", weights_only=True)["step"] == 42
    assert not (tmp_path / "checkpoint.pt").exists()
