"""Text files that a command reads whole: recipes, settings, baselines."""

import tomllib
from pathlib import Path
from typing import Any

from restore_cli.errors import RestoreError


def read_small(path: Path, *, most: int) -> bytes:
    """Read a whole file that is not expected to be large.

    Args:
        path: a file, or a pipe.
        most: bytes; a device such as /dev/zero has no end.

    Raises:
        OSError: it cannot be read.
        RestoreError: it is larger.
    """
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise RestoreError(f"{path} is larger than {most / 2**20:g} MiB", hint="name another file")
    return data


def parse_toml(text: str, source: str, *, hint: str | None = None) -> dict[str, Any]:
    """Read TOML, whatever it holds.

    Args:
        text: the whole of it.
        source: named in the error.
        hint: of the error.

    Raises:
        RestoreError: it is none, is nested too deeply, or has numbers beyond all bounds.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise RestoreError(f"{source} is not valid TOML: {error}", hint=hint) from error
