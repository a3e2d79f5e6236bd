"""`restore infer`: options in, calls down, messages and JSON lines out."""

import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore_cli import __version__
from restore_cli.commands.console import Console
from restore_cli.commands.options import (
    WORKERS,
    Device,
    Json,
    Precision,
    Quiet,
    Seed,
    Traceback,
    Workers,
)
from restore_cli.commands.signals import terminable
from restore_cli.errors import ExitCode, RestoreError

if TYPE_CHECKING:
    from restore_cli.inference.pipeline import Result
    from restore_cli.zoo import Model


def _check_tile(value: str) -> str:
    if value not in ("auto", "none") and not (value.isdecimal() and int(value) > 0):
        raise typer.BadParameter(f"{value!r} is not one of auto, none, or a number of pixels")
    return value


def infer(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help="Files, folders, and quoted patterns such as 'img/**/*.jpg', in any mix.",
            show_default=False,
        ),
    ] = None,
    *,
    more_inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="INPUT", help="The same; may be repeated."),
    ] = None,
    task: Annotated[
        Literal["denoise", "derain", "dehaze", "deblur", "lowlight", "auto"] | None,
        typer.Option("--task", help="What to remove or mend; auto is the all-in-one model."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-n",
            metavar="NAME|FOLDER|FILE",
            help="Model to use instead of the task's own; without --task, its task counts.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A folder, or a file for a single input. Without it: `img-TASK/` beside the "
            "folder `img/`, and `photo-TASK.png` beside the file `photo.jpg`.",
        ),
    ] = None,
    format: Annotated[
        Literal["png", "jpg", "webp", "tiff", "same"] | None,
        typer.Option(
            "--format", help="What to write: same is the input's; png if nothing else says."
        ),
    ] = None,
    suffix: Annotated[
        str | None,
        typer.Option(
            "--suffix", metavar="TEXT", help="Text to add to each name, before its ending."
        ),
    ] = None,
    recursive: Annotated[
        bool,
        typer.Option("--recursive", "-r", help="Walk into subfolders and mirror the tree."),
    ] = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Leave outputs that this input, model and options made; redo the others.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that exist.")
    ] = False,
    strength: Annotated[
        float,
        typer.Option("--strength", min=0.0, max=1.0, help="0 is the input, 1 the model's result."),
    ] = 1.0,
    sigma: Annotated[
        float | None,
        typer.Option(
            "--sigma",
            min=0.0,
            max=255.0,
            help="Noise level, if known, as a standard deviation on the 0..255 scale; only for "
            "models that take one. Without it the model judges by itself.",
        ),
    ] = None,
    tta: Annotated[
        bool,
        typer.Option("--tta", help="Average over flips and turns: better, eight times slower."),
    ] = False,
    tile: Annotated[
        str,
        typer.Option(
            "--tile",
            "-t",
            metavar="auto|none|N",
            callback=_check_tile,
            help="Compute in tiles of N px; auto chooses from free memory; none is whole.",
        ),
    ] = "auto",
    overlap: Annotated[
        int | None,
        typer.Option(
            "--overlap",
            min=0,
            metavar="N",
            help="Pixels that tiles share; unset: the model's own.",
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, metavar="N", help="Tiles computed at once.")
    ] = 1,
    workers: Workers = WORKERS,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first input that fails.")
    ] = False,
    device: Device = "auto",
    precision: Precision = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Restore pictures: files, folders and patterns in, pictures out.

    Inputs are never changed. A picture that fails does not stop the others.
    """
    started = time.perf_counter()
    given = [*(inputs or []), *(more_inputs or [])]
    _check_usage(given, task, model, skip_existing, overwrite)

    import torch

    from restore_cli import zoo
    from restore_cli.inference import pipeline
    from restore_cli.inference.manifest import Identity, Manifest
    from restore_cli.inference.planning import plan
    from restore_cli.inference.restorer import Restorer

    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    console = Console(quiet=quiet, json=json)
    loaded = zoo.load(model or zoo.default_for_task(str(task)))
    label = task or loaded.task
    _check_fit(console, loaded, task, sigma)
    jobs = plan(given, output, label=label, format=format, suffix=suffix, recursive=recursive)
    if overlap is None:
        # A small tile that the user chose must not be refused for an overlap that he did not.
        overlap = min(loaded.overlap, int(tile) // 2) if tile.isdecimal() else loaded.overlap
    restorer = Restorer(
        loaded.network,
        device=device,
        precision=precision,
        tile=int(tile) if tile.isdecimal() else "none" if tile == "none" else "auto",
        overlap=overlap,
        batch_size=batch_size,
    )
    # What changes the picture; how fast and where it is computed does not count.
    options: dict[str, object] = {
        "task": label,
        "strength": strength,
        "sigma": sigma,
        "tta": tta,
        "tile": tile,
        "overlap": overlap,
        "precision": precision,
        "seed": seed,
        "version": __version__,
    }
    results = pipeline.run(
        jobs,
        partial(restorer, sigma=sigma, strength=strength, tta=tta),
        workers=workers,
        existing="skip" if skip_existing else "overwrite" if overwrite else "error",
        manifest=Manifest(Identity(model=loaded.sha256, options=options)),
        fail_fast=fail_fast,
    )
    report = _Report(console, model=loaded.name, task=label, traceback=traceback)
    report.follow(results, len(jobs), setup_seconds=time.perf_counter() - started)
    report.raise_failures()


def _check_usage(
    given: Sequence[str], task: str | None, model: str | None, skip: bool, overwrite: bool
) -> None:
    """Refuse what can be refused before anything heavy is imported."""
    if not given:
        raise RestoreError(
            "no input given",
            hint="name files or folders: restore infer --task derain photos/",
        )
    if task is None and model is None:
        raise RestoreError(
            "neither --task nor --model is given",
            hint="say what to do, for example --task derain",
        )
    if skip and overwrite:
        raise RestoreError(
            "--skip-existing and --overwrite exclude each other",
            hint="--skip-existing already redoes outputs that are out of date",
        )


def _check_fit(console: Console, model: "Model", task: str | None, sigma: float | None) -> None:
    """Refuse or question options that do not fit the model, once and not for every picture."""
    if sigma is not None and not getattr(model.network, "takes_sigma", False):
        raise RestoreError(
            f"the model {model.name} takes no noise level",
            hint="leave --sigma out, or choose a model that takes one with --model",
        )
    if task is not None and task != model.task:
        console.warn(f"the model {model.name} was trained for {model.task}, not for {task}")


@dataclass
class _Report:
    """Tells people and programs what becomes of each input."""

    console: Console
    model: str
    task: str
    traceback: bool
    counts: Counter[str] = field(default_factory=Counter[str])
    failures: "list[Result]" = field(default_factory=list["Result"])
    model_seconds: float = 0.0
    folders: set[Path] = field(default_factory=set[Path])

    def follow(self, results: "Generator[Result]", total: int, *, setup_seconds: float) -> None:
        """Report each result as it comes, and the sum at the end, also when interrupted."""
        started = time.perf_counter()

        def sum_up(*, interrupted: bool) -> None:
            self._sum_up(total, time.perf_counter() - started, setup_seconds, interrupted)

        try:
            # Closed here, so that the sum is told when the last file is finished.
            with terminable(), closing(results), self.console.progress() as progress:
                bar = progress.add_task(self.task, total=total)
                for result in results:
                    self._tell(result, each=progress.disable, alone=total == 1)
                    progress.advance(bar)
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
            }
        )
        for note in result.notes:
            self.console.warn(f"{result.source}: {note}")
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
