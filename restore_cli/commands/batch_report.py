"""What becomes of each input of a batch: JSON lines for programs, lines and a sum for people."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from restore_cli.commands.console import Console
from restore_cli.commands.pixel_bar import PixelBar
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.images.chatter import caught
from restore_cli.streams import printable_name

if TYPE_CHECKING:
    from restore_cli.batch.inputs import Refused
    from restore_cli.batch.planning import Job
    from restore_cli.batch.reading import Reader
    from restore_cli.batch.results import Result
    from restore_cli.batch.sizes import Sizes


@dataclass
class BatchReport:
    """Tells people and programs what becomes of each input.

    Attributes:
        console: where to.
        model: name of the model that computes.
        task: what is done.
        traceback: show where failures came from.
        renamed: gives a result the names that it is told under.
    """

    console: Console
    model: str
    task: str
    traceback: bool
    counts: Counter[str] = field(default_factory=Counter[str])
    failures: "list[Result]" = field(default_factory=list["Result"])
    model_seconds: float = 0.0
    folders: set[Path] = field(default_factory=set[Path])
    notes: dict[str, list[Path]] = field(default_factory=dict[str, list[Path]])
    bar: PixelBar = field(default_factory=PixelBar)
    renamed: "Callable[[Result], Result]" = lambda result: result
    _counted: "Result | None" = None

    def follow(
        self,
        results: "Generator[Result]",
        total: int | None,
        *,
        setup_seconds: float,
        sizes: "Sizes | None" = None,
        seen: "Callable[[Result], None]" = lambda _: None,
    ) -> None:
        """Report each result as it comes, and the sum at the end, also when interrupted.

        Args:
            results: as they are finished.
            total: how many there will be; None where nobody knows, and it goes on until it is
                interrupted: then failures are told at once.
            setup_seconds: spent before.
            sizes: how many pixels the inputs have, for the progress bar; else files count.
            seen: called with each result before it is told, but not once it is interrupted.
        """
        started = time.perf_counter()

        def sum_up(*, interrupted: bool) -> None:
            self._sum_up(total, time.perf_counter() - started, setup_seconds, interrupted)

        try:
            # Closed here, so that the sum is told when the last file is finished.
            with (
                caught(self.console.detail),
                closing(results),
                self.console.progress(files=True) if self.console.draws else nullcontext() as bar,
                self.bar.shown(bar, self.task, total, sizes),
            ):
                tell = partial(self._tell, each=bar is None or bar.disable, at_once=total is None)
                result = None
                try:
                    for result in results:
                        seen(result)
                        tell(result)
                        self.bar.finish(result)
                except KeyboardInterrupt:
                    if result is not None and result is not self._counted:
                        tell(result)
                    for result in finished_still(results):
                        tell(result)
                    raise
        except KeyboardInterrupt:
            if total is not None:
                for failure in self.failures:
                    self.console.say(f"failed   {failure.error}")
            sum_up(interrupted=True)
            raise
        sum_up(interrupted=False)

    def follow_jobs(
        self,
        results: "Generator[Result]",
        jobs: "Sequence[Job | Refused]",
        reader: "Reader",
        *,
        started: float,
        seen: "Callable[[Result], None]" = lambda _: None,
    ) -> None:
        """`follow` the results of jobs that are all known.

        Args:
            results: as they are finished.
            jobs: what they are of.
            reader: says how many pixels a file has.
            started: when the command began, of `time.perf_counter`.
            seen: see `follow`.
        """
        from restore_cli.batch.sizes import Sizes

        seconds, sizes = time.perf_counter() - started, Sizes(jobs, reader.count_pixels)
        self.follow(results, len(jobs), setup_seconds=seconds, sizes=sizes, seen=seen)

    def raise_failures(self) -> None:
        """Raise one error that names every failed input, if there is any."""
        if not self.failures:
            return
        hints: dict[str | None, list[str]] = {}
        for failure in self.failures:
            hints.setdefault(failure.hint, []).append(str(failure.error))
        hint = next(iter(hints)) if len(hints) == 1 else None
        if len(self.failures) == 1:
            message = str(self.failures[0].error)
        else:
            # Hints that differ stand once each, below the files that they are for.
            lines = [f"{len(self.failures)} inputs failed:"]
            for cure, errors in hints.items():
                lines += [f"  {error}" for error in errors]
                lines += [f"    ({cure})"] if cure and not hint else []
            message = "\n".join(lines)
        raise RestoreError(message, hint=hint, exit_code=ExitCode.SOME_FAILED)

    def _tell(self, result: "Result", *, each: bool, at_once: bool) -> None:
        """Report one result: to programs always, to people line by line if `each`."""
        self.counts[result.status] += 1
        self._counted = result
        result = self.renamed(result)
        self.model_seconds += result.model_seconds
        # `-` is standard output, which is in no folder.
        if result.status == "done" and result.output not in (None, Path("-")):
            self.folders.add(result.output.parent)
        self.console.emit(
            {
                "input": result.source,
                "output": result.output,
                "status": result.status,
                "error": result.error,
                "model": self.model,
                "task": self.task,
                "tile": result.tile,
                "device": result.device,
                "precision": result.precision,
                "seconds": round(result.seconds, 4),
                "width": result.width,
                "height": result.height,
                "notes": list(result.notes),
                **result.details,
            }
        )
        for note in result.notes:
            self.notes.setdefault(note, []).append(result.source)
        if result.status == "failed":
            self.failures.append(result)
            if self.traceback and result.trace:
                self.console.say(result.trace.rstrip())
            # Each is told once: in the error that ends the run. The log has it at once.
            (self.console.say if at_once else self.console.record)(f"failed   {result.error}")
            return
        names = (printable_name(name) for name in (result.source, result.output) if name)
        line = f"{result.status:7}  {' -> '.join(names)} ({result.seconds:.2f} s)"
        (self.console.say if each or at_once else self.console.detail)(line)
        if result.status == "done" and (words := _in_words(result)):
            self.console.detail(f"         {words}")

    def _sum_up(
        self, total: int | None, seconds: float, setup_seconds: float, interrupted: bool
    ) -> None:
        for note, sources in self.notes.items():
            first = f"{printable_name(sources[0])}: {note}"
            more = len(sources) - 1
            self.console.warn(f"{first} ({len(sources)} files)" if more else first)
        counts = {status: self.counts[status] for status in ("done", "skipped", "failed")}
        # Not started, or dropped half-way, after an interruption or with --fail-fast.
        left = 0 if total is None else total - sum(counts.values())
        told = {name: count for name, count in counts.items() if count or name == "done"}
        told |= {"not done": left} if left else {}
        words = ", ".join(f"{count} {name}" for name, count in told.items())
        where = f": {printable_name(next(iter(self.folders)))}" if len(self.folders) == 1 else ""
        self.console.say(f"{words} in {seconds:.1f} s (model {self.model_seconds:.1f} s){where}")
        self.console.emit(
            {
                "event": "summary",
                **counts,
                "left": left,
                "interrupted": interrupted,
                "model": self.model,
                "task": self.task,
                "seconds": round(seconds, 4),
                "model_seconds": round(self.model_seconds, 4),
                "setup_seconds": round(setup_seconds, 4),
            }
        )


def finished_still(results: "Generator[Result]") -> "Iterator[Result]":
    """What an interrupted batch finishes yet, wherever the interruption was met."""
    with suppress(KeyboardInterrupt, StopIteration):
        yield results.throw(KeyboardInterrupt)
        yield from results


def _in_words(result: "Result") -> str:
    """What was seen and changed in a picture, and how it was computed."""
    from restore_cli.api.change import in_words

    way = [str(result.details.get("backend") or ""), result.precision, result.device]
    if result.tile is not None:
        way.append(f"tiles of {result.tile} px")
    computed = ", ".join(part for part in way if part)
    return "; ".join(part for part in (in_words(result.details), computed) if part)
