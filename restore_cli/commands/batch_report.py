"""What becomes of each input of a batch: JSON lines for programs, lines and a sum for people."""

import time
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from restore_cli.commands.console import Console
from restore_cli.commands.pixel_bar import PixelBar
from restore_cli.errors import ExitCode, RestoreError

if TYPE_CHECKING:
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

    def follow(
        self,
        results: "Generator[Result]",
        total: int,
        *,
        setup_seconds: float,
        sizes: "Sizes | None" = None,
    ) -> None:
        """Report each result as it comes, and the sum at the end, also when interrupted.

        Args:
            results: of the batch.
            total: how many inputs there are.
            setup_seconds: what it took before.
            sizes: how many pixels the inputs have, for the progress bar; else files count.
        """
        started = time.perf_counter()

        def sum_up(*, interrupted: bool) -> None:
            self._sum_up(total, time.perf_counter() - started, setup_seconds, interrupted)

        try:
            # Closed here, so that the sum is told when the last file is finished.
            with (
                closing(results),
                self.console.progress(files=True) as progress,
                self.bar.shown(progress, self.task, total, sizes),
            ):
                for result in results:
                    self._tell(result, each=progress.disable, alone=total == 1)
                    self.bar.finish(result)
        except KeyboardInterrupt:
            sum_up(interrupted=True)
            raise
        sum_up(interrupted=False)

    def raise_failures(self) -> None:
        """Raise one error that names every failed input, if there is any."""
        if not self.failures:
            return
        hints = {failure.hint for failure in self.failures}
        hint = hints.pop() if len(hints) == 1 else None
        if len(self.failures) == 1:
            message = str(self.failures[0].error)
        else:
            # Hints that differ stand with their files.
            lines = [
                f"  {failure.error}" + (f" ({failure.hint})" if failure.hint and not hint else "")
                for failure in self.failures
            ]
            message = "\n".join([f"{len(lines)} inputs failed:", *lines])
        raise RestoreError(message, hint=hint, exit_code=ExitCode.SOME_FAILED)

    def _tell(self, result: "Result", *, each: bool, alone: bool) -> None:
        """Report one result: to programs always, to people line by line if `each`."""
        self.counts[result.status] += 1
        self.model_seconds += result.model_seconds
        if result.status == "done" and result.output is not None:
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
            # A lone failure is told once, as the error that ends the run.
            if not alone:
                self.console.say(f"failed   {result.error}")
        elif each:
            self.console.say(
                f"{result.status:7}  {result.source} -> {result.output} ({result.seconds:.2f} s)"
            )

    def _sum_up(self, total: int, seconds: float, setup_seconds: float, interrupted: bool) -> None:
        for note, sources in self.notes.items():
            first = f"{sources[0]}: {note}"
            more = len(sources) - 1
            self.console.warn(f"{first} ({len(sources)} files)" if more else first)
        counts = {status: self.counts[status] for status in ("done", "skipped", "failed")}
        # Not started, or dropped half-way, after an interruption or with --fail-fast.
        left = total - sum(counts.values())
        told = {name: count for name, count in counts.items() if count or name == "done"}
        told |= {"not done": left} if left else {}
        words = ", ".join(f"{count} {name}" for name, count in told.items())
        where = f": {next(iter(self.folders))}" if len(self.folders) == 1 else ""
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
