"""`-` for standard input and output, and lists of names from a file or a pipe."""

import codecs
import contextlib
import os
import shutil
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from restore_cli.errors import RestoreError
from restore_cli.images.leftovers import temporary_folder
from restore_cli.small_file import read_small

if TYPE_CHECKING:
    from restore_cli.batch.pipeline import Result

STANDARD = "-"
INPUT_NAME = "standard input"
_MOST_NAMES = 2**26  # bytes: some million of them
_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class Staged:
    """Inputs and output as files, where the user named `-`.

    Attributes:
        inputs: what to read.
        output: what to write, as `-o` takes it.
        source: the file that holds standard input; None where it is not read.
        sink: the file to copy to standard output at the end; None where there is none.
    """

    inputs: tuple[str, ...]
    output: str | None
    source: Path | None = None
    sink: Path | None = None

    @property
    def names(self) -> dict[Path, str]:
        """`-` for the files that stand for the standard streams."""
        return {path: STANDARD for path in (self.source, self.sink) if path is not None}

    def told(self, result: "Result") -> "Result":
        """A result with `-` for what came from and went to the standard streams."""
        source, output, error = result.source, result.output, result.error
        for path, name in ((self.source, INPUT_NAME), (self.sink, "standard output")):
            if path is not None and error is not None:
                error = error.replace(str(path), name)
        return replace(
            result,
            source=Path(STANDARD) if source == self.source else source,
            output=Path(STANDARD) if output is not None and output == self.sink else output,
            error=error,
        )

    def send(self) -> None:
        """Copy the finished picture to standard output."""
        if self.sink is not None and self.sink.is_file():
            with self.sink.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


@contextlib.contextmanager
def staged(
    inputs: Sequence[str], output: str | None, *, format: str | None, json: bool
) -> Generator[Staged]:
    """Put standard input into a file, and name a file for standard output.

    Pictures are decoded from files, whose parts are read in any order; pipes have only one.

    Args:
        inputs: as named; `-` may stand alone.
        output: as named; `-` needs a single input.
        format: of `--format`; decides what goes to standard output, PNG if it is None.
        json: whether stdout belongs to JSON lines.

    Raises:
        RestoreError: `-` beside other inputs, an output that says nothing or that two would use.
    """
    if STANDARD not in (*inputs, output):
        yield Staged(tuple(inputs), output)
        return
    _check(inputs, output, json=json)
    with temporary_folder() as folder:
        source = sink = None
        if STANDARD in inputs:
            source = _received(folder)
        names = (str(source),) if source is not None else tuple(inputs)
        if output == STANDARD:
            sink = folder / f"output{_ending(format, Path(names[0]))}"
        yield Staged(names, output if sink is None else str(sink), source, sink)


def _check(inputs: Sequence[str], output: str | None, *, json: bool) -> None:
    if STANDARD in inputs and len(inputs) > 1:
        raise RestoreError(
            "- is standard input, which is one picture: name no other inputs beside it",
            hint="run restore once more for the others",
        )
    if STANDARD in inputs and output is None:
        raise RestoreError(
            "a picture from standard input has no name to make one from",
            hint="say where it goes: -o FILE, or -o - for standard output",
        )
    if output != STANDARD:
        return
    if len(inputs) != 1 or Path(inputs[0]).is_dir():
        raise RestoreError("-o - is for one picture", hint="name a folder: -o restored/")
    if json:
        raise RestoreError(
            "-o - and --json both want standard output", hint="leave one of them out"
        )
    if sys.stdout.isatty():
        raise RestoreError(
            "-o - would write a picture to the terminal", hint="send it on: -o - > photo.png"
        )


def _received(folder: Path) -> Path:
    """Standard input as a file whose name tells its format, so that `--format same` works."""
    from restore_cli.images.formats import FORMATS
    from restore_cli.images.room import free_memory

    plain = folder / "input"
    start = sys.stdin.buffer.read(64)
    kind = _kind(start)
    most = free_memory()  # a larger one would not be read; and streams may have no end
    with plain.open("wb") as file:
        file.write(start)
        while data := sys.stdin.buffer.read(_PIECE):
            file.write(data)
            if file.tell() > most:
                raise RestoreError(
                    f"standard input is larger than the memory that is free, {most / 1e9:.1f} GB"
                )
    return plain.rename(plain.with_suffix(FORMATS[kind].suffixes[0]))


def _kind(start: bytes) -> str:
    """What the picture is; TGA files begin with nothing of their own, and here is no name."""
    from restore_cli.images.sniff import sniff

    try:
        return sniff(start, Path(INPUT_NAME))
    except RestoreError:
        with contextlib.suppress(RestoreError):
            return sniff(start, Path("input.tga"))
        raise


def _ending(format: str | None, source: Path) -> str:
    from restore_cli.images.formats import FORMATS

    if format == "same":
        return source.suffix
    return FORMATS[format or "png"].suffixes[0]


def _in_utf8(data: bytes) -> bytes:
    """A list without the mark that Windows' editors and shells put before it.

    PowerShell's `>` writes UTF-16; names without such a mark may be any bytes, and stay.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "surrogatepass").encode("utf-8", "surrogatepass")
    return data.removeprefix(codecs.BOM_UTF8)


def names_from(place: str, *, null: bool) -> list[str]:
    """The names in a file or, for `-`, on standard input; empty ones are passed over.

    Args:
        place: a file, or `-`.
        null: names end with a NUL; else with a line.

    Raises:
        RestoreError: it cannot be read, or holds no name.
    """
    try:
        if place == STANDARD:
            data = sys.stdin.buffer.read(_MOST_NAMES + 1)
        else:
            data = read_small(Path(place), most=_MOST_NAMES)
    except OSError as error:
        raise RestoreError(f"--files-from {place}: cannot be read: {error.strerror}") from error
    if len(data) > _MOST_NAMES:
        raise RestoreError(f"--files-from {place}: more than {_MOST_NAMES / 2**20:g} MiB of names")
    data = _in_utf8(data)
    if not null and b"\0" in data:
        raise RestoreError(
            f"--files-from {place}: names there end with a NUL", hint="-0 reads such a list"
        )
    parts = data.split(b"\0") if null else [line.rstrip(b"\r") for line in data.split(b"\n")]
    names = [os.fsdecode(part) for part in parts if (part if null else part.strip())]
    if not names:
        raise RestoreError(f"--files-from {place}: there is no name in it")
    return names
