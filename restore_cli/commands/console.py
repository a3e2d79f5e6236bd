"""Two streams: messages, tables and progress for people on stderr; JSON lines on stdout."""

import json
import math
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    # rich is imported where it is used: `restore --help` does not need it.
    import rich.console
    from rich.progress import Progress


_LOG_WIDTH = 160


class Console:
    """What one command says, and to whom.

    Args:
        quiet: silence everything for people; JSON lines and errors still come.
        json: emit JSON lines; without it `emit` does nothing.
        stdout_is_taken: a file goes to stdout, so tables that were asked for are left out.
    """

    def __init__(
        self, *, quiet: bool = False, json: bool = False, stdout_is_taken: bool = False
    ) -> None:
        self.quiet = quiet
        self.json = json
        self.stdout_is_taken = stdout_is_taken

    @cached_property
    def people(self) -> "rich.console.Console":
        """The rich console on stderr."""
        return _plain_console(stderr=True, quiet=self.quiet)

    @cached_property
    def answers(self) -> "rich.console.Console":
        """The rich console on stdout, for what a person asked for; JSON lines replace it."""
        return _plain_console(stderr=False, quiet=self.quiet or self.json or self.stdout_is_taken)

    def say(self, message: str, *, asked: bool = False) -> None:
        """Print a message for people; long lines are left for the terminal to wrap.

        Args:
            message: one or more lines.
            asked: it belongs to what was asked for, and goes to stdout.
        """
        console = self.answers if asked else self.people
        console.print(_printable(message, console.encoding), soft_wrap=True)

    def warn(self, message: str) -> None:
        """Print `warning: message` for people."""
        self.say(f"warning: {message}")

    def table(
        self,
        headings: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        numbers: Collection[str] = (),
        asked: bool = False,
    ) -> None:
        """Print a table for people.

        Args:
            headings: of the columns.
            rows: as many cells each.
            numbers: headings of columns with numbers that are written out already; they are
                right-aligned, as are columns whose cells are all numbers.
            asked: it is what the command was asked for, and goes to stdout.
        """
        from rich.table import Table

        console = self.answers if asked else self.people
        body = [list(row) for row in rows]
        table = Table(box=None, header_style="bold", pad_edge=False)
        for position, heading in enumerate(headings):
            numeric = heading in numbers or (
                bool(body) and all(isinstance(row[position], int | float) for row in body)
            )
            justify = "right" if numeric else "left"
            table.add_column(heading, justify=justify, overflow="fold", no_wrap=numeric)
        for row in body:
            table.add_row(*(_printable(_cell(value), console.encoding) for value in row))
        console.print(table)

    def progress(self) -> "Progress":
        """A progress bar to use as a context manager; it shows only on a terminal."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.people,
            # Bars drawn into a log file are noise; they vanish from the terminal when done.
            disable=self.quiet or not self.people.is_terminal,
            transient=True,
            # Left alone: rich would send JSON lines to the terminal on stderr otherwise.
            redirect_stdout=False,
        )

    def emit(self, record: Mapping[str, object]) -> None:
        """Write one JSON object as a line on stdout, at once.

        Paths become strings, enums their values, and numbers that JSON has no word for (NaN,
        infinity) null. Non-ASCII characters are escaped, so any terminal or locale can carry
        any file name.
        """
        if self.json:
            sys.stdout.write(json.dumps(_plain(record), allow_nan=False) + "\n")
            sys.stdout.flush()


def _plain(value: object) -> object:
    """The value in terms that JSON has."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        mapping = cast("Mapping[object, object]", value)
        return {str(key): _plain(item) for key, item in mapping.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("Sequence[object]", value)]
    return value


def _cell(value: object) -> str:
    """A table cell: thousands separated, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _plain_console(*, stderr: bool, quiet: bool) -> "rich.console.Console":
    import rich.console

    # No markup and no highlighting: file names may hold anything, `[red]` included.
    # In a log file, nothing limits the width of a table; a terminal has its own.
    stream = sys.stderr if stderr else sys.stdout
    return rich.console.Console(
        stderr=stderr,
        quiet=quiet,
        markup=False,
        highlight=False,
        width=None if stream.isatty() else _LOG_WIDTH,
    )


def _printable(text: str, encoding: str = "utf-8") -> str:
    """The text with what the stream cannot carry shown as escapes.

    Bytes that were not valid in a file name, and letters that a narrow locale lacks.
    """
    return text.encode(encoding, "backslashreplace").decode(encoding)
