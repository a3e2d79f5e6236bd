"""People read stderr, programs read stdout."""

import io
import json
import os
import re
import subprocess
import sys
from enum import IntEnum
from pathlib import Path

import pytest
import rich.console

from restore_cli.commands.console import Console, spoken


class Status(IntEnum):
    """An enum as commands have them."""

    GOOD = 4


def test_messages_go_to_stderr_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300 + " [red]not markup[/red] https://example.org/1.5"
    Console().say(long)
    Console().warn("sky.png is grey")
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{long}\nwarning: sky.png is grey\n")


def test_quiet_silences_people_and_not_programs(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True, json=True)
    console.say("hello")
    console.warn("hello")
    console.table(["a"], [["b"]])
    console.emit({"a": 1})
    with console.progress() as progress:
        progress.advance(progress.add_task("restoring", total=3))
    assert capsys.readouterr() == ('{"a": 1}\n', "")


def test_names_with_colons_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Console().table(["file"], [["trip:car:1.png"]])
    assert "trip:car:1.png" in capsys.readouterr().out


def test_nothing_is_emitted_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    Console().emit({"a": 1})
    assert capsys.readouterr().out == ""


def test_records_become_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    record = {
        "path": Path("ä b/ü.png"),
        "status": Status.GOOD,
        "psnr": float("inf"),
        "loss": float("nan"),
        "sizes": (3, [4.5, None]),
        "nested": {Status.GOOD: True},
        "text": 'a "quoted"\nline',
    }
    Console(json=True).emit(record)
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert line.isascii()
    assert json.loads(line) == {
        "path": str(Path("ä b/ü.png")),
        "status": 4,
        "psnr": None,
        "loss": None,
        "sizes": [3, [4.5, None]],
        "nested": {"4": True},
        "text": 'a "quoted"\nline',
    }


def test_each_line_is_flushed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream(io.StringIO):
        flushed = ""

        def flush(self) -> None:
            self.flushed = self.getvalue()

    stream = Stream()
    monkeypatch.setattr(sys, "stdout", stream)
    console = Console(json=True)
    for count in (1, 2):
        console.emit({"count": count})
        assert stream.flushed.count("\n") == count


def test_file_names_that_are_not_text_survive(capfd: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"bad\xff.png")
    console = Console(json=True)
    console.say(name)
    console.emit({"input": Path(name)})
    out, err = capfd.readouterr()
    assert json.loads(out)["input"] == name
    Console().table(["name"], [[name]])
    assert err.count("bad") == 1
    assert "bad" in capfd.readouterr().out


def test_tables_align_numbers_and_name_nothing_none(capsys: pytest.CaptureFixture[str]) -> None:
    Console().table(["name", "size", "ok"], [["a", 5, True], ["b[x]", 12345, None]])
    out, err = capsys.readouterr()
    lines = [line.rstrip() for line in out.splitlines()]
    assert err == ""
    assert lines == ["name    size  ok", "a          5  yes", "b[x]  12,345"]


@pytest.mark.parametrize(("width", "first"), [(60, "name         size  about"), (24, "name   a")])
def test_a_table_that_a_terminal_is_too_narrow_for_becomes_blocks(
    width: int, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    console, terminal = Console(), io.StringIO()
    answers = rich.console.Console(
        file=terminal, force_terminal=True, width=width, color_system=None, highlight=False
    )
    monkeypatch.setattr(console, "answers", answers)
    rows = [["a", 123456789, "takes rain away"], ["b", 1, "takes haze away"]]
    console.table(["name", "size", "about"], rows)
    lines = [line.rstrip() for line in terminal.getvalue().splitlines()]
    assert lines[0] == first
    assert max(map(len, lines)) <= width
    if width < 30:
        assert lines[1:4] == ["size   123,456,789", "about  takes rain away", ""]


def test_no_progress_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().progress() as progress:
        progress.advance(progress.add_task("restoring", total=1))
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_json_stays_on_stdout_while_a_bar_is_on_the_terminal() -> None:
    import pty

    code = (
        "from restore_cli.commands.console import Console\n"
        "console = Console(json=True)\n"
        "with console.progress() as progress:\n"
        "    task = progress.add_task('restoring', total=2)\n"
        "    console.emit({'line': 1})\n"
        "    progress.advance(task)\n"
        "    console.say('between')\n"
        "    console.emit({'line': 2})\n"
    )
    main_end, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=terminal,
            env=environment,
            check=True,
        )
        shown = os.read(main_end, 65536).decode()
    finally:
        os.close(terminal)
        os.close(main_end)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [{"line": 1}, {"line": 2}]
    assert "restoring" in shown
    assert "between" in shown
    assert "line" not in shown


def test_importing_it_does_not_import_rich() -> None:
    code = "import sys, restore_cli.commands.console; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_people_and_programs_never_share_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(json=True)
    console.table(["a"], [["b"]])
    console.answer("all is well")
    assert capsys.readouterr() == ("", "")
    Console().answer("all is well")
    assert capsys.readouterr() == ("all is well\n", "")


@pytest.mark.parametrize("verbose", [True, False])
def test_details_are_told_where_wanted_and_always_to_the_log(
    verbose: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.txt"
    with spoken(verbose=verbose, log=log):
        Console(quiet=True).say("begun")
        Console().detail("rain 0.93")
        Console().record("failed   a.png")
    assert capsys.readouterr().err == ("rain 0.93\n" if verbose else "")
    dated = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  "
    words = ["begun", "rain 0.93", "failed   a.png"]
    assert re.fullmatch("".join(f"{dated}{re.escape(one)}\n" for one in words), log.read_text())
