"""What a batch's report says and counts."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from restore_cli.commands.console import Console
from restore_cli.commands.report import Report
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.inference.pipeline import Result


def results(*given: Result) -> Generator[Result]:
    yield from given


def result(name: str, status: str, **more: object) -> Result:
    return Result(Path(name), Path("out") / name, status, **more)


def test_each_file_is_a_line_and_the_sum_is_last(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(Console(json=True), model="m", task="t", traceback=False)
    done = result("a", "done", details={"engine": "libraw"}, model_seconds=0.5, notes=("odd",))
    report.follow(results(done, result("b", "skipped")), 3, setup_seconds=1.0)
    report.raise_failures()
    out, err = capsys.readouterr()
    first, second, summary = (json.loads(line) for line in out.splitlines())
    assert (first["input"], first["engine"], first["model"]) == ("a", "libraw", "m")
    assert "engine" not in second
    assert (summary["done"], summary["skipped"], summary["left"]) == (1, 1, 1)
    assert summary["model_seconds"] == 0.5
    assert "warning: a: odd" in err


def test_failures_are_raised_together(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(Console(quiet=True), model="m", task="t", traceback=False)
    bad = [result(n, "failed", error=f"{n}: broken", hint="mend it") for n in ("a", "b")]
    report.follow(results(*bad), 2, setup_seconds=0.0)
    with pytest.raises(RestoreError, match="2 inputs failed") as caught:
        report.raise_failures()
    assert caught.value.exit_code == ExitCode.SOME_FAILED
    assert caught.value.hint == "mend it"
    assert capsys.readouterr().out == ""


def test_an_interruption_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> Generator[Result]:
        yield result("a", "done")
        raise KeyboardInterrupt

    report = Report(Console(json=True), model="m", task="t", traceback=False)
    with pytest.raises(KeyboardInterrupt):
        report.follow(interrupted(), 2, setup_seconds=0.0)
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["interrupted"] is True
    assert summary["left"] == 1
