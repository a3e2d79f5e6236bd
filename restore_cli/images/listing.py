"""Which files of a folder are pictures: by their names and kinds, nothing is decoded."""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.images.formats import READABLE_SUFFIXES, UNREADABLE_SUFFIXES


@dataclass(frozen=True, slots=True)
class Listed:
    """One picture of a folder, by its name.

    Attributes:
        path: the file, or the folder that could not be listed.
        below: its folder relative to the folder that was walked.
        problem: why it cannot be read, or None. A name of `UNREADABLE_SUFFIXES` is no problem yet:
            what to say about it is up to the caller.
    """

    path: Path
    below: Path
    problem: RestoreError | None = None


@dataclass(frozen=True, slots=True)
class Suffixes:
    """Which files of a folder count, by their names.

    Attributes:
        readable: suffixes of those that are read, lower case.
        unreadable: suffixes of those that are named as failed.
    """

    readable: frozenset[str]
    unreadable: frozenset[str] = frozenset()

    def __contains__(self, name: str) -> bool:
        return Path(name).suffix.lower() in self.readable | self.unreadable


PICTURES = Suffixes(READABLE_SUFFIXES, UNREADABLE_SUFFIXES)
"""Developed pictures, readable or not."""


def walk(
    folder: Path, *, recursive: bool, skip: Path | None = None, suffixes: Suffixes = PICTURES
) -> Iterator[Listed]:
    """Pictures of a folder in order of their names, then those of its subfolders.

    Hidden entries are passed over: they are sidecars, caches, and temporary files. Linked folders
    are followed unless they lead back to a folder they stand in, and below links each folder is
    walked once: links that lead to each other's folders multiply. An entry that cannot be looked
    at fails alone.

    Args:
        folder: where to look.
        recursive: whether to walk into subfolders.
        skip: a resolved folder not to walk into; or None.
        suffixes: which files count.
    """
    yield from _walk(folder, Path(), recursive, skip, suffixes, frozenset(), False, set())


def why_no_pictures(
    folder: Path, *, recursive: bool, suffixes: Suffixes = PICTURES
) -> RestoreError:
    """The error for a folder that holds no picture, with what to do about it."""
    hint = "it reads " + ", ".join(sorted(suffixes.readable))
    with contextlib.suppress(OSError):
        if not recursive and any(is_folder(child) for child in folder.iterdir()):
            hint = "-r looks into its subfolders"
    return RestoreError(f"{folder} holds no pictures", hint=hint)


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; what cannot be looked at is none."""
    return os.path.isdir(path)  # noqa: PTH112 (the method of Path raises for some links)


def not_a_file(path: Path) -> RestoreError | None:
    """Why a path is not a file that can be read; None if it is one.

    Pipes and devices would be waited for without end; links may lead nowhere.
    """
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return None
        why = "is not a regular file"
    except FileNotFoundError:
        why = "is a link that leads nowhere"
    except (OSError, ValueError) as error:  # a loop of links, a name too long, a locked folder
        why = f"cannot be reached: {getattr(error, 'strerror', None) or error}"
    return RestoreError(f"{path} {why}", exit_code=ExitCode.SOME_FAILED)


def _walk(
    folder: Path,
    below: Path,
    recursive: bool,
    skip: Path | None,
    suffixes: Suffixes,
    above: frozenset[tuple[int, int]],
    below_link: bool,
    linked: set[tuple[int, int]],
) -> Iterator[Listed]:
    """See `walk`; `below_link`: a link leads to here; `linked`: what was walked so."""
    try:
        status = folder.stat()
        entries = sorted(folder.iterdir())
    except OSError as error:
        message = f"{folder} cannot be listed: {error.strerror}"
        yield Listed(folder, below, RestoreError(message, exit_code=ExitCode.SOME_FAILED))
        return
    identity = (status.st_dev, status.st_ino)
    if identity in above or (below_link and identity in linked):
        return
    if below_link:
        linked.add(identity)
    shown = [path for path in entries if not path.name.startswith(".")]
    subfolders = {path for path in shown if is_folder(path)}
    for path in shown:
        if path not in subfolders and path.name in suffixes:
            yield Listed(path, below, not_a_file(path))
    for path in sorted(subfolders) if recursive else ():
        if skip is None or os.path.realpath(path) != str(skip):
            through = below_link or path.is_symlink()
            further = above | {identity}
            yield from _walk(
                path, below / path.name, recursive, skip, suffixes, further, through, linked
            )
