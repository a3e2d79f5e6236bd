"""What became of each input of a batch, and its failures in words."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from restore_cli.batch.inputs import Refused
from restore_cli.batch.planning import Job
from restore_cli.engine.out_of_memory import lacks_memory
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.images.formats import FORMATS
from restore_cli.streams import on_one_line


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one input.

    Attributes:
        source: the input.
        output: where its output is, or would have been; None if that was never known.
        status: "done" (written), "skipped" (the output there matches), or "failed".
        error: why it failed, in words; None otherwise.
        hint: what to do about the failure, where there is something.
        trace: the traceback of the failure.
        height: rows of the input picture, after its orientation is applied; None if not read.
        width: columns, likewise.
        tile: side of the tiles in pixels; None if the picture was computed whole.
        device: where it was computed.
        precision: in what number format.
        unwritten: it failed after it was computed, because the system refused the output.
        notes: sentences about what did not go as asked, from reading and computing.
        seconds: time spent on this file: reading, computing and writing, without waiting.
        model_seconds: the part of it that was computing.
        details: what the reader says of the file, and the network of the picture, for programs.
    """

    source: Path
    output: Path | None
    status: Literal["done", "skipped", "failed"]
    error: str | None = None
    hint: str | None = None
    trace: str | None = None
    height: int | None = None
    width: int | None = None
    tile: int | None = None
    device: str | None = None
    precision: str | None = None
    unwritten: bool = False
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    model_seconds: float = 0.0
    details: Mapping[str, object] = field(default_factory=dict[str, object])


def refusal(refused: Refused) -> Result:
    """The result of an input that was refused before it was read."""
    return Result(
        source=refused.source,
        output=None,
        status="failed",
        error=on_one_line(refused.problem.message, (str(refused.source), refused.source.name)),
        hint=refused.problem.hint,
    )


def too_many_pages(job: Job, pages: int) -> RestoreError:
    """The error of a file of several pages that is to become one picture."""
    return RestoreError(
        f"{job.source} holds {pages} pages, and {FORMATS[job.format].title} holds one picture",
        hint="--format tiff writes all of them; --page N takes one",
        exit_code=ExitCode.SOME_FAILED,
    )


def explain(error: Exception, source: Path) -> str:
    """A failure in words that name the file."""
    if isinstance(error, RestoreError):
        text = error.message
    elif isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{error.filename}: "
        text = f"{where}{error.strerror}"
        if error.errno == errno.ENOENT and str(error.filename) == str(source):
            text = f"{source} is not there any more"
    elif lacks_memory(error):
        text = "not enough memory"
    else:
        text = f"unexpected {type(error).__name__}: {error}"
    text = text if str(source) in text else f"{source}: {text}"
    return on_one_line(text, (str(source), source.name))
