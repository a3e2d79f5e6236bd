"""Files that arrive in a folder, each told once it is whole."""

import time
from collections.abc import Callable, Generator
from pathlib import Path

from restore_cli.batch.results import Result
from restore_cli.images.listing import PICTURES, Suffixes, walk

INTERVAL = 1.0
"""Seconds between two looks at the folder."""

FIRST_WAIT, LONGEST_WAIT = 10.0, 600.0
"""Seconds before a picture is tried again that could not be written; each time twice as long."""


class Unwritten:
    """Pictures that are to be tried again, because only the place for their output failed.

    A disk that was full has room again some time, and the pictures that arrived before do not
    change any more.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[Path, tuple[float, float]] = {}

    def learn(self, result: Result) -> None:
        """Take in what became of a picture."""
        if not result.unwritten:
            self._due.pop(result.source, None)
            return
        _, last = self._due.get(result.source, (0.0, FIRST_WAIT / 2))
        wait = min(2 * last, LONGEST_WAIT)
        self._due[result.source] = (self._clock() + wait, wait)

    def is_due(self, path: Path) -> bool:
        """Whether it is time to try a picture again."""
        return path in self._due and self._clock() >= self._due[path][0]


def arrivals(
    folder: Path,
    *,
    recursive: bool = False,
    suffixes: Suffixes = PICTURES,
    skip: Path | None = None,
    again: Callable[[Path], bool] = lambda path: False,
    interval: float = INTERVAL,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[list[Path]]:
    """Wait for pictures in a folder, without end.

    The folder is looked at again and again: that works on every file system, network drives
    included. A file counts as whole when its size and time were the same at two looks; one that
    changes later is told again.

    Args:
        folder: where to look.
        recursive: look into subfolders too.
        suffixes: which files count.
        skip: a resolved folder not to look into, because outputs go there.
        again: whether a picture that was told is to be told once more, though it is the same.
        interval: seconds between looks.
        sleep: how to wait.

    Yields:
        New pictures, in the order of their names; what lies there at the start comes first.
    """
    told: dict[Path, tuple[int, int]] = {}
    growing: dict[Path, tuple[int, int]] = {}
    while True:
        now: dict[Path, tuple[int, int]] = {}
        for listed in walk(folder, recursive=recursive, skip=skip, suffixes=suffixes):
            try:
                status = listed.path.stat()
            except OSError:
                continue  # gone again, or not to be read yet
            now[listed.path] = (status.st_size, status.st_mtime_ns)
        whole = [path for path, state in now.items() if growing.get(path) == state]
        growing = {
            path: state for path, state in now.items() if told.get(path) != state or again(path)
        }
        fresh = [path for path in whole if path in growing]
        told = {path: state for path, state in told.items() if path in now}
        told |= {path: now[path] for path in fresh}
        if fresh:
            yield fresh
        else:
            sleep(interval)
