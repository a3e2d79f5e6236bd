"""How much there is to compute in a batch, counted in the background from the files' heads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from restore_cli.batch.inputs import Refused
from restore_cli.batch.planning import Job


class Sizes:
    """Pixels of the pictures of a batch; a context manager that counts while it is open.

    Args:
        jobs: of the batch.
        count: tells how many pixels a file has; may raise anything.
    """

    def __init__(self, jobs: Sequence[Job | Refused], count: Callable[[Path], int]) -> None:
        self._waiting = [job.source for job in jobs if isinstance(job, Job)]
        self._count = count
        self._known: dict[Path, int] = {}
        self._left = len(self._waiting)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sizes", daemon=True)

    def __enter__(self) -> Sizes:
        """Begin to count."""
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        """Stop counting."""
        self._stop.set()
        self._thread.join()

    def of(self, source: Path) -> int:
        """Pixels of one file; the mean of those known where it is not known."""
        return self._known.get(source, self._mean())

    def total(self, dropped: int = 0) -> int:
        """Pixels of all files, those not yet counted taken as the mean of the others.

        Args:
            dropped: pixels of files that turned out to need no computing.
        """
        return max(0, sum(list(self._known.values())) + self._left * self._mean() - dropped)

    def _mean(self) -> int:
        known = list(self._known.values())
        return sum(known) // len(known) if known else 0

    def _work(self) -> None:
        for source in self._waiting:
            if self._stop.is_set():
                return
            try:
                self._known[source] = self._count(source)
            except Exception:
                # Reading will say what is wrong with it.
                self._known[source] = 0
            self._left -= 1
