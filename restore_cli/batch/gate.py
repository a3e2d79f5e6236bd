"""Which files of a run have got their names, and the moment after which none gets its name.

A run that is interrupted says what is done. Threads that it no longer waits for must not finish a
file after that.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class DroppedError(Exception):
    """The run has ended: the file must not appear any more."""


class Gate:
    """Passed by each file at the moment when it gets its name; by several at once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._passing = 0
        self._named: set[Path] = set()
        self._closed = False

    @contextmanager
    def naming(self, path: Path) -> Generator[None]:
        """Give a file its name inside this block.

        Raises:
            DroppedError: the gate is closed.
        """
        with self._changed:
            if self._closed:
                raise DroppedError
            self._passing += 1
        passed: set[Path] = set()
        try:
            yield
            passed.add(path)
        finally:
            with self._changed:
                self._named |= passed
                self._passing -= 1
                self._changed.notify_all()

    def close(self) -> frozenset[Path]:
        """Let nothing through any more; what is passing has passed when this returns.

        Returns:
            What has passed.
        """
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: self._passing == 0)
            return frozenset(self._named)
