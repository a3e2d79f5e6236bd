"""Which files of a folder are pictures: by their names and kinds, nothing is decoded."""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from restore_cli.errors import ExitCode, RestoreError, meant
from restore_cli.images.drawn_sheet import is_sheet
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


_Identity = tuple[int, int]  # device and inode


@dataclass(frozen=True, slots=True)
class Suffixes:
    """Which files of a folder count, by their names.

    Attributes:
        readable: suffixes of those that are read, lower case.
        unreadable: suffixes of those that are named as failed.
        sheets: those count that this program drew to be looked at, and only they.
        kind: what they are, in words.
    """

    readable: frozenset[str]
    unreadable: frozenset[str] = frozenset()
    sheets: bool = False
    kind: str = "pictures"

    def __contains__(self, name: str) -> bool:
        return Path(name).suffix.lower() in self.readable | self.unreadable

    def take(self, path: Path) -> bool:
        """Whether a file of a folder counts."""
        return path.name in self and is_sheet(path) == self.sheets


_KERNEL = frozenset(
    [
        "proc",
        "sysfs",
        "cgroup",
        "cgroup2",
        "devpts",
        "devtmpfs",
        "debugfs",
        "tracefs",
        "securityfs",
        "bpf",
        "configfs",
        "pstore",
        "mqueue",
        "binfmt_misc",
        "fusectl",
        "hugetlbfs",
        "efivarfs",
        "nsfs",
        "rpc_pipefs",
    ]
)
"""File systems whose entries are no files: endless to walk through, some of them to read."""
_MOUNTS = Path("/proc/self/mountinfo")
_MOST_FOLDERS = 200_000
_MOST_NAMES = 1000  # among which a misspelt one is sought
_ADDRESS = re.compile("(?:https?|ftp|file|s3|gs|data):", re.IGNORECASE)
PICTURES = Suffixes(READABLE_SUFFIXES, UNREADABLE_SUFFIXES)
"""Developed pictures, readable or not."""


def walk(
    folder: Path, *, recursive: bool, skip: Path | None = None, suffixes: Suffixes = PICTURES
) -> Iterator[Listed]:
    """Pictures of a folder in order of their names, then those of its subfolders.

    Hidden entries are passed over: they are sidecars, caches, and temporary files. So are sheets
    that this program drew beside its outputs. Linked folders are followed unless they lead back to
    a folder they stand in, and below links each folder is walked once: links that lead to each
    other's folders multiply. File systems of the kernel's own (`/proc`, `/sys`) are passed over. An
    entry that cannot be looked at fails alone.

    Args:
        folder: where to look.
        recursive: whether to walk into subfolders.
        skip: a resolved folder not to walk into; or None.
        suffixes: which files count.
    """
    linked: set[_Identity] = set()  # below links
    kernels = _kernels_devices()
    walked = 0
    # No recursion: folders may be nested more deeply than Python's calls.
    todo = [_Folder(folder, Path())]
    while todo:
        here = todo.pop()
        try:
            status = here.path.stat()
            with os.scandir(here.path) as scanned:
                entries = sorted(scanned, key=lambda one: one.name)
        except OSError as error:
            yield Listed(here.path, here.below, _not_listed(here.path, error))
            continue
        identity = (status.st_dev, status.st_ino)
        if identity in here.above or (here.below_link and identity in linked):
            continue
        if status.st_dev in kernels:
            if not here.above:
                yield Listed(folder, Path(), _kernels_own(folder))
            continue
        walked += 1
        if walked > _MOST_FOLDERS:
            yield Listed(folder, Path(), _too_many(folder))
            return
        if here.below_link:
            linked.add(identity)
        shown = [one for one in entries if not one.name.startswith(".")]
        folders = {one.name: one for one in shown if _leads_to_folder(one)}
        for one in shown:
            if one.name not in folders and suffixes.take(here.path / one.name):
                yield Listed(here.path / one.name, here.below, not_a_file(here.path / one.name))
        todo += [
            _Folder(
                here.path / one.name,
                here.below / one.name,
                here.above | {identity},
                here.below_link or one.is_symlink(),
            )
            for one in reversed(folders.values() if recursive else ())
            if skip is None or os.path.realpath(one.path) != str(skip)
        ]


