"""What is told of a job that ended."""

import time
from pathlib import Path

from restore_cli.batch.planning import Job
from restore_cli.batch.work import Work
from restore_cli.errors import RestoreError


def test_a_failure_keeps_words_and_trace_but_not_the_exception() -> None:
    work = Work(Job(Path("a.png"), Path("out/a.png"), "png"))
    work.learn(height=3)
    work.note("odd")
    try:
        raise RestoreError("it is broken", hint="mend it")
    except RestoreError as error:
        result = work.result("failed", error)
    assert (result.error, result.hint) == ("a.png: it is broken", "mend it")
    assert "in test_a_failure_keeps_words" in str(result.trace)
    assert (result.height, result.notes, result.status) == (3, ("odd",), "failed")
    assert work.result("done").trace is None


def test_seconds_add_up_over_the_stages() -> None:
    work = Work(Job(Path("a.png"), Path("out/a.png"), "png"))
    work.seconds += 2.0
    work.spend(time.perf_counter() - 1.0)
    assert 3.0 <= work.result("done").seconds < 4.0
    assert work.result("failed", ValueError("no")).seconds == work.seconds
