"""Which outputs are to be made: what is there already, and who else is making it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from restore_cli.batch.bands import weighed
from restore_cli.batch.claims import Claim, TakenError, claim
from restore_cli.batch.manifest import Made, Manifest
from restore_cli.batch.reading import Reader
from restore_cli.batch.work import Work
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.images import leftovers
from restore_cli.images.regular import file_sha256, naming_problems
from restore_cli.images.room import admit

Existing = Literal["error", "skip", "overwrite"]

_NO_MANIFEST = "its folder takes no manifest: --skip-existing will make it again"


class Outputs:
    """The outputs of one run.

    Args:
        existing: what to do where one exists; see `pipeline.run`.
        manifest: records each.
        reader: says whether a picture that is too large for memory can go on in bands.

    Raises:
        ValueError: "skip" without a manifest.
    """

    def __init__(self, existing: Existing, manifest: Manifest | None, reader: Reader) -> None:
        if existing == "skip" and manifest is None:
            raise ValueError("existing='skip' needs a manifest")
        self._existing = existing
        self._manifest, self._reader = manifest, reader
        self._claims: set[Claim] = set()

    def is_up_to_date(self, work: Work) -> bool:
        """Whether to leave the output as it is. Raises RestoreError if it is in the way."""
        job, manifest = work.job, self._manifest
        exists = os.path.lexists(job.output)
        if exists and job.output.is_dir():
            raise RestoreError(f"{job.output} is a folder", hint="choose another -o or --suffix")
        if exists and self._existing == "error":
            raise RestoreError(
                f"{job.output} already exists",
                hint="--overwrite replaces it; --skip-existing keeps it if it is up to date",
            )
        if manifest is None:
            return False
        if work.sha256 is None:
            with naming_problems(job.source):
                # Before it is hashed: what cannot be read need not be.
                with weighed(self._reader, work):
                    admit(job.source, job.source.stat().st_size)
                work.sha256 = file_sha256(job.source)
        if exists and self._existing == "skip":
            return manifest.matches(job.output, work.sha256)
        return False

    def take(self, work: Work) -> bool:
        """Claim the output as soon as its folder is there; False where it need not be made.

        Raises:
            RestoreError: another run is making it, or has made it, and that is not to be skipped.
        """
        job = work.job
        if work.claim.path is not None or not job.output.parent.is_dir():
            return True
        leftovers.clear(job.output.parent)
        try:
            work.claim = claim(job.output)
            self._claims.add(work.claim)
        except TakenError as error:
            if self._existing == "skip":
                work.note(f"left to another run: {error}")
                return False
            raise RestoreError(
                f"{job.output} already exists: another run is making it ({error})",
                hint="wait for that run, or choose another folder with -o",
                exit_code=ExitCode.SOME_FAILED,
            ) from error
        # Another run may have finished it since it was looked at.
        return not self.is_up_to_date(work)

    def record(self, works: Sequence[Work]) -> None:
        """Note in the manifests that outputs are written."""
        if self._manifest is None:
            return
        by_folder = dict[Path, list[tuple[Work, Made]]]()
        for work in works:
            if work.sha256 is not None:
                made = Made(work.job.output, work.sha256, work.output_sha256)
                by_folder.setdefault(made.output.parent, []).append((work, made))
        for folder, written in by_folder.items():
            try:
                self._manifest.record_all(folder, [made for _, made in written])
            except (OSError, RestoreError):
                # The pictures are written; that nobody knows only means doing it again.
                for work, _ in written:
                    work.note(_NO_MANIFEST)

    def release(self, work: Work) -> None:
        """Let others make it; may be called twice."""
        self._claims.discard(work.claim)
        work.claim.release()

    def close(self) -> None:
        """Release all that is still claimed."""
        for one in list(self._claims):
            one.release()
