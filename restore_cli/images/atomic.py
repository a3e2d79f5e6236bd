"""Files that are whole or not there: written under a hidden name, then renamed."""

import atexit
import contextlib
import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from restore_cli.errors import ExitCode, RestoreError
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
_HASHES: ContextVar[dict[Path, str] | None] = ContextVar("hashes", default=None)


@contextmanager
def named_through(naming: Naming) -> Generator[None]:
    """Let what this thread writes inside get its name only inside `naming(path)`, or not at all."""
    before = _NAMING.set(naming)
    try:
        yield
    finally:
        _NAMING.reset(before)


@contextmanager
def written_hashes() -> Generator[dict[Path, str]]:
    """SHA-256, hexadecimal, of what this thread writes inside in one piece, by path."""
    hashes = dict[Path, str]()
    before = _HASHES.set(hashes)
    try:
        yield hashes
    finally:
        _HASHES.reset(before)


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
            left behind, nor is when the block raises. Only what the user named wrongly is wrong
            usage.
    """
    leftovers.clear(path.parent)
    temporary = path.with_name(leftovers.temporary_name())
    _under_way.add(temporary)
    try:
        try:
            with temporary.open("xb") as file:
                leftovers.hold(file.fileno())
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
        hint = _HINTS.get(type(error).__name__)
        raise RestoreError(
            f"{path}: cannot be written: {error.strerror or error}",
            hint=hint or "free some space, or choose another folder",
            exit_code=ExitCode.SOME_FAILED if hint is None else ExitCode.USAGE,
        ) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file at once; see `open_atomically`."""
    with open_atomically(path) as file:
        file.write(data)
    if (hashes := _HASHES.get()) is not None:
        hashes[path] = hashlib.sha256(data).hexdigest()


def write_together(files: dict[Path, bytes]) -> None:
    """Write several files, none of which appears before all are written.

    Args:
        files: what to write, by path, named in this order; their folders must exist.

    Raises:
        RestoreError: one cannot be written; then none is.
    """
    with contextlib.ExitStack() as stack:
        for path in reversed(files):  # the last to be opened is the first to get its name
            file = stack.enter_context(open_atomically(path))
            file.write(files[path])
            file.flush()
            os.fsync(file.fileno())


def drop_half_written() -> None:
    """Remove what threads are still writing when the process ends without waiting for them."""
    for temporary in list(_under_way):
        with contextlib.suppress(OSError):
            temporary.unlink()


atexit.register(drop_half_written)
at_last(drop_half_written)
