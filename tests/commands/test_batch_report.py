"""What a batch says of its inputs, to people and to programs."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from restore_cli.batch.pipeline import Result
from restore_cli.commands.batch_report import BatchReport
from restore_cli.commands.console import Console
from restore_cli.errors import ExitCode, RestoreError


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


def test_hints_that_differ_stand_once_below_the_files_they_are_for() -> None:
    def three() -> Generator[Result]:
        for name, hint in (("a", "mend it"), ("b", "check its name"), ("c", "mend it")):
            yield Result(Path(name), None, "failed", f"{name}: broken", hint)

    report = _report(json=False)
    report.follow(three(), 3, setup_seconds=0)
    with pytest.raises(RestoreError) as caught:
        report.raise_failures()
    assert caught.value.hint is None
    assert caught.value.message.splitlines() == [
        "3 inputs failed:",
        "  a: broken",
        "  c: broken",
        "    (mend it)",
        "  b: broken",
        "    (check its name)",
    ]


def test_details_stand_in_the_line_of_their_file(capsys: pytest.CaptureFixture[str]) -> None:
    def two() -> Generator[Result]:
        yield Result(Path("a"), Path("b"), "done", details={"engine": "libraw"}, notes=("odd",))
        yield Result(Path("c"), Path("d"), "skipped")

    _report().follow(two(), 2, setup_seconds=0)
    out, err = capsys.readouterr()
    first, second, _ = (json.loads(line) for line in out.splitlines())
    assert (first["input"], first["engine"], first["model"]) == ("a", "libraw", "m")
    assert "engine" not in second
    assert "warning: a: odd" in err


def test_failures_are_raised_together() -> None:
    def bad() -> Generator[Result]:
        for name in ("a", "b"):
            error = f"{name}: broken"
            yield Result(Path(name), Path("out"), "failed", error=error, hint="mend it")

    report = _report()
    report.follow(bad(), 2, setup_seconds=0)
    with pytest.raises(RestoreError, match="2 inputs failed") as caught:
        report.raise_failures()
    assert caught.value.hint == "mend it"


def test_an_interruption_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> Generator[Result]:
        yield Result(Path("a"), Path("b"), "done")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _report().follow(interrupted(), 2, setup_seconds=0)
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["interrupted"] is True
    assert summary["left"] == 1


@pytest.mark.parametrize("where", ["telling", "looking"])
def test_what_is_finished_after_an_interruption_counts(
    where: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def batch() -> Generator[Result]:
        try:
            yield Result(Path("a"), Path("out/a"), "done")
            pytest.fail("nothing new is begun")
        except KeyboardInterrupt:
            yield Result(Path("b"), Path("out/b"), "done")
            yield Result(Path("c"), Path("out/c"), "failed", error="c: broken")
            raise

    report = _report()

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    if where == "telling":
        monkeypatch.setattr(report.bar, "finish", interrupted)
    seen = interrupted if where == "looking" else lambda _: None
    with pytest.raises(KeyboardInterrupt):
        report.follow(batch(), 5, setup_seconds=0, seen=seen)
    *lines, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert [line["input"] for line in lines] == ["a", "b", "c"]
    assert (summary["done"], summary["failed"], summary["left"]) == (2, 1, 2)
