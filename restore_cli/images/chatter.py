"""What C libraries write to standard error about damaged files: caught, and told by file.

libtiff, libpng, OpenEXR and LibRaw write lines there that name no file, or a buffer. They belong to
whichever file is being read; where several are, all of them are named.
"""

import contextlib
import contextvars
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path

_ERROR = 2
_LONGEST = 2**16

_reading: Counter[Path] = Counter()
_lock = threading.Lock()


@contextlib.contextmanager
def reading(path: Path) -> Generator[None]:
    """Let what is written inside belong to this file."""
    with _lock:
        _reading[path] += 1
    try:
        yield
    finally:
        with _lock:
            _reading[path] -= 1
            if not _reading[path]:
                del _reading[path]


@contextlib.contextmanager
def caught(tell: Callable[[str], None]) -> Generator[None]:
    """Catch what libraries write to standard error.

    Nothing is caught where Python's own messages would be, too: they must go through another
    descriptor (`streams.secure` sees to that).

    Args:
        tell: takes one line, with the file that it belongs to; called on another thread.
    """
    if _is_pythons():
        yield
        return
    begin, end = os.pipe()
    before = os.dup(_ERROR)
    os.dup2(end, _ERROR)
    os.close(end)
    # In this thread's context, so that a console says as much as here.
    run = contextvars.copy_context().run
    listener = threading.Thread(target=run, args=(_listen, begin, tell), daemon=True)
    listener.start()
    try:
        yield
    finally:
        os.dup2(before, _ERROR)  # the pipe's last end: the listener is done
        os.close(before)
        listener.join(timeout=1.0)


def _listen(begin: int, tell: Callable[[str], None]) -> None:
    rest = b""
    with os.fdopen(begin, "rb", buffering=0) as pipe:
        while data := pipe.read(_LONGEST):
            *lines, rest = (rest + data).split(b"\n")
            rest = rest[:_LONGEST]
            with _lock:
                names = sorted(map(str, _reading)) or ["a library"]
            for line in lines:
                said = line.decode("utf-8", "backslashreplace").strip()
                if said:
                    named = any(name in said for name in names)
                    tell(said if named else f"{' or '.join(names)}: {said}")


def _is_pythons() -> bool:
    """Whether Python's messages go to the same descriptor."""
    for stream in (sys.stderr, sys.__stderr__):
        try:
            if stream is not None and stream.fileno() == _ERROR:
                return True
        except (OSError, ValueError):  # it stands for something else
            continue
    return False
