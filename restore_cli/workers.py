"""Threads that a run can leave behind: what they are doing cannot be interrupted, only dropped.

The threads of `concurrent.futures` are waited for when the process ends, so that Ctrl-C would wait
for a decoder. These are not.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

from restore_cli.interruption import received

Outcome = TypeVar("Outcome")
Task = tuple[Future[Any], Callable[[], Any]]

_DROP_SECONDS = 0.5
"""For how long an interrupted run waits for what has begun."""


class Workers:
    """A few threads that do what is submitted, in order.

    As a context manager it forgets at the end what has not begun, and waits for what has: after
    Ctrl-C or SIGTERM half a second.

    Args:
        count: how many.
        name: what they are called.
    """

    def __init__(self, count: int, name: str) -> None:
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        with contextlib.suppress(queue.Empty):
            while (task := self._tasks.get_nowait()) is not None:
                task[0].cancel()
        # A generator that reads ahead is only closed when its reader is interrupted.
        interrupted = received.number is not None or kind is KeyboardInterrupt
        self.close(_DROP_SECONDS if interrupted else None)

    def submit(self, function: Callable[..., Outcome], *arguments: object) -> "Future[Outcome]":
        """Have `function(*arguments)` done; a future that is cancelled is not begun."""
        future: Future[Outcome] = Future()
        self._tasks.put((future, lambda: function(*arguments)))
        return future

    def close(self, seconds: float | None) -> None:
        """Take nothing more; wait so long for what has begun, None for as long as it takes."""
        for _ in self._threads:
            self._tasks.put(None)
        end = None if seconds is None else time.monotonic() + seconds
        for thread in self._threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, function = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                outcome = function()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(outcome)
                del outcome
            # Nothing of the work may live on while this thread waits.
            del task, future, function
