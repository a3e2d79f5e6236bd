"""SIGINT and SIGTERM: the first ends a command politely, the second at once."""

import contextlib
import inspect
import os
import signal
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from types import FrameType

from restore_cli.errors import ExitCode

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# A terminal tells all processes of a job, and a launcher passes it on: the same request twice.
_SAME_WISH_SECONDS = 0.25


@dataclass
class Received:
    """The signal that asked this process to end.

    Attributes:
        number: of the first one; None before.
    """

    number: int | None = None

    @property
    def exit_code(self) -> ExitCode:
        """What a shell gives for it; Ctrl-C that came without a signal counts as one."""
        ended = self.number == signal.SIGTERM
        return ExitCode.TERMINATED if ended else ExitCode.INTERRUPTED

    @property
    def word(self) -> str:
        """What to call it."""
        return "terminated" if self.number == signal.SIGTERM else "interrupted"


received = Received()
"""Of this process: Python has one set of handlers, too."""

_last: list[Callable[[], None]] = []


def at_last(tidy: Callable[[], None]) -> None:
    """Have this done when the process ends in the middle of something; it must be quick."""
    _last.append(tidy)


@contextlib.contextmanager
def interruptible() -> Generator[None]:
    """Let the first SIGINT or SIGTERM raise KeyboardInterrupt inside, and the second end it all.

    Which signal it was stands in `received`. One that was ignored from the start (as in a job in
    the background) stays ignored. Outside the main thread, where Python allows no handlers,
    nothing is changed.
    """
    since, already = 0.0, _imports(inspect.currentframe())

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal since
        if received.number is not None:
            if time.monotonic() - since > _SAME_WISH_SECONDS:
                _leave()
            return
        received.number, since = number, time.monotonic()
        # A library turns what is raised in the middle of its import into whatever it likes.
        if _imports(frame) > already:
            _leave()
        raise KeyboardInterrupt

    received.number = None
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, interrupt)
    except ValueError:  # not the main thread: a program that embeds us keeps its own
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _imports(frame: FrameType | None) -> int:
    """How many frames of the import system there are; a program that runs us may have its own."""
    count = 0
    while frame is not None:
        count += frame.f_code.co_filename.startswith("<frozen importlib")
        frame = frame.f_back
    return count


def _leave() -> None:
    """End the process as it stands: files appear under their names only when they are whole."""
    for tidy in _last:
        with contextlib.suppress(Exception):
            tidy()
    with contextlib.suppress(OSError, RuntimeError):  # in the middle of another print
        print(f"error: {received.word}", file=sys.stderr, flush=True)
    os._exit(received.exit_code)
