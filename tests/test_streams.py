"""What is told on streams, and what becomes of streams that are broken."""

import io
import sys
from pathlib import Path

import pytest

from restore_cli import streams


def test_terminals_get_nothing_to_act_on() -> None:
    assert streams.printable("a\tb\nc é ☔") == "a\tb\nc é ☔"
    assert streams.printable("\x1b[31m\r\x07\x9b") == r"\x1b[31m\r\x07\x9b"
    assert streams.printable("photo\u202egnp.exe") == r"photo\u202egnp.exe"
    assert streams.printable("bad\udcff") == r"bad\udcff"
    assert streams.printable("\u061c\u2028\u2029") == r"\u061c\u2028\u2029"


def test_names_stand_on_one_line() -> None:
    name = "a\nb\tc\x1b.png"
    assert streams.printable_name(Path(name)) == r"a\nb\tc\x1b.png"
    message = f"2 inputs failed:\n  {name}: broken\n  b: too"
    shown = streams.on_one_line(message, [name, "", "b"])
    assert shown == "2 inputs failed:\n  a\\nb\\tc\\x1b.png: broken\n  b: too"


def test_streams_that_stand_in_for_the_real_ones_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = io.StringIO()
    monkeypatch.setattr(sys, "stdout", own)
    streams.secure()
    assert sys.stdout is own


def test_a_missing_stream_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
        monkeypatch.setattr(sys, f"__{name}__", None)
    streams.secure()
    print("nobody", file=sys.stdout, flush=True)
    print("nobody", file=sys.stderr, flush=True)
    assert sys.stdin.read() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_full_device_is_one_error_for_results_and_none_for_remarks(
    buffering: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdout", "stderr"):
        full = io.TextIOWrapper(Path("/dev/full").open("wb", buffering))  # noqa: SIM115
        monkeypatch.setattr(sys, name, full)
        monkeypatch.setattr(sys, f"__{name}__", full)
    streams.secure()
    print("lost", file=sys.stderr, flush=True)
    with pytest.raises(streams.RestoreError, match="standard output cannot be written"):
        print("lost", flush=True)
    print("the rest", flush=True)
