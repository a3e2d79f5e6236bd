"""What a batch says of its inputs, to people and to programs."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from restore_cli.commands.batch_report import BatchReport
from restore_cli.commands.console import Console
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.inference.pipeline import Result


def _results() -> Generator[Result]:
    yield Result(Path("a.png"), Path("out/a.png"), "done", seconds=0.5, model_seconds=0.25)
    yield Result(Path("b.png"), Path("out/b.png"), "failed", error="b.png: broken", hint="mend it")
    yield Result(Path("c.png"), Path("out/c.png"), "skipped")


def _report(*, json: bool = True) -> BatchReport:
    return BatchReport(Console(json=json), model="m", task="t", traceback=False)


def test_every_input_is_a_line_and_the_last_one_counts(capsys: pytest.CaptureFixture[str]) -> None:
    report = _report()
    report.follow(_results(), 4, setup_seconds=1.5)
    out, err = capsys.readouterr()
    *lines, summary = map(json.loads, out.splitlines())
    assert [line["status"] for line in lines] == ["done", "failed", "skipped"]
    assert (summary["done"], summary["skipped"], summary["failed"], summary["left"]) == (1, 1, 1, 1)
    assert summary["setup_seconds"] == 1.5
    assert "1 done, 1 skipped, 1 failed, 1 not done" in err


def test_failures_end_in_one_error_with_the_hint_they_share() -> None:
    report = _report(json=False)
    report.follow(_results(), 3, setup_seconds=0)
    with pytest.raises(RestoreError) as caught:
        report.raise_failures()
    assert caught.value.message == "b.png: broken"
    assert caught.value.hint == "mend it"
    assert caught.value.exit_code == ExitCode.SOME_FAILED
    quiet = _report(json=False)
    quiet.follow((r for r in list(_results())[:1]), 1, setup_seconds=0)  # type: ignore[arg-type]
    quiet.raise_failures()
