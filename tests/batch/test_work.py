"""What is told of a job that ended."""

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
