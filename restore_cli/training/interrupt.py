"""Ctrl-C and SIGTERM while training: finish the step, then stop."""

import contextlib
import signal
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from types import FrameType

from restore_cli.interruption import received

# torchrun passes on what the terminal has sent already: the same request twice within moments.
_SAME_REQUEST_SECONDS = 1.0


@dataclass
class StopRequest:
    """What the user has asked for so far.

    Attributes:
        stop: whether the run should end after this step.
    """

    stop: bool = False


@contextlib.contextmanager
def interrupts_noted() -> Generator[StopRequest]:
    """Note SIGINT and SIGTERM instead of raising in the middle of a step.

    A step that is cut in two leaves weights that no uninterrupted run has; a checkpoint of them
    would not continue bit for bit. Whoever asks again, a second later or more, gets
    KeyboardInterrupt at once. Outside the main thread, where Python allows no handlers, nothing is
    changed.
    """
    request = StopRequest()
    since = 0.0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal since
        if request.stop and time.monotonic() - since > _SAME_REQUEST_SECONDS:
            raise KeyboardInterrupt
        if not request.stop:
            request.stop, since, received.number = True, time.monotonic(), number

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
