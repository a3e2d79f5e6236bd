from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.batch.manifest import MANIFEST_NAME, Identity
from restore_cli.batch.planning import Job
from restore_cli.batch.reading import Pictures, Restore
from restore_cli.cluster.worker import Setup, Stopped, Worker
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.errors import ExitCode, RestoreError


def inverted(image: Pixels) -> Restored[Pixels]:
    return Restored(1.0 - image, None, "cpu", "fp32")


def _build() -> Restore:
    return inverted


def _broken() -> Restore:
    raise RestoreError("there is no such model", hint="look again")


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Setup]:
    """Makes what a worker is told; the test stands in the folder of the command."""
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        pixels = np.full((4, 6, 3), 40 * number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    identity = Identity(model="abc", options={"task": "invert"})
    return partial(
        Setup,
        build=_build,
        identity=identity,
        reader=Pictures(),
        threads=1,
        preserve_times=False,
        folder=tmp_path,
    )


def _jobs() -> list[Job]:
    return [Job(Path(f"{number}.png"), Path(f"out/{number}.png"), "png") for number in range(3)]


def test_a_worker_writes_pictures_and_manifest_under_the_commands_folder(
    setup: Callable[..., Setup], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    worker = Worker(setup())
    assert worker.ready() is None
    results = list(worker.restore(_jobs(), "error"))
    assert [result.status for result in results if not isinstance(result, Stopped)] == ["done"] * 3
    with Image.open(tmp_path / "out" / "1.png") as picture:
        assert picture.getpixel((0, 0)) == (215, 215, 215)
    lines = (tmp_path / "out" / MANIFEST_NAME).read_text().splitlines()
    assert len(lines) == 3


def test_what_is_there_is_an_error_or_skipped_as_alone(setup: Callable[..., Setup]) -> None:
    worker = Worker(setup())
    assert worker.ready() is None
    list(worker.restore(_jobs()[:1], "error"))
    again = list(worker.restore(_jobs()[:1], "error"))
    assert [result.status for result in again if not isinstance(result, Stopped)] == ["failed"]
    skipped = list(worker.restore(_jobs()[:1], "skip"))
    assert [result.status for result in skipped if not isinstance(result, Stopped)] == ["skipped"]


def test_another_version_and_a_folder_that_is_not_shared_stop_everything(
    setup: Callable[..., Setup], tmp_path: Path
) -> None:
    other = Worker(replace(setup(), version="9.9"))
    stopped = other.ready()
    assert stopped is not None
    assert "9.9" in stopped.message
    lost = Worker(replace(setup(), folder=tmp_path / "not" / "shared"))
    stopped = lost.ready()
    assert stopped is not None
    assert "cannot enter" in stopped.message
    assert "share" in str(stopped.hint)


def test_a_model_that_is_not_there_stops_everything_in_plain_words(
    setup: Callable[..., Setup],
) -> None:
    worker = Worker(setup(build=_broken))
    assert worker.ready() is None
    (stopped,) = worker.restore(_jobs()[:1], "error")
    assert stopped == Stopped("there is no such model", "look again", ExitCode.USAGE)
    assert isinstance(stopped, Stopped)
    error = stopped.error()
    assert (error.message, error.hint) == ("there is no such model", "look again")
