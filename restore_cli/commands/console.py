"""Two streams: messages and progress for people on stderr; results on stdout, as tables or JSON."""

import contextlib
import json
import math
import os
import sys
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from restore_cli.commands.log_file import LogFile
from restore_cli.streams import printable

if TYPE_CHECKING:
    # rich is imported where it is used: `restore --help` does not need it.
    import rich.console
    from rich.progress import Progress, Task
    from rich.text import Text


_LOG_WIDTH = 160
_TAKEN_FOR_TERMINAL = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""Variables by which rich draws into what is no terminal."""
_GAP = 2  # between columns of a table
_NARROWEST = 10  # characters of a column of words, where it has more


@dataclass(frozen=True, slots=True)
class Voice:
    """How much is said, and where else than on the terminal.

    Attributes:
        verbose: details too.
        log: gets every message, details included, also where the terminal is to be quiet.
    """

    verbose: bool = False
    log: LogFile | None = None


_VOICE: ContextVar[Voice] = ContextVar("voice", default=Voice())  # noqa: B039 - it is frozen


@contextlib.contextmanager
def spoken(*, verbose: bool, log: Path | None) -> Generator[LogFile | None]:
    """Let consoles inside say details, and write what they say to a file as well.

    Yields:
        The log, closed when the context is left; whoever runs a command asks it what was lost.

    Raises:
        RestoreError: the file cannot be written.
    """
    file = None if log is None else LogFile(log)
    before = _VOICE.set(Voice(verbose, file))
    try:
        yield file
    except BaseException as error:
        if file is not None:
            file.end(error)
            if file.lost is not None:  # the run ends with an error of its own
                Console().warn(file.lost.message)
        raise
    finally:
        _VOICE.reset(before)
        if file is not None:
            file.close()


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

    @property
    def draws(self) -> bool:
        """Whether a progress bar would be seen."""
        return not self.quiet and _may_draw(sys.stderr)

    @property
    def is_verbose(self) -> bool:
        """Whether details are told."""
        return _VOICE.get().verbose

    def say(self, message: str, *, asked: bool = False) -> None:
        """Print a message for people; long lines are left for the terminal to wrap.

        Args:
            message: one or more lines.
            asked: it belongs to what was asked for, and goes to stdout.
        """
        self.record(message)
        stream = sys.stdout if asked else sys.stderr
        if not _may_draw(stream):
            if not (self.quiet or (asked and (self.json or self.stdout_is_taken))):
                # In one piece: each write lets other threads go first.
                stream.write(_shown(message, stream.encoding or "utf-8") + "\n")
                stream.flush()
            return
        console = self.answers if asked else self.people
        console.print(_shown(message, console.encoding), soft_wrap=True)

    def detail(self, message: str) -> None:
        """Print a message that is wanted with --verbose; the log gets it in any case."""
        if self.is_verbose:
            self.say(message)
        else:
            self.record(message)

    def record(self, message: str) -> None:
        """Write a message to the log only."""
        if (log := _VOICE.get().log) is not None:
            log.write(message)

    def answer(self, line: str) -> None:
        """Print a line on stdout: what a person asked for, where no JSON was."""
        self.say(line, asked=True)

    def warn(self, message: str) -> None:
        """Print `warning: message` for people."""
        self.say(f"warning: {message}")

    def table(
        self,
        headings: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        numbers: Collection[str] = (),
    ) -> None:
        """Print a table that a person asked for, on stdout; nothing where JSON was.

        Where the terminal is too narrow for it, each row becomes a block of lines.

        Args:
            headings: of the columns.
            rows: as many cells each.
            numbers: headings of columns with numbers that are written out already; they are
                right-aligned, as are columns whose cells are all numbers.
        """
        from rich.table import Table

        body = [list(row) for row in rows]
        cells = [[_shown(_cell(value), self.answers.encoding) for value in row] for row in body]
        table = Table(box=None, header_style="bold", pad_edge=False)
        least = -_GAP
        for position, heading in enumerate(headings):
            numeric = heading in numbers or (
                bool(body) and all(isinstance(row[position], int | float) for row in body)
            )
            justify = "right" if numeric else "left"
            table.add_column(heading, justify=justify, overflow="fold", no_wrap=numeric)
            width = max(len(heading), *(len(row[position]) for row in cells), 0)
            least += _GAP + (width if numeric else min(width, _NARROWEST))
        if self.answers.is_terminal and least > self.answers.width:
            self._blocks(headings, cells)
            return
        for row in cells:
            table.add_row(*row)
        self.answers.print(table)

    def _blocks(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table as one block a row: heading and value on each line."""
        from rich.table import Table

        for number, row in enumerate(rows):
            block = Table(box=None, show_header=False, pad_edge=False)
            block.add_column(style="bold", no_wrap=True)
            block.add_column(overflow="fold")
            for heading, value in zip(headings, row, strict=True):
                block.add_row(heading, value)
            if number:
                self.answers.print()
            self.answers.print(block)

    def progress(self, *, files: bool = False) -> "Progress":
        """A progress bar to use as a context manager; it shows only on a terminal.

        Args:
            files: steps are pixels; shown are their share, and the field `files` of the task.
        """
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        class Left(TimeRemainingColumn):
            def render(self, task: "Task") -> "Text":
                time_left = super().render(task)
                return time_left.append(" left") if time_left.plain else time_left

        of_pixels = (TaskProgressColumn(), TextColumn("{task.fields[files]}", markup=False))
        return Progress(
            TextColumn("{task.description}", markup=False),
            # As wide as there is room for, so that narrow terminals keep the numbers.
            BarColumn(bar_width=None),
            *(of_pixels if files else (MofNCompleteColumn(),)),
            Left(),
            expand=True,
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
    if value is None or type(value) in (str, int, bool):
        return value
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

    # No markup, emoji and highlighting: file names may hold anything, `[red]` and `:car:` included.
    # In a log file, nothing limits the width of a table; a terminal has its own.
    stream = sys.stderr if stderr else sys.stdout
    return rich.console.Console(
        stderr=stderr,
        quiet=quiet,
        markup=False,
        emoji=False,
        highlight=False,
        width=None if stream.isatty() else _LOG_WIDTH,
    )


def _may_draw(stream: TextIO) -> bool:
    """Whether a stream is a terminal, or is to be taken for one; elsewhere rich only prints."""
    return stream.isatty() or any(os.environ.get(name) for name in _TAKEN_FOR_TERMINAL)


def _shown(text: str, encoding: str) -> str:
    """The text with what a terminal would act on, or its encoding lacks, as escapes."""
    return printable(text).encode(encoding, "backslashreplace").decode(encoding)
