"""What `--log` writes, and what becomes of a run whose log cannot be written."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from restore_cli.commands.console import Console, spoken
from restore_cli.errors import ExitCode, RestoreError


def test_a_log_has_the_error_that_ended_the_run_and_must_be_writable(tmp_path: Path) -> None:
    with pytest.raises(RestoreError), spoken(verbose=False, log=tmp_path / "log"):
        raise RestoreError("x.png is empty")
    assert (tmp_path / "log").read_text().endswith("  error: x.png is empty\n")
    unwritable = spoken(verbose=False, log=tmp_path / "no" / "log")
    with pytest.raises(RestoreError, match="cannot be written"), unwritable:
        pass


@pytest.mark.parametrize(
    "held", [b"\x89PNG\r\n", b"photo.png\n", b"[infer]\ntask = 'derain'\n", b"x"]
)
def test_nothing_is_added_to_what_is_no_log(held: bytes, tmp_path: Path) -> None:
    log = tmp_path / "a"
    log.write_bytes(held)
    with (
        pytest.raises(RestoreError, match="something else than a log"),
        spoken(verbose=False, log=log),
    ):
        pass
    assert log.read_bytes() == held
    log.write_bytes(b"")
    for _ in range(2):
        with spoken(verbose=False, log=log):
            Console(quiet=True).say("said")
    assert log.read_text().count("  said\n") == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
def test_a_log_on_a_full_disk_costs_no_work_and_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with spoken(verbose=False, log=Path("/dev/full")) as log:
        Console(quiet=True).say("said")
    assert log is not None
    assert log.lost is not None
    assert log.lost.exit_code == ExitCode.SOME_FAILED
    assert "/dev/full: messages are missing in it: No space left" in log.lost.message
    with pytest.raises(KeyboardInterrupt):
        _interrupted(Path("/dev/full"))
    assert capsys.readouterr().err.count("messages are missing in it") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
def test_a_run_whose_log_is_lost_does_its_work_and_exits_1(
    start: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    process = start(
        "train", "--init", "derain", "-o", str(tmp_path / "a.toml"), "--log", "/dev/full"
    )
    _, err = process.communicate(timeout=120)
    assert process.returncode == ExitCode.SOME_FAILED
    assert (tmp_path / "a.toml").is_file()
    assert err.count("messages are missing in it") == 1


def _interrupted(log: Path) -> None:
    with spoken(verbose=False, log=log):
        Console(quiet=True).say("said")
        raise KeyboardInterrupt
