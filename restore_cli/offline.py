"""No network while a library loads what a file or folder names: nothing is downloaded unasked.

What a file holds may refer to something else, and a library fetches it if it has a way to. That it
should not is said to each of them, and made sure of here, whatever they are told: Python reports
every name that is looked up and every connection before it happens.
"""

import socket
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache

from restore_cli.errors import RestoreError

_EVENTS = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
    }
)


class _State(threading.local):
    depth = 0
    asked = ""


_state = _State()


@contextmanager
def offline(what: str) -> Generator[None]:
    """Let nothing that this thread does inside reach the network.

    Args:
        what: is loaded, with its name; begins the error.

    Raises:
        RestoreError: it was tried, and what was to be loaded could not be loaded without.
    """
    _watch()
    before = _state.depth, _state.asked
    _state.depth, _state.asked = _state.depth + 1, ""
    try:
        yield
    except Exception as error:
        if not _state.asked:
            raise
        raise RestoreError(
            f"{what} would be downloaded, in part or as a whole ({_state.asked})",
            hint="nothing is downloaded unasked: get it by other means, and name its folder",
        ) from error
    finally:
        _state.depth, _state.asked = before


@cache
def _watch() -> None:
    """Ask to be told; once, since a hook stays."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if not _state.depth or event not in _EVENTS:
        return
    first = arguments[0] if arguments else None
    if isinstance(first, socket.socket):
        if first.family not in (socket.AF_INET, socket.AF_INET6):
            return  # between processes of this machine
        first = arguments[1] if len(arguments) > 1 else None
    _state.asked = _state.asked or f"{event.partition('.')[2]} {first}"[:200]
    raise ConnectionRefusedError("nothing is downloaded unasked")
