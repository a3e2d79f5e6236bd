"""The one error that users see, and the exit codes that scripts rely on."""

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every `restore` command (a fixed contract)."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    GATE_FAILED = 3
    INTERRUPTED = 130
    TERMINATED = 143


MANY_FILES = "raise the limit (`ulimit -n 1024`)"
"""The hint where too many files are open."""


class RestoreError(Exception):
    """Something the user can understand and mend.

    Args:
        message: what happened; names the file, key or option.
        hint: what to do about it, or None where there is nothing to add.
        exit_code: what the process exits with if nobody catches it.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, exit_code: ExitCode = ExitCode.USAGE
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


_NEAR = 0.7
"""Likeness from which a word counts as another one mistyped: "quality" is not "quiet"."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The name that was probably meant by a misspelt one; None where none is near.

    Args:
        word: what was given; dashes in front and capitals do not count.
        known: what there is.
    """
    bare = {name.lstrip("-").lower(): name for name in known}
    given = word.lstrip("-").lower()
    near = difflib.get_close_matches(given, bare, n=1, cutoff=_NEAR)
    # Of short words with two letters in each other's place too few stay where they were.
    turned = (name for name in bare if given and sorted(name) == sorted(given))
    found = near[0] if near else next(turned, None)
    return None if found is None else bare[found]


def meant(word: str, known: Iterable[str]) -> str:
    """`did you mean X? ` to begin a hint with; empty where nothing is near."""
    near = nearest(word, known)
    return f"did you mean {near!r}? " if near else ""
