"""Opening what may be read: regular files only, in pieces, never more than they say to hold.

A pipe, a device or a file of `/proc` may be waited for without end, and may take the place of a
picture between listing and reading. So the open file is asked, not its name.
"""

import errno
import hashlib
import io
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from restore_cli.errors import MANY_FILES, ExitCode, RestoreError

# O_NONBLOCK: opening a pipe waits for its writer otherwise. It means nothing for regular files.
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)
_WINDOW = 1 << 16


@dataclass(slots=True)
class _Once:
    """A small file that is read once, however often it is opened."""

    path: Path
    data: bytes | None = None


_ONCE: ContextVar[_Once | None] = ContextVar("once", default=None)


@contextmanager
def read_once(path: Path) -> Generator[None]:
    """Let what this thread opens inside as `path` be read from the disk once, if it is small.

    Hash, size and pixels are then of the very same bytes.
    """
    before = _ONCE.set(_Once(path))
    try:
        yield
    finally:
        _ONCE.reset(before)


def open_once(path: Path) -> io.BufferedReader | io.BytesIO:
    """`open_regular`; inside `read_once` of this path, its bytes from memory where it is small."""
    once = _ONCE.get()
    if once is None or once.path != path:
        return open_regular(path)
    if once.data is None:
        file = open_regular(path)
        start = file.read(_WINDOW + 1)
        if len(start) > _WINDOW:
            file.seek(0)
            return file
        file.close()
        once.data = start
    return io.BytesIO(once.data)


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading bytes.

    Raises:
        RestoreError: it is a folder, pipe, device or socket.
        OSError: it cannot be opened.
    """
    try:
        handle = os.open(path, _FLAGS)
    except ValueError as error:  # a name with a zero byte
        raise RestoreError(f"{str(path)!r} is no name of a file: {error}") from error
    except OSError as error:
        if path.is_socket():
            raise _not_regular(path) from error
        raise
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        if stat.S_ISDIR(mode):
            raise RestoreError(f"{path}: this is a folder, not a picture", hint="name a file")
        raise _not_regular(path)
    # Not by `os.fdopen`, which asks whether it is a terminal: threads wait for each call.
    return io.BufferedReader(io.FileIO(handle))


def size_of(file: IO[bytes]) -> int:
    """Bytes of an open file, as the file system tells."""
    if isinstance(file, io.BytesIO):
        return len(file.getbuffer())
    return os.fstat(file.fileno()).st_size


class FileBytes:
    """An open file's bytes, as `bytes` give them: sliced, read only where asked for.

    Not a memory map: one whose file is cut meanwhile ends the process (SIGBUS), and all of a batch
    with it. The file's place is moved; what it held when this was made counts as its size.

    Args:
        file: an open regular file, of nobody else meanwhile.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._size = file, size_of(file)
        self._start, self._window = 0, b""

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: int | slice) -> int | bytes:
        if isinstance(place, int):
            if not 0 <= place < self._size:
                raise IndexError("beyond the end of the file")
            return self._read(place, place + 1)[0]
        start, stop, step = place.indices(self._size)
        if step != 1:
            raise ValueError("bytes of a file are taken one after the other")
        return self._read(start, stop) if start < stop else b""

    def _read(self, start: int, stop: int) -> bytes:
        """Bytes of a range within the size; small ones by way of a window around them.

        Raises:
            OSError: the file became shorter.
        """
        if stop - start > _WINDOW:
            return self._exactly(start, stop)
        if not self._start <= start <= stop <= self._start + len(self._window):
            self._window = self._exactly(start, min(start + _WINDOW, self._size))
            self._start = start
        return self._window[start - self._start : stop - self._start]

    def _exactly(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        data = self._file.read(stop - start)
        if len(data) < stop - start:
            raise OSError(errno.EIO, "it became shorter while it was read")
        return data


def file_sha256(path: Path) -> str:
    """SHA-256 of a regular file's bytes, hexadecimal; read in pieces.

    Raises:
        RestoreError: it is no regular file.
        OSError: it cannot be read.
    """
    with open_once(path) as file:
        start = file.read(_WINDOW + 1)
        if len(start) <= _WINDOW:  # pieces would need a buffer of many small files' size
            return hashlib.sha256(start).hexdigest()
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def naming_problems(path: Path) -> Generator[None]:
    """Say in words why a file cannot be read.

    Raises:
        RestoreError: there is no such file, or it cannot be read; names the file and the cure.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise RestoreError(
            f"{path}: there is no such file", hint="was it moved, renamed or deleted?"
        ) from error
    except PermissionError as error:
        raise RestoreError(
            f"{path}: no permission to read it", hint="change its permissions or its owner"
        ) from error
    except OSError as error:
        many = error.errno in (errno.EMFILE, errno.ENFILE)
        raise RestoreError(
            f"{path}: cannot be read: {error.strerror or error}",
            hint=MANY_FILES if many else "is the disk in order?",
        ) from error
    except MemoryError as error:
        raise RestoreError(f"{path}: not enough memory to read it") from error


def _not_regular(path: Path) -> RestoreError:
    return RestoreError(
        f"{path}: this is not a regular file",
        hint="name a file",
        exit_code=ExitCode.SOME_FAILED,
    )
