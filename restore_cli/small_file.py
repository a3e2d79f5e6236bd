"""Text files that a command reads whole: recipes, baselines."""

from pathlib import Path

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
