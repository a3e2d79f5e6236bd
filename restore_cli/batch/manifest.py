"""What made each output: the memory behind `--skip-existing`.

Each output folder keeps one hidden file, `.restore-manifest.jsonl`, with one JSON line per written
output: its hash, that of its input, that of the model, the options. It lies with the outputs so
that it moves with them. An output counts as made only while its own hash is that of its line, so
lines may be stale or missing: at worst a picture is made again. Lines are only ever appended, each
in one write. Where the system has file locks, a writer holds one, since not every file system
appends in one piece. So an interruption costs at most the last line, several runs may write to one
folder, and a million files cost no more each than a hundred do.
"""

import contextlib
import errno
import hashlib
import json
import os
import stat
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from restore_cli.errors import RestoreError
from restore_cli.images.regular import file_sha256, open_regular, size_of

if sys.platform != "win32":
    import fcntl

MANIFEST_NAME = ".restore-manifest.jsonl"
_OUTPUT_HASH = "output_sha256"
_LONGEST_LINE = 2**16
_APPENDING = (
    os.O_RDWR
    | os.O_CREAT
    | os.O_APPEND
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What, besides the input, decides how an output looks.

    Attributes:
        model: SHA-256 of the model, hexadecimal.
        options: options that change the picture; values that JSON has.
    """

    model: str
    options: Mapping[str, object]


class Made(NamedTuple):
    """An output that was written.

    Attributes:
        output: the file.
        input_sha256: of what it was made of.
        output_sha256: of itself; None takes it as it lies there.
    """

    output: Path
    input_sha256: str
    output_sha256: str | None = None


class Manifest:
    """The manifests of all output folders of a run. Safe to use from several threads.

    Args:
        identity: what decides the outputs of this run.
    """

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._folders: dict[Path, _Lines] = {}
        self._lock = threading.Lock()

    def matches(self, output: Path, input_sha256: str) -> bool:
        """Whether `output` is what this run would write. Raises OSError, RestoreError."""
        with self._lock:
            known = self._folders.setdefault(output.parent, _Lines(output.parent / MANIFEST_NAME))
            known.read_on()
            made = known.outputs.get((output.name, _digest(self._entry(output, input_sha256))))
        return made is not None and made == file_sha256(output)

    def record(self, output: Path, input_sha256: str) -> None:
        """Note that `output` has been written, as it lies there. Raises OSError, RestoreError."""
        self.record_all(output.parent, [Made(output, input_sha256)])

    def record_all(self, folder: Path, made: Sequence[Made]) -> None:
        """Note that outputs have been written into a folder. Raises OSError, RestoreError."""
        entries = [
            self._entry(one.output, one.input_sha256)
            | {_OUTPUT_HASH: one.output_sha256 or file_sha256(one.output)}
            for one in made
        ]
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        path = folder / MANIFEST_NAME
        with self._lock:
            # O_APPEND with a single write: lines of parallel runs do not mix. Closing unlocks.
            handle = os.open(path, _APPENDING, 0o666)
            try:
                if sys.platform != "win32":
                    with contextlib.suppress(OSError):  # a file system without locks
                        fcntl.flock(handle, fcntl.LOCK_EX)
                status = os.fstat(handle)
                if not stat.S_ISREG(status.st_mode):
                    raise OSError(errno.EINVAL, "it is not a regular file")
                if status.st_size > 0:
                    os.lseek(handle, -1, os.SEEK_END)
                    # A line that a full disk cut short must not spoil the next one.
                    lines = lines if os.read(handle, 1) == b"\n" else f"\n{lines}"
                os.write(handle, lines.encode("ascii"))
            finally:
                os.close(handle)

    def _entry(self, output: Path, input_sha256: str) -> dict[str, object]:
        return {
            "output": output.name,
            "input_sha256": input_sha256,
            "model_sha256": self.identity.model,
            "options": dict(self.identity.options),
        }


class _Lines:
    """One folder's manifest, as far as it has been read.

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self.outputs: dict[tuple[str, str], str] = {}
        """Hash of the output by its name and the digest of all else; the last line counts."""

    def read_on(self) -> None:
        """Take in what has been added; lines that cannot be read count as absent."""
        with contextlib.suppress(OSError, RestoreError), open_regular(self._path) as file:
            if size_of(file) < self._read:
                self._read, self.outputs = 0, {}
            file.seek(self._read)
            whole = True
            while line := file.readline(_LONGEST_LINE):
                ended = line.endswith(b"\n")
                if ended and whole:
                    self._take(line)
                whole = ended
                if ended:
                    self._read = file.tell()

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            made, name = entry.pop(_OUTPUT_HASH), entry["output"]
            self.outputs[str(name), _digest(entry)] = str(made)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return


def _digest(entry: Mapping[str, object]) -> str:
    """A short stand-in for an entry; equal entries have equal ones."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()
