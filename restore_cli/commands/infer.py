"""`restore infer`: options in, calls down, messages and JSON lines out."""

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore_cli import __version__
from restore_cli.commands.batch_options import (
    BatchSize,
    ColorSampling,
    Effort,
    FailFast,
    Format,
    Inputs,
    Lossless,
    MoreInputs,
    Overlap,
    Overwrite,
    Page,
    PreserveTimes,
    Quality,
    Recursive,
    Sandboxed,
    SkipExisting,
    Suffix,
    Tile,
    check_inputs,
)
from restore_cli.commands.batch_report import BatchReport
from restore_cli.commands.console import Console
from restore_cli.commands.infer_options import (
    Cluster,
    Compare,
    DryRun,
    FilesFrom,
    Level,
    ModelName,
    Null,
    OtAlpha,
    OtCorrect,
    Output,
    Sheet,
    Sigma,
    Strength,
    Tasks,
    Tta,
    Watch,
    parse_level,
    parse_tasks,
)
from restore_cli.commands.options import (
    WORKERS,
    Backend,
    Device,
    Json,
    Precision,
    Quiet,
    Seed,
    Traceback,
    Workers,
)
from restore_cli.commands.ot_options import AllowDownload, MovedVae
from restore_cli.commands.pipes import STANDARD, Staged, names_from, staged
from restore_cli.commands.pixel_bar import PixelBar
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from restore_cli.batch.inputs import Refused
    from restore_cli.batch.pipeline import Result
    from restore_cli.batch.planning import Job
    from restore_cli.batch.reading import Reader, Restore
    from restore_cli.commands.restoring import Restoring


