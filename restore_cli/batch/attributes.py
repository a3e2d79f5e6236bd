"""What the file system says of a file: permissions, times, extended attributes."""

import contextlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Attributes:
    """What an output is to have.

    Attributes:
        mode: permission bits.
        times: access and modification time in nanoseconds; None leaves them as they come.
        extended: names and values of user attributes, where the system has them.
    """

    mode: int
    times: tuple[int, int] | None
    extended: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def for_output(cls, source: Path, output: Path, *, preserve_times: bool) -> "Attributes":
        """Take them from the input; a file to be replaced keeps its own permissions.

        Raises:
            OSError: the input is gone.
        """
        told = source.stat()
        try:
            mode = output.stat().st_mode
        except OSError:
            mode = told.st_mode
        times = (told.st_atime_ns, told.st_mtime_ns) if preserve_times else None
        return cls(stat.S_IMODE(mode) & 0o777, times, tuple(_extended(source)))

    def apply(self, output: Path) -> None:
        """Give them to a written file, as far as the file system lets."""
        with contextlib.suppress(OSError):
            output.chmod(self.mode)
        if sys.platform == "linux":
            for name, value in self.extended:
                with contextlib.suppress(OSError):
                    os.setxattr(output, name, value)
        if self.times is not None:
            with contextlib.suppress(OSError):
                os.utime(output, ns=self.times)


def _extended(path: Path) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            for name in os.listxattr(path):
                if name.startswith("user."):
                    found.append((name, os.getxattr(path, name)))
    return found
