"""What is wrong with a set of files, told all at once."""

from restore_cli.errors import RestoreError

MOST_LISTED = 20


class Problems:
    """Collects what is wrong, by kind, and raises it as one error.

    Every kind lists at most `MOST_LISTED` lines, so that none hides another, and then counts.
    """

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._hints: dict[str, str | None] = {}

    def add(self, kind: str, line: str, hint: str | None = None) -> None:
        """Note one problem.

        Args:
            kind: what the lines of this sort are counted as, e.g. "outputs without a reference".
            line: what is wrong; names the file.
            hint: the cure; told once for each kind, the first one given.
        """
        self._lines.setdefault(kind, []).append(line)
        if self._hints.get(kind) is None:
            self._hints[kind] = hint

    def raise_any(self, summary: str) -> None:
        """Raise what was noted, if anything was.

        Args:
            summary: the first line where there are several; a single problem stands alone.

        Raises:
            RestoreError: with a line for each problem, and the cures as its hint.
        """
        if not self._lines:
            return
        hints = list(dict.fromkeys(hint for hint in self._hints.values() if hint))
        hint = "; ".join(hints) or None
        everything = [line for lines in self._lines.values() for line in lines]
        if len(everything) == 1:
            raise RestoreError(everything[0], hint=hint)
        shown: list[str] = []
        for kind, lines in self._lines.items():
            shown += [f"  {line}" for line in lines[:MOST_LISTED]]
            if len(lines) > MOST_LISTED:
                shown.append(f"  ... and {len(lines) - MOST_LISTED} more {kind}")
        raise RestoreError("\n".join([f"{summary}:", *shown]), hint=hint)
