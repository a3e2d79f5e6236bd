"""Signals that end a command politely."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminable() -> Generator[None]:
    """Let SIGTERM end what runs inside as Ctrl-C does: what is finished stays, exit code 130."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:
        # Only the main thread may set handlers; a program that embeds us keeps its own.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
