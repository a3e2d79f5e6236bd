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
    """Passed by each file at the moment when it gets its name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._named: set[Path] = set()
        self._closed = False

    @contextmanager
    def naming(self, path: Path) -> Generator[None]:
        """Give a file its name inside this block.

        Raises:
            DroppedError: the gate is closed.
        """
        with self._lock:
            if self._closed:
                raise DroppedError
            yield
            self._named.add(path)

    def close(self) -> frozenset[Path]:
        """Let nothing through any more.

        Returns:
            What has passed.
        """
        with self._lock:
            self._closed = True
            return frozenset(self._named)
