import contextlib
import errno
import os
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator

from restore_cli.recipe import Recipe
from restore_cli.training.board import Board
from restore_cli.training.meter import Progress
from restore_cli.training.runs import Run
from restore_cli.training.step import Outcome

PROGRESS = Progress(
    step=7, steps=10, loss=0.5, learning_rate=0.1, images_per_second=3.0, seconds_left=1.0,
    validation_psnr=21.0, by_source={"rain": 20.0, "haze": 22.0},
)  # fmt: skip
OUTCOME = Outcome(torch.tensor(2.0), torch.tensor(0.5), {"pixel": torch.tensor(0.25)})


@contextlib.contextmanager
def excused(what: str) -> Generator[None]:
    assert what == "tensorboard"
    yield


def test_without_a_tracker_nothing_happens() -> None:
    board = Board(Accelerator(cpu=True), excused)
    board.numbers(PROGRESS, OUTCOME)
    board.pictures([(torch.rand(3, 8, 8),) * 3], 7)


def test_numbers_of_each_source_and_pictures_are_shown(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accelerator = Accelerator(cpu=True, log_with="tensorboard", project_dir=str(tmp_path))
    accelerator.init_trackers("tensorboard")
    board = Board(accelerator, excused)
    board.numbers(PROGRESS, OUTCOME)
    board.pictures([(torch.rand(3, 8, 12),) * 3], 7)
    accelerator.end_training()
    (events,) = {path.parent for path in tmp_path.rglob("events.out.tfevents.*")}
    seen = EventAccumulator(str(events))
    seen.Reload()
    found = {tag: seen.Scalars(tag)[0].value for tag in seen.Tags()["scalars"]}
    assert found["gradient norm"] == 2.0
    assert found["learning rate"] == pytest.approx(0.1)
    assert (found["validation/rain"], found["validation/haze"]) == (20.0, 22.0)
    assert found["loss/pixel"] == 0.25
    (tag,) = seen.Tags()["images"]
    (picture,) = seen.Images(tag)
    assert (picture.width, picture.height, picture.step) == (36, 8, 7)


def test_what_cannot_be_written_is_noted_once_and_nothing_more_is_shown(
    parse: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = Accelerator(cpu=True)
    run = Run(tmp_path / "run", parse(), resume=True)
    calls: list[int] = []

    def log(_: object, step: int) -> None:
        calls.append(step)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    tracker = SimpleNamespace(name="tensorboard", log=log, log_images=log)
    monkeypatch.setattr(accelerator, "trackers", [tracker])
    board = Board(accelerator, run.excused)
    board.numbers(PROGRESS, OUTCOME)
    board.numbers(PROGRESS, OUTCOME)
    board.pictures([(torch.rand(3, 8, 8),) * 3], 7)
    assert calls == [7]
    place = run.folder / "tensorboard"
    assert run.problems == {"tensorboard": f"{place} cannot be written: No space left on device"}