def why_no_pictures(
    folder: Path, *, recursive: bool, suffixes: Suffixes = PICTURES
) -> RestoreError:
    """The error for a folder that holds no picture, with what to do about it."""
    hint = "it reads " + ", ".join(sorted(suffixes.readable))
    with contextlib.suppress(OSError):
        if not recursive and any(is_folder(child) for child in folder.iterdir()):
            hint = "-r looks into its subfolders"
    return RestoreError(f"{folder} holds no {suffixes.kind}", hint=hint)


def why_no_data(folder: Path) -> RestoreError | None:
    """Why a folder cannot be one to learn from, or None: all of a machine, or the kernel's own."""
    whole = folder.resolve()
    if whole == Path(whole.anchor):
        return RestoreError(
            f"{folder} is the root of the file system, not a folder of pictures",
            hint="name the folder that holds them",
        )
    with contextlib.suppress(OSError):
        if folder.stat().st_dev in _kernels_devices():
            return _kernels_own(folder)
    return None


def _kernels_devices() -> frozenset[int]:
    """Device numbers of the kernel's own file systems; none where it does not tell them."""
    try:
        lines = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    found: set[int] = set()
    for line in lines:
        place, _, kind = line.partition(" - ")
        if kind.split(" ")[0] in _KERNEL:
            major, minor = place.split(" ")[2].split(":")
            found.add(os.makedev(int(major), int(minor)))
    return frozenset(found)


def _kernels_own(folder: Path) -> RestoreError:
    return RestoreError(
        f"{folder} is the kernel's, not a folder of files",
        hint="name the folder that holds the pictures",
        exit_code=ExitCode.SOME_FAILED,
    )


def _too_many(folder: Path) -> RestoreError:
    return RestoreError(
        f"{folder} has more than {_MOST_FOLDERS:,} folders below it: the others were left out",
        hint="name the folders that hold the pictures",
        exit_code=ExitCode.SOME_FAILED,
    )


def why_missing(path: Path) -> RestoreError:
    """The error for a path where nothing is found: it is not there, or cannot be reached."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        if _ADDRESS.match(str(path)):
            return RestoreError(
                f"{path} is an address, and files are read",
                hint="download it first, and name the file",
            )
        return RestoreError(
            f"{path} does not exist", hint=f"{_meant(path)}check the spelling of the path"
        )
    except (OSError, ValueError) as error:  # a locked folder, a name too long
        why = getattr(error, "strerror", None) or error
        return RestoreError(f"{path} cannot be reached: {why}", exit_code=ExitCode.SOME_FAILED)
    return RestoreError(f"{path} has only just appeared", hint="try it again")


def _meant(path: Path) -> str:
    """`did you mean X? ` of a small folder's names; empty where none is near."""
    try:
        with os.scandir(path.parent) as scanned:
            names = [one.name for one in islice(scanned, _MOST_NAMES)]
    except (OSError, ValueError):
        return ""
    return meant(path.name, names) if len(names) < _MOST_NAMES else ""


def why_not_listed(folder: Path) -> RestoreError | None:
    """Why a folder that is there cannot be looked into; None if it can, or is not there."""
    try:
        os.scandir(folder).close()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return _not_listed(folder, error)
    return None


def _not_listed(folder: Path, error: OSError) -> RestoreError:
    return RestoreError(
        f"{folder} cannot be listed: {error.strerror}", exit_code=ExitCode.SOME_FAILED
    )


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


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to walk through.

    Attributes:
        path: of it.
        below: of it, relative to where the walk began.
        above: the folders that it stands in.
        below_link: whether a link leads to here.
    """

    path: Path
    below: Path
    above: frozenset[_Identity] = frozenset()
    below_link: bool = False


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, if only one that cannot be looked into, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False
