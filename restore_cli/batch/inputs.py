"""What the user named -> the pictures it stands for.

Inputs are files, folders and glob patterns in any mix. This looks at folders and names only; it
decodes nothing. What concerns one input becomes a `Refused`, and the others go on.
"""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from restore_cli.errors import RestoreError
from restore_cli.images.drawn_sheet import COMPARISON
from restore_cli.images.formats import UNREADABLE_SUFFIXES
from restore_cli.images.listing import (
    PICTURES,
    Suffixes,
    is_folder,
    not_a_file,
    walk,
    why_missing,
    why_no_pictures,
    why_not_listed,
)
from restore_cli.raw.suffixes import RAWS


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


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds the pictures that inputs stand for.

    Attributes:
        label: what was done, for default names: the task.
        recursive: whether to walk into subfolders.
        skip: a resolved folder not to walk into, because outputs go there; or None.
        suffixes: which files of folders and patterns count.
    """

    label: str
    recursive: bool = False
    skip: Path | None = None
    suffixes: Suffixes = PICTURES

    def find(self, text: str) -> Iterator[Found | Refused]:
        """Everything that one input stands for, in a fixed order; at least one entry."""
        path = Path(text)
        if not text:
            # Path("") is the working directory: an unset shell variable must not restore that.
            problem = RestoreError("an input is an empty text", hint="name a file or folder")
            yield Refused(path, problem)
        elif is_folder(path):
            yield from self._in_folder(path)
        elif os.path.lexists(path):
            yield self._file(path, Path())
        elif glob.has_magic(text):
            yield from self._matching(text)
        else:
            yield Refused(path, why_missing(path))

    def _file(self, path: Path, below: Path) -> Found | Refused:
        problem = not_a_file(path)
        if problem:
            return Refused(path, problem)
        return Found(path, home=path.parent, below=below, tag=f"-{self.label}", named=True)

    def _matching(self, pattern: str) -> Iterator[Found | Refused]:
        """The pictures that a pattern matches or, if it matches folders only, those folders.

        With `-o` the tree below the fixed part of the pattern is mirrored.
        """
        matches = sorted(Path(match) for match in glob.glob(pattern, recursive=True))  # noqa: PTH207
        folders = [path for path in matches if is_folder(path)]
        files = [path for path in matches if path not in folders and self.suffixes.take(path)]
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
            yield Refused(Path(pattern), why_not_listed(fixed) or problem)

    def _in_folder(self, folder: Path) -> Iterator[Found | Refused]:
        """The pictures of a folder input; an error if there is none."""
        # Resolved only where the name says nothing: `.` and `..` are called what they lead to.
        named = folder if folder.name not in ("", "..") else folder.resolve()
        home = named.with_name(f"{named.name}-{self.label}") if named.name else named / self.label
        nothing = True
        known = Suffixes(self.suffixes.readable)  # the others are counted by `passed_over`
        for listed in walk(folder, recursive=self.recursive, skip=self.skip, suffixes=known):
            nothing = False
            path, below = listed.path, listed.below
            found = Found(path, home=home / below, below=below, tag="", named=False)
            yield Refused(path, listed.problem) if listed.problem else found
        if nothing:
            problem = why_no_pictures(folder, recursive=self.recursive, suffixes=self.suffixes)
            yield Refused(folder, problem)


def passed_over(inputs: Sequence[str], *, recursive: bool) -> tuple[str, ...]:
    """Pictures of the folders among the inputs that are not read, one note for each kind.

    Args:
        inputs: what the user named.
        recursive: whether subfolders are walked.
    """
    kinds: dict[str, Counter[str]] = {"picture": Counter(), "RAW": Counter(), "sheet": Counter()}
    wanted = {"picture": UNREADABLE_SUFFIXES, "RAW": RAWS.readable}
    sought = Suffixes(UNREADABLE_SUFFIXES | RAWS.readable)
    drawn = Suffixes(frozenset({Path(COMPARISON).suffix}), sheets=True)
    for folder in {Path(text) for text in inputs if text and is_folder(Path(text))}:
        for listed in walk(folder, recursive=recursive, suffixes=sought):
            suffix = listed.path.suffix.lower()
            for kind, suffixes in wanted.items():
                kinds[kind][suffix] += suffix in suffixes
        for listed in walk(folder, recursive=recursive, suffixes=drawn):
            kinds["sheet"][listed.path.suffix] += 1
    cures = {
        "picture": "they are of kinds that are not read",
        "RAW": "use `restore isp`",
        "sheet": "`--compare` and `restore compare` drew them",
    }
    notes: list[str] = []
    for kind, counts in kinds.items():
        if total := counts.total():
            which = ", ".join(f"{n} {suffix}" for suffix, n in sorted(counts.items()) if n)
            files = f"{total} {kind} file{'s' if total > 1 else ''}"
            notes.append(f"{files} passed over ({which}): {cures[kind]}")
    return tuple(notes)
