import math
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from restore_cli.recipe import Recipe
from restore_cli.training.meter import Meter, csv_row
from restore_cli.training.state import State
from restore_cli.training.step import Outcome


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    hands = SimpleNamespace(now=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: hands.now)
    return hands


def state(step: int) -> State:
    return cast(State, SimpleNamespace(step=step, skipped=torch.tensor(3)))


def test_speed_and_loss_are_of_the_interval(
    parse: Callable[..., Recipe], clock: SimpleNamespace
) -> None:
    meter = Meter(parse("data.batch=8", "optim.accumulate=2", "optim.steps=100"), processes=3)
    for loss in (1.0, 2.0, 3.0, 6.0):
        meter.add(torch.tensor(loss))
    clock.now += 2.0
    progress = meter.read(state(40), rate=0.1, steps=100)
    assert progress.loss == 3.0
    assert progress.images_per_second == 4 * 8 * 2 * 3 / 2.0
    assert progress.seconds_left == 60 * 0.5
    assert (progress.step, progress.steps, progress.skipped) == (40, 100, 3)
    clock.now += 60.0  # validating does not count
    meter.restart()
    meter.add(torch.tensor(5.0))
    clock.now += 0.5
    progress = meter.read(state(41), rate=0.1, steps=100)
    assert (progress.loss, progress.images_per_second) == (5.0, 8 * 2 * 3 / 0.5)


def test_a_loss_that_is_not_finite_stays_out_of_the_mean(
    parse: Callable[..., Recipe], clock: SimpleNamespace
) -> None:
    meter = Meter(parse(), processes=1)
    for loss in (1.0, math.nan, math.inf, 3.0):
        meter.add(torch.tensor(loss))
    clock.now += 4.0
    progress = meter.read(state(4), rate=0.1, steps=9)
    assert progress.loss == 2.0
    assert progress.images_per_second == 2.0  # two pictures a step, all four steps counted
    meter.restart()
    meter.add(torch.tensor(math.nan))
    assert math.isnan(meter.read(state(5), rate=0.1, steps=9).loss)


def test_the_row_names_what_the_columns_hold(
    parse: Callable[..., Recipe], clock: SimpleNamespace
) -> None:
    meter = Meter(parse(), processes=1)
    meter.add(torch.tensor(0.25))
    clock.now += 1.0
    progress = meter.read(state(2), rate=0.002, steps=9)
    norm, loss, pixel, noise = torch.tensor([1.5, 0.25, 0.2, 0.05])
    row = csv_row(progress, Outcome(norm, loss, {"pixel": pixel, "noise": noise}), 61.04)
    assert row == {
        "step": 2,
        "loss": "0.25",
        "terms": "pixel=0.2 noise=0.05",
        "learning_rate": "0.002",
        "gradient_norm": "1.5",
        "images_per_second": "2",
        "seconds": "61.0",
        "skipped": 3,
        "validation_psnr": None,
    }
