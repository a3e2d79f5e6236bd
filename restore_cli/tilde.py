"""`~` at the beginning of a path, where no shell has made a folder of it.

Shells leave it as it is behind `=` (`--model=~/mine`, `--set data.root=~/photos`), in quotes, and
in files; PowerShell and cmd everywhere. Taken literally, it makes a folder of that name.
"""

import os
import re
from collections.abc import Sequence

_WORD = re.compile(r"((?:[\w.-]+=)?)(~(?:[/\\].*)?)", re.DOTALL)


def from_home(text: str) -> str:
    """The path with the user's folder in place of `~`; another text, or one that exists, as it is.

    Args:
        text: of a path, perhaps.
    """
    if re.match(r"~($|[/\\])", text) is None or os.path.lexists(text):
        return text
    return os.path.expanduser(text)  # noqa: PTH111 - it may be no path


def in_words(words: Sequence[str]) -> list[str]:
    """The words of a command line with `~` and `NAME=~` at their beginnings replaced."""
    return [
        word if (found := _WORD.fullmatch(word)) is None else found[1] + from_home(found[2])
        for word in words
    ]
