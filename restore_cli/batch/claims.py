"""Who makes which output, where several runs write into one folder.

A claim is a small hidden file beside the output, locked by its holder. The system lets go of the
lock when the holder ends, however that comes about, so no claim outlives its run. Where a file
system has no locks, everything is granted: the runs then do the same work twice, as without claims.
"""

import contextlib
import hashlib
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from restore_cli.images.leftovers import host, lives

if sys.platform != "win32":
    import fcntl

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_TRIES = 20
_PAUSE_SECONDS = 0.02


_SIGNED = re.compile(r"process (\d+) on (.*)")


class TakenError(Exception):
    """Another run is making this output; the message says who."""


@dataclass(slots=True, eq=False)
class Claim:
    """The right to make an output, until it is released.

    Attributes:
        path: the hidden file; None where nothing could be locked.
        handle: its descriptor.
    """

    path: Path | None = None
    handle: int = -1

    def release(self) -> None:
        """Let others make it; may be called twice."""
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()
            with contextlib.suppress(OSError):
                os.close(self.handle)
            self.path = None


def claim(output: Path) -> Claim:
    """Claim an output, whose folder exists.

    Raises:
        TakenError: another run, or another part of this one, has it.
    """
    if sys.platform == "win32":
        return Claim()
    name = hashlib.sha256(os.fsencode(output.name)).hexdigest()[:20]
    path = output.with_name(f".restore-{name}.claim")
    holder = ""
    for _ in range(_TRIES):
        try:
            handle = os.open(path, _FLAGS, 0o666)
        except OSError:
            return Claim()  # writing the output will say what is wrong
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(handle)
            if status.st_nlink:
                with contextlib.suppress(OSError):  # a full disk: it holds without its name
                    if status.st_size:  # file systems write out at once what was cut to nothing
                        os.ftruncate(handle, 0)
                    os.write(handle, f"process {os.getpid()} on {host()}".encode())
                return Claim(path, handle)
        except BlockingIOError:
            holder = _holder(handle)
        except OSError:
            os.close(handle)
            return Claim()
        # Its holder has just removed it, or has not signed it yet.
        os.close(handle)
        if holder:
            break
        time.sleep(_PAUSE_SECONDS)
    raise TakenError(holder or "another process")


def _holder(handle: int) -> str:
    """Who holds a claim, in words; empty where it is not signed yet, or by one that is gone.

    Then it is held for the moment only in which another run removes it.
    """
    words = os.read(handle, 100).decode("utf-8", "replace")
    told = _SIGNED.fullmatch(words)
    written = os.fstat(handle).st_mtime
    if told is not None and told[2] == host() and not lives(int(told[1]), written):
        return ""
    return words
