"""Recipes that cannot run are refused before the first step, with the key to change."""

from collections.abc import Callable
from pathlib import Path

import pytest
from odd_objectives import Alternating

from restore_cli.errors import RestoreError
from restore_cli.methods import OBJECTIVES
from restore_cli.training.loop import Trained

Train = Callable[..., Trained]


def test_several_steps_cannot_be_accumulated(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OBJECTIVES, "alternating", Alternating)
    with pytest.raises(RestoreError, match="accumulate must be 1"):
        train(tmp_path, "objective.name=alternating", "optim.accumulate=2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.crop=15", r"data\.crop = 15 is not a multiple of 2"),
        ("data.validation_crop=1", r"data\.validation_crop = 1 is less than the 2 px"),
        ("optim.precision=fp16", "precision = 'fp16'"),
        ("network.name=unett", "unknown network 'unett'"),
        ("network.widths=[0, 0]", r"layer without channels: network\.head"),
        ("network.depths=[-1, 1]", r"network: depths holds a number below 0"),
        ("objective.name=super", "unknown objective 'super'"),
        ("data.train=nowhere", "no such folder"),
    ],
)
def test_a_recipe_that_cannot_run_is_refused_before_the_first_step(
    change: str, message: str, train: Train, tmp_path: Path
) -> None:
    with pytest.raises(RestoreError, match=message):
        train(tmp_path, change)
    assert not (tmp_path / "metrics.csv").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.batch=100000000", r"crops of \d+ px take \d+ GiB"),
        ("data.workers=2000", "more than a machine can run"),
    ],
)
def test_what_no_machine_has_room_for_is_refused(
    change: str, message: str, train: Train, tmp_path: Path
) -> None:
    with pytest.raises(RestoreError, match=message):
        train(tmp_path, change)
