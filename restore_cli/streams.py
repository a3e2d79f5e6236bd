"""Standard input, output and error of the process, whatever state they were handed over in.

A stream that was closed from the start stands for somewhere that nobody looks: work goes on. What
is told to people is lost without harm. Results that nobody can take are worth an error, once.
"""

import contextlib
import io
import os
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO, cast

from restore_cli.errors import ExitCode, RestoreError

# Formatting characters that make a terminal show a text in another order than it has.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def secure() -> None:
    """Make the three streams usable; what stands in for them already is left alone."""
    for number, (name, kind) in enumerate(_LAYERS.items()):
        stream = getattr(sys, name)
        if stream is None:  # Python found the descriptor closed
            stream = _open_null(number, name)
        elif kind is not None and stream is getattr(sys, f"__{name}__"):
            stream = _guarded(stream, kind)
        else:
            continue
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def printable(text: str) -> str:
    r"""The text with nothing in it that a terminal would act on.

    Line ends and tabs stay; other control characters, marks that change the order of reading, and
    bytes that were not valid in a file name become escapes such as `\x1b`.
    """
    if text.isprintable():  # as nearly all are: no mark of `_acts` is
        return text
    shown = "".join(_escape(one) if _acts(one) else one for one in text)
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


def printable_name(name: "str | os.PathLike[str]") -> str:
    r"""A file's name as it can stand in a message: on one line, a line end in it as `\n`."""
    text = os.fspath(name)
    return printable(text).replace("\n", r"\n").replace("\t", r"\t")


def on_one_line(text: str, names: Iterable[str]) -> str:
    """A message in which these names stand as `printable_name` gives them."""
    for name in names:
        if name and (shown := printable_name(name)) != name:
            text = text.replace(name, shown)
    return text


def _acts(character: str) -> bool:
    if character in "\n\t":
        return False
    # Control characters, and what separates lines and paragraphs.
    return unicodedata.category(character) in ("Cc", "Zl", "Zp") or character in _REORDERING


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _open_null(number: int, name: str) -> TextIO:
    """A stream that leads nowhere.

    The descriptor is taken as well: the next file that is opened must not get it, for a library's
    messages would end up in there.
    """
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
    mode = "r" if name == "stdin" else "w"
    return cast("TextIO", Path(os.devnull).open(mode, encoding="utf-8", errors="backslashreplace"))


class _Results(io.FileIO):
    """Standard output: the first write that fails is an error, the rest is dropped."""

    _lost = False

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # pyright: ignore
        """Write bytes. Raises BrokenPipeError or RestoreError the first time that fails."""
        # Nothing at all is what the parser writes to find out what it has before it.
        if self._lost or not data:
            return len(data)
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            self._lost = True
            raise
        except OSError as error:
            self._lost = True
            raise RestoreError(
                f"standard output cannot be written: {error.strerror or error}",
                hint="make room, or send it elsewhere",
                exit_code=ExitCode.SOME_FAILED,
            ) from error


class _Remarks(io.FileIO):
    """Standard error: what cannot be told is dropped."""

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # pyright: ignore
        """Write bytes, or do not."""
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


_LAYERS: dict[str, type[io.FileIO] | None] = {
    "stdin": None,
    "stdout": _Results,
    "stderr": _Remarks,
}


def _guarded(stream: TextIO, kind: type[io.FileIO]) -> TextIO:
    """The same stream with another layer below; as it is where it is no plain file of text."""
    below = getattr(stream, "buffer", None)
    unbuffered = type(below) is io.FileIO  # PYTHONUNBUFFERED
    raw = below if unbuffered else getattr(below, "raw", None)
    if not isinstance(stream, io.TextIOWrapper) or type(raw) is not io.FileIO:
        return stream
    stream.flush()
    number = raw.fileno()
    if kind is _Remarks:
        # Of its own, so that what libraries write to the usual one can be told from it.
        with contextlib.suppress(OSError):
            number = os.dup(number)
    layer = kind(number, "wb", closefd=False)
    return io.TextIOWrapper(
        layer if unbuffered else io.BufferedWriter(layer),  # pyright: ignore[reportArgumentType]
        encoding=stream.encoding,
        errors=stream.errors,
        newline=None,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
