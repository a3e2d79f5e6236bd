"""Text files that a command reads whole: recipes, settings, baselines."""

import io
import os
import select
import stat
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from restore_cli.errors import RestoreError

WRITER_SECONDS = 5.0
"""For which somebody who will write to a pipe is waited for."""

_PAUSE_SECONDS = 0.05
_MOST_DOTS = 1000  # of a key
# O_NONBLOCK: opening a pipe waits for its writer otherwise.
_FLAGS = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))


def read_small(path: Path, *, most: int) -> bytes:
    """Read a whole file that is not expected to be large.

    A pipe that somebody has opened for writing is waited for as long as it takes.

    Args:
        path: a file, or a pipe.
        most: bytes; a device such as /dev/zero has no end.

    Raises:
        OSError: it cannot be read.
        RestoreError: it is larger, or a pipe that nobody writes to.
    """
    handle = os.open(path, os.O_RDONLY | _FLAGS)
    with os.fdopen(handle, "rb", buffering=0) as raw:
        begin = b""
        if sys.platform != "win32":
            if stat.S_ISFIFO(os.fstat(handle).st_mode):
                begin = _first_byte(raw, path)
            os.set_blocking(handle, True)
        data = begin + io.BufferedReader(raw).read(most + 1)
    if len(data) > most:
        raise RestoreError(f"{path} is larger than {most / 2**20:g} MiB", hint="name another file")
    return data


def why_unreadable(error: OSError | UnicodeDecodeError) -> str:
    """What an error of reading a file as text says to people, without its name and number."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    return error.strerror or str(error)


def _first_byte(pipe: io.FileIO, path: Path) -> bytes:
    """Wait for the first byte of a pipe that does not block; empty where nothing was written."""
    until = time.monotonic() + WRITER_SECONDS
    while True:
        ended = bool(select.select([pipe], [], [], _PAUSE_SECONDS)[0])
        byte = pipe.read(1)  # None where a writer has not written yet
        if byte or (byte is not None and ended):
            return byte
        if byte is not None and time.monotonic() > until:
            raise RestoreError(
                f"{path} is a pipe that nobody writes to",
                hint="name a file, or start what writes to it",
            )


def parse_toml(text: str, source: str, *, hint: str | None = None) -> dict[str, Any]:
    """Read TOML, whatever it holds.

    Args:
        text: the whole of it.
        source: named in the error.
        hint: of the error.

    Raises:
        RestoreError: it is none, is nested too deeply, or has numbers beyond all bounds.
    """
    if any(_key(line).count(".") > _MOST_DOTS for line in text.splitlines()):
        # The parser takes time by the square of a key's parts: 20,000 take half a minute.
        raise RestoreError(f"{source} is not valid TOML: it is nested too deeply", hint=hint)
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise RestoreError(f"{source} is not valid TOML: {error}", hint=hint) from error


def _key(line: str) -> str:
    """The key or the table that a line of TOML names; empty for rows of numbers and prose."""
    key, equals, _ = line.partition("=")
    return key if equals or ("," not in key and key.lstrip().startswith("[")) else ""
