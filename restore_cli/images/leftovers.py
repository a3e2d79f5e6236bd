"""Files that a killed writer left behind, and how it is told that it lives no more.

The name of a temporary file says which process of which host writes it. Whoever writes into the
folder next removes what belongs to a process of this host that is gone. A file that marks a claim
is locked by its holder, and the system lets go of the lock when the holder ends.
"""

import contextlib
import os
import platform
import re
import secrets
import sys
import threading
from pathlib import Path

import psutil

if sys.platform != "win32":
    import fcntl

_NAME = re.compile(r"\.restore-(?P<host>[^-]*)-(?P<process>\d+)-[0-9a-f]+\.tmp")
_CLAIM = re.compile(r"\.restore-[0-9a-f]+\.claim")
_CLOCK_SECONDS = 2.0  # by which a file's date and a process's may differ

_cleared: set[Path] = set()
_lock = threading.Lock()


def host() -> str:
    """The name of this machine, fit for a file's name."""
    return re.sub(r"[^A-Za-z0-9.]", "_", platform.node())[:40]


def temporary_name() -> str:
    """A hidden name that no other file has, and that tells who writes it."""
    return f".restore-{host()}-{os.getpid()}-{secrets.token_hex(6)}.tmp"


def clear(folder: Path) -> None:
    """Remove what killed writers left in a folder; once for each folder and process."""
    with _lock:
        if (place := folder.absolute()) in _cleared:
            return
        _cleared.add(place)
        # Others wait: what is removed here is locked for a moment.
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            names = [one.name for one in entries if one.name.startswith(".restore-")]
            for path in (folder / name for name in names):
                with contextlib.suppress(OSError):
                    _clear_one(path)


def _clear_one(path: Path) -> None:
    if _CLAIM.fullmatch(path.name):
        if sys.platform != "win32":
            handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held: BlockingIOError
                path.unlink()
            finally:
                os.close(handle)
        return
    told = _NAME.fullmatch(path.name)
    if told is not None and told["host"] == host():
        written = path.lstat().st_mtime
        if not lives(int(told["process"]), written):
            path.unlink()


def lives(process: int, written: float) -> bool:
    """Whether the process of this host that wrote a file at that time is still there.

    Args:
        process: its number.
        written: seconds since the epoch.
    """
    try:
        # A later process may have got its number.
        return psutil.Process(process).create_time() <= written + _CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OverflowError):
        return True
