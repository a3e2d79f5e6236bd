"""What runs on a machine of the cluster: one process with one model, fed with pictures by name.

Files are read and written where the worker is, on a file system that all machines share; only
names and results travel.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from restore_cli import __version__
from restore_cli.batch import pipeline
from restore_cli.batch.later import Later
from restore_cli.batch.manifest import Identity, Manifest
from restore_cli.batch.outputs import Existing
from restore_cli.batch.planning import Job
from restore_cli.batch.reading import Reader, Restore
from restore_cli.batch.results import Result
from restore_cli.errors import ExitCode, RestoreError


@dataclass(frozen=True, slots=True)
class Setup:
    """What every worker is told before its first picture.

    Attributes:
        build: makes what restores; it is pickled, so a function of a module with plain arguments.
        identity: what decides the outputs, for the manifests.
        reader: how files are read.
        threads: that read, and as many that write.
        preserve_times: outputs take their inputs' times.
        folder: where the command was given; relative names begin there.
        version: of the program that sends the pictures.
    """

    build: Callable[[], Restore]
    identity: Identity
    reader: Reader
    threads: int
    preserve_times: bool
    folder: Path
    version: str = __version__


@dataclass(frozen=True, slots=True)
class Stopped:
    """What concerns all pictures: a RestoreError as plain data, which travels."""

    message: str
    hint: str | None
    exit_code: ExitCode

    @classmethod
    def by(cls, error: RestoreError) -> "Stopped":
        """What stopped a worker."""
        return cls(error.message, error.hint, error.exit_code)

    def error(self) -> RestoreError:
        """The error again."""
        return RestoreError(self.message, hint=self.hint, exit_code=self.exit_code)


class Worker:
    """One process of the cluster. Ray makes an actor of it.

    Args:
        setup: see there.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._restore = Later(setup.build)
        self._manifest = Manifest(setup.identity)

    def ready(self) -> Stopped | None:
        """Go to the command's folder; answers what is in the way of all pictures, or None."""
        setup = self._setup
        try:
            if setup.version != __version__:
                raise RestoreError(
                    f"a machine of the cluster has restore {__version__}, and this one"
                    f" {setup.version}",
                    hint="install the same version on all of them",
                )
            try:
                os.chdir(setup.folder)
            except OSError as error:
                raise RestoreError(
                    f"a machine of the cluster cannot enter {setup.folder}: {error.strerror}",
                    hint="pictures must lie on a file system that all machines share",
                ) from error
        except RestoreError as error:
            return Stopped.by(error)
        return None

    def restore(self, jobs: Sequence[Job], existing: Existing) -> Iterator[Result | Stopped]:
        """Restore some pictures; a result for each, as they are finished.

        Args:
            jobs: from `planning.plan`.
            existing: see `pipeline.run`.
        """
        results = pipeline.run(
            jobs,
            self._restore,
            workers=self._setup.threads,
            existing=existing,
            manifest=self._manifest,
            reader=self._setup.reader,
            preserve_times=self._setup.preserve_times,
        )
        try:
            with closing(results):
                yield from results
        except RestoreError as error:
            yield Stopped.by(error)