def infer(
    inputs: Inputs = None,
    *,
    more_inputs: MoreInputs = None,
    task: Tasks = None,
    model: ModelName = None,
    output: Output = None,
    files_from: FilesFrom = None,
    null: Null = False,
    format: Format = None,
    quality: Quality = None,
    lossless: Lossless = False,
    subsampling: ColorSampling = None,
    effort: Effort = None,
    page: Page = None,
    preserve_times: PreserveTimes = False,
    suffix: Suffix = None,
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    watch: Watch = None,
    compare: Compare = False,
    sheet: Sheet = None,
    strength: Strength = 1.0,
    sigma: Sigma = None,
    level: Level = "auto",
    tta: Tta = False,
    tile: Tile = "auto",
    overlap: Overlap = None,
    batch_size: BatchSize = 1,
    cluster: Cluster = None,
    ot_correct: OtCorrect = None,
    alpha: OtAlpha = None,
    vae: MovedVae = None,
    allow_download: AllowDownload = False,
    sandbox: Sandboxed = "auto",
    workers: Workers = WORKERS,
    fail_fast: FailFast = False,
    device: Device = "auto",
    precision: Precision = "auto",
    backend: Backend = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> int | None:
    """Remove rain, haze, noise, blur or darkness from pictures.

    Files, folders and patterns in, pictures out. Inputs are never changed. A picture that fails
    does not stop the others.
    """
    started = time.perf_counter()
    tasks, amount = parse_tasks(task), parse_level(level, sigma)
    given = _given([*(inputs or []), *(more_inputs or [])], files_from, null, watch)
    check_inputs(given, skip_existing, overwrite, example="restore infer --task derain photos/")
    _check_usage(tasks, model, ot_correct, {"--alpha": alpha, "--vae": vae})
    if compare and output == STANDARD:
        raise RestoreError("--compare writes beside the output, and -o - has no place")
    if cluster is not None:
        _check_cluster(cluster, given, output, watch, sandbox)

    # Nothing of this imports torch: what is wrong is told, and what is done is skipped, at once.
    from restore_cli.batch import pipeline
    from restore_cli.batch.manifest import Identity, Manifest
    from restore_cli.batch.reading import Later, Pictures
    from restore_cli.commands.before_after import BeforeAfter, check_sheet
    from restore_cli.commands.restoring import Correction, How, measured, prepare
    from restore_cli.images.encode import Saving
    from restore_cli.images.sandbox import sandbox_for

    saving = Saving(quality=quality, lossless=lossless, subsampling=subsampling, effort=effort)
    saving.check()
    check_sheet(sheet)
    console, bar = Console(quiet=quiet, json=json), PixelBar()
    how = How(
        device=device,
        precision=precision,
        backend=backend,
        tile=tile,
        overlap=overlap,
        batch_size=batch_size,
        level=amount,
        is_sigma=sigma is not None,
        strength=strength,
        tta=tta,
        seed=seed,
        progress=bar.within,
    )
    restoring = prepare(console, tasks, model, how)
    # What changes the picture; how fast and where it is computed does not count.
    options: dict[str, object] = {
        "task": restoring.task,
        "strength": strength,
        "level": amount,
        "tta": tta,
        "tile": tile,
        **restoring.options,
        "precision": precision,
        "backend": backend,
        "seed": seed,
        "version": __version__,
    }
    # Only where asked for, so that outputs made before stay up to date.
    told = {"quality": quality, "lossless": lossless or None, "subsampling": subsampling}
    told |= {"effort": effort, "page": page}
    options |= {name: value for name, value in told.items() if value is not None}
    restore: Restore = restoring.restore
    correction: Correction | None = None
    if ot_correct is not None:
        correction = Correction(
            ot_correct, alpha or 0.0, vae, device, seed, allow_download=allow_download
        )
        restore, described = correction.after(restore)
        options |= described
    existing = "skip" if skip_existing else "overwrite" if overwrite else "error"
    identity = Identity(model=restoring.sha256, options=options)
    reader = Pictures(saving, page, sandbox_for(sandbox))
    go: partial[Generator[Result]] = partial(
        pipeline.run,
        restore=Later(lambda: measured(restore)),
        workers=workers,
        existing=existing,
        manifest=Manifest(identity),
        fail_fast=fail_fast,
        reader=reader,
        preserve_times=preserve_times,
    )
    if cluster is not None and not dry_run:
        from restore_cli.cluster import driver
        from restore_cli.cluster.worker import Setup
        from restore_cli.commands.restoring import elsewhere

        build = partial(elsewhere, tasks, model, replace(how, progress=None), correction)
        setup = Setup(build, identity, reader, workers, preserve_times, Path.cwd())
        go = partial(
            driver.run,
            setup=setup,
            address=cluster,
            device=device,
            existing=existing,
            fail_fast=fail_fast,
        )
    run = _Run(
        console=console,
        restoring=restoring,
        go=go,
        reader=reader,
        named={"format": format, "suffix": suffix, "recursive": recursive},
        pictures=BeforeAfter(restoring.task, beside=compare, sheet=sheet),
        report=BatchReport(console, restoring.model, restoring.task, traceback, bar=bar),
        started=started,
    )
    if watch is not None:
        return run.watch(watch, output)
    with staged(given, output, format=format, json=json) as stage:
        return run.dry(stage, device) if dry_run else run.batch(stage)


@dataclass
class _Run:
    """A run that is ready to begin.

    Attributes:
        console: for messages.
        restoring: what restores.
        go: `pipeline.run`, or that of the cluster, but for the jobs.
        reader: how files are read.
        named: what of the options decides names of outputs.
        pictures: comparisons to write.
        report: what is told.
        started: when the command began.
    """

    console: Console
    restoring: "Restoring"
    go: "partial[Generator[Result]]"
    reader: "Reader"
    named: dict[str, Any]
    pictures: Any
    report: BatchReport
    started: float

    def batch(self, stage: Staged) -> None:
        """Restore what was named."""
        from restore_cli.batch.sizes import Sizes

        jobs = self._jobs(stage)
        self.report.renamed = stage.told
        self.report.follow(
            self.go(jobs),
            len(jobs),
            setup_seconds=self._passed(),
            sizes=Sizes(jobs, self.reader.count_pixels),
            seen=self._look,
        )
        if (said := self.pictures.write()) is not None:
            self.console.say(said)
        self.report.raise_failures()
        stage.send()

    def dry(self, stage: Staged, device: str) -> int:
        """Say what `batch` would do."""
        from restore_cli.batch.reading import ready
        from restore_cli.commands.dry_run import foresee, tell

        jobs, how = self._jobs(stage), self.go.keywords
        look = partial(
            foresee, existing=how["existing"], manifest=how["manifest"], reader=self.reader
        )
        seen = [look(job) for job in jobs]
        restore = ready(how["restore"])
        return tell(self.console, jobs, seen, restore, tuple(self.restoring.models), device)

    def watch(self, folder: Path, output: str | None) -> None:
        """Restore what arrives in a folder, until interrupted."""
        if self.go.keywords["existing"] == "error":
            # What an earlier watch has done stays; what has changed since is done again.
            self.go.keywords["existing"] = "skip"
        self.console.say(f"watching {folder}: Ctrl-C ends it")
        results = self._arriving(folder, output)
        try:
            self.report.follow(results, None, setup_seconds=self._passed(), seen=self._look)
        finally:
            if (said := self.pictures.write()) is not None:
                self.console.say(said)

    def _arriving(self, folder: Path, output: str | None) -> "Generator[Result]":
        from restore_cli.batch.arrivals import arrivals
        from restore_cli.batch.planning import plan

        target = output or str(folder.absolute().with_name(f"{folder.name}-{self.restoring.label}"))
        recursive = self.named["recursive"]
        for paths in arrivals(folder, recursive=recursive, skip=Path(target).resolve()):
            for path in paths:
                below = path.relative_to(folder).parent
                where = str(Path(target) / below) + "/"
                named: dict[str, Any] = {**self.named, "recursive": False}
                try:
                    jobs = plan([str(path)], where, label=self.restoring.label, **named)
                except RestoreError as error:
                    self.console.warn(error.message)
                    continue
                yield from self.go(jobs)

    def _jobs(self, stage: Staged) -> "list[Job | Refused]":
        from restore_cli.batch.inputs import passed_over
        from restore_cli.batch.planning import plan

        jobs = plan(stage.inputs, stage.output, label=self.restoring.label, **self.named)
        for note in passed_over(stage.inputs, recursive=self.named["recursive"]):
            self.console.warn(note)
        return jobs

    def _look(self, result: "Result") -> None:
        """Compare a result with its input where that was asked for."""
        try:
            self.pictures.add(result)
        except RestoreError as error:
            self.console.warn(f"no comparison: {error.message}")

    def _passed(self) -> float:
        return time.perf_counter() - self.started


def _given(given: list[str], files_from: str | None, null: bool, watch: Path | None) -> list[str]:
    """All inputs that were named, wherever."""
    if null and files_from is None:
        raise RestoreError("-0 belongs to --files-from")
    if files_from == STANDARD and STANDARD in given:
        raise RestoreError("standard input is either a picture or a list of names, not both")
    if watch is not None:
        if given or files_from is not None:
            raise RestoreError("--watch names its folder itself: give no other inputs")
        if not watch.is_dir():
            raise RestoreError(f"--watch {watch}: there is no such folder")
        return [str(watch)]
    return given if files_from is None else [*given, *names_from(files_from, null=null)]


def _check_cluster(
    address: str, given: list[str], output: str | None, watch: Path | None, sandbox: str
) -> None:
    """Refuse what a cluster cannot do, before anything heavy is imported."""
    from restore_cli.cluster.driver import check

    if watch is not None:
        raise RestoreError("--watch works on one machine: leave --cluster out")
    if sandbox == "on":
        raise RestoreError("--sandbox works on one machine: leave --cluster out")
    if STANDARD in given or output == STANDARD:
        raise RestoreError("--cluster takes and writes files: `-` is of this machine only")
    check(address)


def _check_usage(
    tasks: tuple[str, ...],
    model: str | None,
    ot_correct: Path | None,
    belonging: dict[str, object],
) -> None:
    """Refuse what can be refused before anything heavy is imported."""
    if not tasks and model is None:
        raise RestoreError(
            "neither --task nor --model is given",
            hint="say what to do, for example --task derain, or let --task auto look",
        )
    given = [name for name, value in belonging.items() if value is not None]
    if ot_correct is None and given:
        raise RestoreError(
            f"{given[0]} belongs to --ot-correct",
            hint="name the file that `restore ot-correct fit` wrote with --ot-correct",
        )
