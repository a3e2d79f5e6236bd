"""What computes is built once, beside the decoding of the first picture, or never."""

import threading
from concurrent.futures import Future
from pathlib import Path

from batch_jobs import jobs, same

from restore_cli.batch.later import Later, ready, want
from restore_cli.batch.pipeline import run
from restore_cli.batch.reading import Loaded, Pictures, Restore


def test_it_is_built_once_when_it_is_asked_for() -> None:
    built: list[int] = []

    def build() -> Restore:
        built.append(1)
        return same

    later = Later(build)
    assert not built
    assert ready(later) is same
    assert ready(later) is same
    assert ready(same) is same
    assert built == [1]


def test_nothing_is_built_where_something_else_is_done_and_it_is_not_wanted() -> None:
    done: Future[None] = Future()
    done.set_result(None)
    later = Later(_refuse)
    later.build_beside([done])
    want(same)  # nothing to say


def _refuse() -> Restore:
    raise AssertionError("built")


def test_said_twice_it_is_wanted_still() -> None:
    later = Later(lambda: same)
    want(later)
    want(later)
    waits: Future[None] = Future()
    later.build_beside([waits])
    assert ready(later) is same


def test_it_is_built_while_the_first_picture_is_decoded(tmp_path: Path) -> None:
    built = threading.Event()

    class Waits(Pictures):
        def read(self, path: Path) -> Loaded:
            assert built.wait(20), "nothing is built before a picture is decoded"
            return super().read(path)

    def build() -> Restore:
        built.set()
        return same

    (result,) = run(jobs(tmp_path, 1), Later(build), reader=Waits())
    assert result.status == "done"
