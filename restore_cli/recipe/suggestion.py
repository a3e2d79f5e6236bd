"""What was probably meant by a misspelt name."""

from collections.abc import Iterable

from restore_cli.errors import nearest


def suggest(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known name, or with all of them where none is near."""
    names = sorted(known)
    near = nearest(word, names)
    return f"did you mean {near!r}?" if near else "known: " + ", ".join(names)
