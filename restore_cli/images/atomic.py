"""Files that are whole or not there: written under a hidden name, then renamed."""

import atexit
import contextlib
import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from restore_cli.errors import RestoreError
from restore_cli.images import leftovers
from restore_cli.interruption import at_last

_HINTS = {
    "FileNotFoundError": "make its folder first",
    "PermissionError": "choose a folder that you may write to",
    "IsADirectoryError": "a folder has this name: choose another",
}

_under_way: set[Path] = set()

Naming = Callable[[Path], AbstractContextManager[None]]


def _at_once(path: Path) -> AbstractContextManager[None]:
    return nullcontext()


_NAMING: ContextVar[Naming] = ContextVar("naming", default=_at_once)


@contextmanager
def named_through(naming: Naming) -> Generator[None]:
    """Let what this thread writes inside get its name only inside `naming(path)`, or not at all."""
    before = _NAMING.set(naming)
    try:
        yield
    finally:
        _NAMING.reset(before)


@contextmanager
def open_atomically(path: Path) -> Generator[BinaryIO]:
    """Open a file that appears under its final name only when the block is done.

    What killed writers left in the folder is removed.

    Args:
        path: the file; replaced if it exists. Its folder must exist.

    Yields:
        A file beside it, under a hidden name, to write bytes to.

    Raises:
        RestoreError: it cannot be written (disk full, no permission, no such folder). Nothing is
            left behind, nor is when the block raises.
    """
    leftovers.clear(path.parent)
    temporary = path.with_name(leftovers.temporary_name())
    _under_way.add(temporary)
    try:
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with _NAMING.get()(path):
                temporary.replace(path)
        except BaseException:  # Ctrl-C too must leave nothing behind
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        finally:
            _under_way.discard(temporary)
    except OSError as error:
        hint = _HINTS.get(type(error).__name__, "free some space, or choose another folder")
        raise RestoreError(
            f"{path}: cannot be written: {error.strerror or error}", hint=hint
        ) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file at once; see `open_atomically`."""
    with open_atomically(path) as file:
        file.write(data)


def drop_half_written() -> None:
    """Remove what threads are still writing when the process ends without waiting for them."""
    for temporary in list(_under_way):
        with contextlib.suppress(OSError):
            temporary.unlink()


atexit.register(drop_half_written)
at_last(drop_half_written)
