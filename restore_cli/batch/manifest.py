"""What made each output: the memory behind `--skip-existing`.

Each output folder keeps one hidden file, `.restore-manifest.jsonl`, with one JSON line per written
output: the hash of its input, the hash of the model, the options. It lies with the outputs so that
it moves with them. Lines are only ever appended, each in one write, and the last one for a name
counts. Where the system has file locks, a writer holds one, since not every file system appends in
one piece. So an interruption costs at most the last line, several runs may write to one folder, and
a million files cost no more each than a hundred do.
"""

import contextlib
import hashlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

if sys.platform != "win32":
    import fcntl

MANIFEST_NAME = ".restore-manifest.jsonl"


@dataclass(frozen=True, slots=True)
class Identity:
    """What, besides the input, decides how an output looks.

    Attributes:
        model: SHA-256 of the model, hexadecimal.
        options: options that change the picture; values that JSON has.
    """

    model: str
    options: Mapping[str, object]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Manifest:
    """The manifests of all output folders of a run. Safe to use from several threads.

    Args:
        identity: what decides the outputs of this run.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._folders: dict[Path, dict[str, str]] = {}
        self._lock = threading.Lock()

    def matches(self, output: Path, input_sha256: str) -> bool:
        """Whether this run would write `output` again just as it is recorded."""
        with self._lock:
            known = self._folders.get(output.parent)
            if known is None:
                known = self._folders[output.parent] = _load(output.parent / MANIFEST_NAME)
            return known.get(output.name) == _digest(self._entry(output, input_sha256))

    def record(self, output: Path, input_sha256: str) -> None:
        """Note that `output` has been written. Raises OSError."""
        self._append(output, self._entry(output, input_sha256))

    def forget(self, output: Path) -> None:
        """Note that `output` is about to be replaced. Raises OSError.

        Without it, a run killed between replacing and recording would leave the new picture under
        the old entry.
        """
        self._append(output, {"output": output.name})

    def _entry(self, output: Path, input_sha256: str) -> dict[str, object]:
        return {
            "output": output.name,
            "input_sha256": input_sha256,
            "model_sha256": self._identity.model,
            "options": dict(self._identity.options),
        }

    def _append(self, output: Path, entry: dict[str, object]) -> None:
        path = output.parent / MANIFEST_NAME
        with self._lock:
            # O_APPEND with a single write: lines of parallel runs do not mix. Closing unlocks.
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                if sys.platform != "win32":
                    with contextlib.suppress(OSError):  # a file system without locks
                        fcntl.flock(handle, fcntl.LOCK_EX)
                line = json.dumps(entry) + "\n"
                if os.fstat(handle).st_size > 0:
                    os.lseek(handle, -1, os.SEEK_END)
                    # A line that a full disk cut short must not spoil the next one.
                    line = line if os.read(handle, 1) == b"\n" else f"\n{line}"
                os.write(handle, line.encode("ascii"))
            finally:
                os.close(handle)
            if output.parent in self._folders:
                self._folders[output.parent][output.name] = _digest(entry)


def _digest(entry: Mapping[str, object]) -> str:
    """A short stand-in for an entry; equal entries have equal ones."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def _load(path: Path) -> dict[str, str]:
    """Digest of the last entry for each name; lines that cannot be read count as absent."""
    known: dict[str, str] = {}
    with contextlib.suppress(OSError), path.open("rb") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                entry = cast("dict[str, object]", entry)
                known[str(entry.get("output"))] = _digest(entry)
    return known
