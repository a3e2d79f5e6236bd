"""What the user named -> the pictures it stands for.

Inputs are files, folders and glob patterns in any mix. This looks at folders and names only; it
decodes nothing. What concerns one input becomes a `Refused`, and the others go on.
"""

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.imaging.picture import READABLE_SUFFIXES

UNREADABLE_SUFFIXES = frozenset({".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd", ".svg"})
"""Pictures that are not read. In a folder they are named as failed instead of passed over, since
their owner would otherwise believe them restored; other files (text, RAW, sidecars) are passed
over."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One input that cannot be restored, and why. Its error is reported with the results."""

    source: Path
    problem: RestoreError


@dataclass(frozen=True, slots=True)
class Found:
    """A picture, and where its output goes.

    Attributes:
        path: the file.
        home: folder of the output when no `-o` is given.
        below: folder of the output relative to `-o`, so that trees are mirrored.
        tag: what is added to the stem when no `-o` and no suffix is given.
        named: whether the input was this file, not a folder that holds it.
    """

    path: Path
    home: Path
    below: Path
    tag: str
    named: bool


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is a picture, readable or not."""
    return Path(name).suffix.lower() in READABLE_SUFFIXES | UNREADABLE_SUFFIXES


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds the pictures that inputs stand for.

    Attributes:
        label: what was done, for default names: the task.
        recursive: whether to walk into subfolders.
        skip: a resolved folder not to walk into, because outputs go there; or None.
    """

    label: str
    recursive: bool = False
    skip: Path | None = None

    def find(self, text: str) -> Iterator[Found | Refused]:
        """Everything that one input stands for, in a fixed order; at least one entry."""
        path = Path(text)
        if not text:
            # Path("") is the working directory: an unset shell variable must not restore that.
            problem = RestoreError("an input is an empty text", hint="name a file or folder")
            yield Refused(path, problem)
        elif path.is_dir():
            yield from self._in_folder(path)
        elif os.path.lexists(path):
            yield self._file(path, Path())
        elif glob.has_magic(text):
            yield from self._matching(text)
        else:
            problem = RestoreError(f"{path} does not exist", hint="check the spelling of the path")
            yield Refused(path, problem)

    def _file(self, path: Path, below: Path) -> Found | Refused:
        problem = _not_a_file(path)
        if problem:
            return Refused(path, problem)
        return Found(path, home=path.parent, below=below, tag=f"-{self.label}", named=True)

    def _matching(self, pattern: str) -> Iterator[Found | Refused]:
        """The pictures that a pattern matches or, if it matches folders only, those folders.

        With `-o` the tree below the fixed part of the pattern is mirrored.
        """
        matches = sorted(Path(match) for match in glob.glob(pattern, recursive=True))  # noqa: PTH207
        folders = [path for path in matches if path.is_dir()]
        files = [path for path in matches if path not in folders and is_picture_name(path.name)]
        fixed = Path(pattern)
        while glob.has_magic(str(fixed)):
            fixed = fixed.parent
        for path in files:
            yield self._file(path, path.parent.relative_to(fixed))
        if not files:
            for folder in folders:
                yield from self._in_folder(folder)
        if not files and not folders:
            problem = RestoreError(
                f"{pattern} matches no picture", hint="`**` matches folders at any depth"
            )
            yield Refused(Path(pattern), problem)

    def _in_folder(self, folder: Path) -> Iterator[Found | Refused]:
        """The pictures of a folder input; an error if there is none."""
        # Resolved only where the name says nothing: `.` and `..` are called what they lead to.
        named = folder if folder.name not in ("", "..") else folder.resolve()
        home = named.with_name(f"{named.name}-{self.label}") if named.name else named / self.label
        entries = list(self._walk(folder, Path(), home, frozenset()))
        yield from entries
        if not entries:
            hint = "it reads " + ", ".join(sorted(READABLE_SUFFIXES))
            if not self.recursive and any(child.is_dir() for child in folder.iterdir()):
                hint = "-r looks into its subfolders"
            yield Refused(folder, RestoreError(f"{folder} holds no pictures", hint=hint))

    def _walk(
        self, folder: Path, below: Path, home: Path, above: frozenset[tuple[int, int]]
    ) -> Iterator[Found | Refused]:
        """Pictures of a folder in order of their names, then those of its subfolders.

        Hidden entries are passed over: they are sidecars, caches, and temporary files. Linked
        folders are followed unless they lead back to a folder they stand in.
        """
        try:
            status = folder.stat()
            entries = sorted(folder.iterdir())
        except OSError as error:
            message = f"{folder} cannot be listed: {error.strerror}"
            yield Refused(folder, RestoreError(message, exit_code=ExitCode.SOME_FAILED))
            return
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            return
        shown = [path for path in entries if not path.name.startswith(".")]
        subfolders = {path for path in shown if path.is_dir()}
        for path in shown:
            if path not in subfolders and is_picture_name(path.name):
                problem = _not_a_file(path)
                found = Found(path, home=home / below, below=below, tag="", named=False)
                yield Refused(path, problem) if problem else found
        for path in sorted(subfolders) if self.recursive else ():
            if path.resolve() != self.skip:
                yield from self._walk(path, below / path.name, home, above | {identity})


def _not_a_file(path: Path) -> RestoreError | None:
    """Pipes and devices would be waited for without end; links may lead nowhere."""
    if path.is_file():
        return None
    why = "is not a regular file" if path.exists() else "is a link that leads nowhere"
    return RestoreError(f"{path} {why}", exit_code=ExitCode.SOME_FAILED)
