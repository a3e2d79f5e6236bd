"""The file that `--log` names: every message with its time, and what a full disk did not take."""

import re
import time
from pathlib import Path

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.streams import printable


class LogFile:
    """A file to whose end messages are written. A disk that takes no more ends no run.

    Args:
        path: of a log, or of a file that is not there yet.

    Attributes:
        lost: the error for messages that could not be written; None where all could.

    Raises:
        RestoreError: it holds something else, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.lost: RestoreError | None = None
        self._path = path
        try:
            _check(path)
            # A line at a time: whoever reads along sees each at once.
            self._file = path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise RestoreError(
                f"--log {path}: cannot be written: {error.strerror}",
                hint="choose another file, in a folder that exists",
            ) from error

    def write(self, message: str) -> None:
        """Write a message with its time."""
        try:
            self._file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {printable(message)}\n")
        except OSError as error:
            self._lose(error)

    def end(self, error: BaseException) -> None:
        """Write what ended the run."""
        if isinstance(error, RestoreError):
            self.write(f"error: {error.message}")

    def close(self) -> None:
        """Close it; what the disk did not take is tried once more."""
        try:
            self._file.close()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        self.lost = RestoreError(
            f"--log {self._path}: messages are missing in it: {error.strerror}",
            hint="make room, or choose another file; all else was done",
            exit_code=ExitCode.SOME_FAILED,
        )


def _check(path: Path) -> None:
    """Refuse to add to a file that is something else: a picture, a model, a recipe."""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(len("2000-01-01 00:00:00  "))
        if start and not re.fullmatch(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", start):
            raise RestoreError(
                f"--log {path}: it holds something else than a log: nothing is added to it",
                hint="choose another file",
            )
