"""The first signal ends politely, the second at once."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from restore_cli.interruption import interruptible, received

STUBBORN = """
import sys, time
from restore_cli.interruption import interruptible
with interruptible():
    try:
        print("ready", flush=True)
        time.sleep(30)
    finally:
        print("cleaning", flush=True)
        time.sleep(30)
"""


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_the_first_signal_interrupts_and_the_handlers_before_come_back(
    number: signal.Signals, code: int, word: str
) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before
    assert (received.exit_code, received.word) == (code, word)


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_same_wish_told_twice_counts_once() -> None:
    with interruptible():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert received.number == signal.SIGINT


def test_a_second_signal_ends_what_the_first_one_waits_for() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "cleaning\n"
        threading.Event().wait(0.4)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (143, "error: terminated\n")


def test_a_signal_during_an_import_ends_at_once(tmp_path: Path) -> None:
    # What is raised inside an import, a library may turn into anything.
    (tmp_path / "slow.py").write_text(
        "import signal\ntry:\n    signal.raise_signal(signal.SIGINT)\n"
        "except BaseException as error:\n    raise ImportError('broken') from error\n"
    )
    program = "from restore_cli.interruption import *\nwith interruptible():\n    import slow\n"
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


def test_what_ends_at_once_tidies_up(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\nfrom pathlib import Path\n"
        "from restore_cli.images.atomic import open_atomically\n"
        "from restore_cli.interruption import interruptible\n"
        "with interruptible(), open_atomically(Path(sys.argv[1])) as file:\n"
        "    try:\n        signal.raise_signal(signal.SIGINT)\n"
        "    except KeyboardInterrupt:\n"
        "        time.sleep(0.5)\n        signal.raise_signal(signal.SIGINT)\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "a.png")]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_outside_the_main_thread_nothing_changes() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def embedded() -> None:
        with interruptible():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=embedded)
    thread.start()
    thread.join()
    assert seen == [before]
