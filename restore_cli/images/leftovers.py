"""Files that a killed writer left behind, and how it is told that it lives no more.

The name of a temporary file or folder says which process of which host writes it. Whoever writes
there next removes what belongs to a process of this host that is gone. Files under way, and those
that mark a claim, are locked by their holder, and the system lets go of the lock when the holder
ends: where two containers call themselves alike, their numbers of processes say nothing.
"""

import contextlib
import os
import platform
import re
import secrets
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path

from restore_cli.errors import ExitCode, RestoreError

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


@contextlib.contextmanager
def temporary_folder() -> Generator[Path]:
    """A folder for this process alone, where the system has temporary files; gone afterwards.

    What killed processes left there is removed.

    Raises:
        RestoreError: there is no room, or no place.
    """
    try:
        place = Path(tempfile.gettempdir())
        clear(place)
        folder = place / temporary_name()
        folder.mkdir()
        folder.chmod(0o700)  # whatever the umask
    except OSError as error:
        raise RestoreError(
            f"no folder for temporary files can be made: {error.strerror or error}",
            hint="make room, or name another place with TMPDIR=FOLDER",
            exit_code=ExitCode.SOME_FAILED,
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def hold(handle: int) -> None:
    """Lock a file under way, until its descriptor is closed; where there are locks."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


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
            _unlink_unheld(path)
        return
    told = _NAME.fullmatch(path.name)
    if told is None or told["host"] != host():
        return
    state = path.lstat()
    if lives(int(told["process"]), state.st_mtime):
        return
    if stat.S_ISREG(state.st_mode):
        _unlink_unheld(path)
    elif stat.S_ISDIR(state.st_mode) and (sys.platform == "win32" or state.st_uid == os.geteuid()):
        shutil.rmtree(path, ignore_errors=True)


def _unlink_unheld(path: Path) -> None:
    """Remove a file that nobody has locked. Raises OSError where that cannot be told."""
    if sys.platform == "win32":
        path.unlink()
        return
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except BlockingIOError:
        pass  # it is held
    finally:
        os.close(handle)


def lives(process: int, written: float) -> bool:
    """Whether the process of this host that wrote a file at that time is still there.

    Args:
        process: its number.
        written: seconds since the epoch.
    """
    import psutil  # takes time, and is seldom needed

    try:
        # A later process may have got its number.
        return psutil.Process(process).create_time() <= written + _CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OverflowError):
        return True
