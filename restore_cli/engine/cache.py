"""What was costly to make and may be made again: files in the user's cache folder."""

import contextlib
import hashlib
import os
from pathlib import Path

from restore_cli.errors import RestoreError
from restore_cli.folders import make_folder
from restore_cli.images.atomic import write_atomically

LIMIT = 512 * 2**20
"""Bytes of the whole cache; what was used longest ago goes first."""
_DIGEST = hashlib.sha256().digest_size


def cache_folder() -> Path:
    """`RESTORE_CACHE_DIR`, or the folder that the platform has for this."""
    told = os.environ.get("RESTORE_CACHE_DIR")
    if told:
        return Path(told)
    from platformdirs import user_cache_path

    return user_cache_path("restore-cli", appauthor=False)


class Cache:
    """Bytes by key. Several processes may use one folder at once.

    Files are written under other names and renamed, so a reader sees whole ones; each begins with
    a digest of its key and its content, so one that is damaged, or another's, is not taken.

    Args:
        folder: made when something is put.
        limit: bytes of all files.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._folder = folder
        self._limit = limit

    def get(self, key: str) -> bytes | None:
        """What was put under a key; None where there is nothing, or nothing whole."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if content[:_DIGEST] != _digest(key, content[_DIGEST:]):
            return None
        with contextlib.suppress(OSError):
            path.touch()
        return content[_DIGEST:]

    def put(self, key: str, data: bytes) -> str:
        """Keep something.

        Returns:
            Why it could not be kept; empty where it was.
        """
        try:
            make_folder(self._folder)
            write_atomically(self._path(key), _digest(key, data) + data)
            self._shrink()
        except (OSError, RestoreError) as error:
            cause = error.__cause__ if isinstance(error, RestoreError) else error
            reason = getattr(cause, "strerror", None) or error
            return f"the cache folder {self._folder} cannot be written: {reason}"
        return ""

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.cache"

    def _shrink(self) -> None:
        """Remove what was used longest ago until the rest is within the limit."""
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.glob("*.cache"):
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
        left = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if left <= self._limit:
                break
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            left -= size


def _digest(key: str, data: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + data).digest()
