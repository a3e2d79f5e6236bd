"""A run of `restore infer` that is ready to begin: here, on a cluster, for a folder, or dry."""

import contextlib
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore_cli.commands.batch_report import BatchReport
from restore_cli.commands.console import Console
from restore_cli.commands.pipes import Staged
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from restore_cli.batch.inputs import Refused
    from restore_cli.batch.lanes import Lane
    from restore_cli.batch.later import Later
    from restore_cli.batch.manifest import Manifest
    from restore_cli.batch.outputs import Existing
    from restore_cli.batch.planning import Job
    from restore_cli.batch.reading import Reader, Restore
    from restore_cli.batch.results import Result
    from restore_cli.commands.before_after import BeforeAfter
    from restore_cli.commands.restoring import Restoring


@dataclass
class Run:
    """A run that is ready to begin.

    Attributes:
        console: for messages.
        restoring: what restores, by name.
        restore: what restores each picture, with its correction, built when first needed.
        build: makes the same on another machine.
        reader: how files are read.
        manifest: records outputs.
        existing: see `pipeline.run`; so are `workers`, `fail_fast` and `preserve_times`.
        device: where to compute.
        lanes: one for each device.
        named: what of the options decides names of outputs.
        planned: the jobs, where they could be told before; else they are told of `named`.
        pictures: comparisons to write.
        report: what is told.
        started: when the command began, of `time.perf_counter`.
    """

    console: Console
    restoring: "Restoring"
    restore: "Later"
    build: "Callable[[], Restore]"
    reader: "Reader"
    manifest: "Manifest"
    existing: "Existing"
    workers: int
    fail_fast: bool
    preserve_times: bool
    device: str
    lanes: "list[Lane]"
    named: dict[str, Any]
    planned: "list[Job | Refused] | None"
    pictures: "BeforeAfter"
    report: BatchReport
    started: float

    def batch(self, stage: Staged, address: str | None) -> None:
        """Restore what was named, here or on the cluster at an address; then raise what failed."""
        jobs = self._jobs(stage)
        self.pictures.names = stage.names
        results = self._results(jobs) if address is None else self._distributed(jobs, address)
        self.report.renamed = stage.told
        with self._sheet():
            self.report.follow_jobs(
                results, jobs, self.reader, started=self.started, seen=self._look
            )
        self.report.raise_failures()
        stage.send()

    def dry(self, stage: Staged) -> int:
        """Say what `batch` would do."""
        from restore_cli.batch.later import ready
        from restore_cli.commands.dry_run import foresee, tell

        jobs = self._jobs(stage)
        seen = [foresee(job, self.existing, self.manifest, self.reader) for job in jobs]
        return tell(
            self.console,
            jobs,
            seen,
            stage.names,
            lambda: ready(self.restore),
            self.restoring.models,
            self.device,
        )

    def watch(self, folder: Path, output: str | None) -> None:
        """Restore what arrives in a folder, until interrupted."""
        if self.existing == "error":
            # What an earlier watch has done stays; what has changed since is done again.
            self.existing = "skip"
        self.console.say(f"watching {folder}: Ctrl-C ends it")
        results = self._arriving(folder, output)
        seconds = time.perf_counter() - self.started
        with self._sheet():
            self.report.follow(results, None, setup_seconds=seconds, seen=self._look)

    @contextlib.contextmanager
    def _sheet(self) -> Generator[None]:
        """Write the sheet at the end, also of a run that is interrupted: of what was done."""
        try:
            yield
        finally:
            if (said := self.pictures.write()) is not None:
                self.console.say(said)

    def _results(self, jobs: "list[Job | Refused]") -> "Generator[Result]":
        from restore_cli.batch import lanes

        return lanes.run(
            jobs,
            self.lanes,
            workers=self.workers,
            existing=self.existing,
            manifest=self.manifest,
            fail_fast=self.fail_fast,
            preserve_times=self.preserve_times,
        )

    def _distributed(self, jobs: "list[Job | Refused]", address: str) -> "Generator[Result]":
        from restore_cli.cluster import driver
        from restore_cli.cluster.worker import Setup

        return driver.run(
            jobs,
            Setup(
                build=self.build,
                identity=self.manifest.identity,
                reader=self.reader,
                threads=self.workers,
                preserve_times=self.preserve_times,
                folder=Path.cwd(),
            ),
            address=address,
            device=self.device,
            existing=self.existing,
            fail_fast=self.fail_fast,
        )

    def _arriving(self, folder: Path, output: str | None) -> "Generator[Result]":
        from restore_cli.batch.arrivals import Unwritten, arrivals
        from restore_cli.batch.planning import plan

        target = output or str(folder.absolute().with_name(f"{folder.name}-{self.restoring.label}"))
        recursive = self.named["recursive"]
        unwritten = Unwritten()
        for paths in arrivals(
            folder, recursive=recursive, skip=Path(target).resolve(), again=unwritten.is_due
        ):
            for path in paths:
                below = path.relative_to(folder).parent
                where = str(Path(target) / below) + "/"
                named: dict[str, Any] = {**self.named, "recursive": False}
                try:
                    jobs = plan([str(path)], where, label=self.restoring.label, **named)
                    self.pictures.check(jobs)
                except RestoreError as error:
                    self.console.warn(error.message)
                    continue
                for result in self._results(jobs):
                    unwritten.learn(result)
                    yield result

    def _jobs(self, stage: Staged) -> "list[Job | Refused]":
        from restore_cli.batch.inputs import passed_over
        from restore_cli.batch.planning import plan

        jobs = self.planned
        if jobs is None:
            jobs = plan(stage.inputs, stage.output, label=self.restoring.label, **self.named)
        self.pictures.check(jobs)
        for note in passed_over(stage.inputs, recursive=self.named["recursive"]):
            self.console.warn(note)
        return jobs

    def _look(self, result: "Result") -> None:
        """Compare a result with its input where that was asked for."""
        try:
            self.pictures.add(result)
        except RestoreError as error:
            self.console.warn(f"no comparison: {error.message}")
