"""One run folder, one training: the holder's name lies there while it trains."""

import contextlib
import os
import socket
from collections.abc import Generator
from pathlib import Path

from restore_cli.errors import RestoreError
from restore_cli.folders import make_folder
from restore_cli.interruption import at_last

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where nothing tells whether a holder lives
    fcntl = None

NAME = "run.lock"

# It is emptied: a link of that name must not lead to what somebody wants to keep.
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)

_held: dict[int, Path] = {}


def _let_go() -> None:
    """In a child that was forked: workers that read data outlive a killed training by seconds."""
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


def _remove() -> None:
    for path in list(_held.values()):
        path.unlink(missing_ok=True)


at_last(_remove)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


@contextlib.contextmanager
def held(folder: Path) -> Generator[None]:
    """Hold a run folder, which is made where it is missing.

    The system drops the lock with the process, however that ends: a file that is left behind is
    taken over and removed.

    Raises:
        RestoreError: another process trains there, or the folder cannot be written.
    """
    try:
        make_folder(folder)
        descriptor = _open(folder / NAME)
    except OSError as error:
        raise RestoreError(
            f"cannot write the run folder {folder}: {error.strerror or error}",
            hint="give another folder with -o",
        ) from error
    _held[descriptor] = folder / NAME
    try:
        os.ftruncate(descriptor, 0)
        with contextlib.suppress(OSError):  # a full disk: the lock holds without its name
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        (folder / NAME).unlink(missing_ok=True)
        _held.pop(descriptor, None)
        os.close(descriptor)


def _open(path: Path) -> int:
    """A descriptor that holds the lock on the file that has the name now."""
    while True:
        descriptor = os.open(path, _FLAGS, 0o644)
        if fcntl is None:
            return descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 200).decode("utf-8", "backslashreplace").strip()
            os.close(descriptor)
            raise RestoreError(
                f"{path.parent} is held by another training: {holder or 'it does not say which'}",
                hint="wait for it, or give another folder with -o",
            ) from error
        except OSError:  # a file system without locks
            return descriptor
        # The holder before may have removed the file between opening and locking.
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)
