"""Jobs in, results out: reading, computing and writing overlap, and memory stays flat.

`workers` threads decode ahead, the thread that iterates computes, `workers` threads encode.
Computing stays on the iterating thread so that Ctrl-C reaches it at once. What may be between
reading and writing is bounded twice: by number, and by pixels, since two 24-megapixel pictures as
floats are more memory than a hundred small ones.
"""

import contextlib
import errno
import os
import time
import traceback
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from restore_cli.batch.attributes import Attributes
from restore_cli.batch.budget import Budget
from restore_cli.batch.inputs import Refused
from restore_cli.batch.manifest import Manifest, file_sha256
from restore_cli.batch.planning import Job
from restore_cli.batch.reading import Loaded, Pictures, Reader, Restore, ready
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.images.formats import FORMATS

if TYPE_CHECKING:
    import torch

Existing = Literal["error", "skip", "overwrite"]

PIXELS_IN_FLIGHT = 32_000_000
"""Pixels that may be decoded and not yet written. One pixel costs about 30 bytes on its way (two
float pictures, and their integers), so this is about 1 GB; a larger picture goes through alone."""


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
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    model_seconds: float = 0.0
    details: Mapping[str, object] = field(default_factory=dict[str, object])


def run(
    jobs: Iterable[Job | Refused],
    restore: Restore,
    *,
    workers: int = 2,
    existing: Existing = "error",
    manifest: Manifest | None = None,
    fail_fast: bool = False,
    pixels_in_flight: int = PIXELS_IN_FLIGHT,
    reader: Reader | None = None,
    preserve_times: bool = False,
) -> Generator[Result]:
    """Restore every job; a bad file does not stop the rest.

    Args:
        jobs: from `planning.plan`.
        restore: (3, H, W) float32 sRGB in [0, 1] on the CPU -> `Restored`; called on the thread
            that iterates, one picture at a time.
        workers: threads that read, and as many that write.
        existing: what to do where the output exists: "error" fails that input, "overwrite" replaces
            it, "skip" leaves it if the manifest says that it would come out the same and replaces
            it otherwise.
        manifest: records each output; needed for "skip".
        fail_fast: begin nothing new after the first failure; what is computed is still written.
        pixels_in_flight: bound on pixels decoded and not yet written.
        reader: how files are read; None reads developed pictures.
        preserve_times: outputs take their inputs' times.

    Yields:
        One result per job, as it finishes (with `fail_fast`, only for jobs that were finished).
        If iterating ends early, by an exception such as KeyboardInterrupt or by closing, files
        being written are finished and the rest is dropped.
    """
    if existing == "skip" and manifest is None:
        raise ValueError("existing='skip' needs a manifest")
    budget = Budget(pixels_in_flight)
    batch = _Batch(restore, reader or Pictures(), max(1, workers), existing, manifest, budget)
    batch.preserve_times = preserve_times
    pending = iter(jobs)
    try:
        while True:
            batch.read_ahead(pending)
            if batch.is_idle():
                return
            for result in batch.turn():
                yield result
                if fail_fast and result.status == "failed":
                    pending = iter(())
                    batch.drop_reads()
    finally:
        batch.close()


@dataclass(slots=True)
class _Work:
    """A job on its way through the stages; what a stage no longer needs is set to None."""

    job: Job
    started: float = field(default_factory=time.perf_counter)
    pixels: int = 0
    sha256: str | None = None
    loaded: Loaded | None = None
    images: "tuple[torch.Tensor, ...]" = ()
    height: int | None = None
    width: int | None = None
    tile: int | None = None
    device: str | None = None
    precision: str | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    model_seconds: float = 0.0
    details: Mapping[str, object] = field(default_factory=dict[str, object])

    def result(
        self, status: Literal["done", "skipped", "failed"], error: Exception | None = None
    ) -> Result:
        return Result(
            source=self.job.source,
            output=self.job.output,
            status=status,
            error=None if error is None else _explain(error, self.job.source),
            hint=error.hint if isinstance(error, RestoreError) else None,
            # As text: the exception itself would keep the frames, and their pictures, alive.
            trace=None if error is None else "".join(traceback.format_exception(error)),
            height=self.height,
            width=self.width,
            tile=self.tile,
            device=self.device,
            precision=self.precision,
            notes=self.notes,
            seconds=self.seconds,
            model_seconds=self.model_seconds,
            details=self.details,
        )


class _Batch:
    """The stages of one run and the work between them."""

    def __init__(
        self,
        restore: Restore,
        reader: Reader,
        workers: int,
        existing: Existing,
        manifest: Manifest | None,
        budget: Budget,
    ) -> None:
        self._restore = restore
        self._reader = reader
        self._limit = 2 * workers
        self._existing = existing
        self._manifest = manifest
        self._budget = budget
        self.preserve_times = False
        self._readers = ThreadPoolExecutor(workers, thread_name_prefix="read")
        self._writers = ThreadPoolExecutor(workers, thread_name_prefix="write")
        # Dictionaries keep the order of submission.
        self._reads: dict[Future[_Work | Result], None] = {}
        self._writes: dict[Future[Result], None] = {}

    def is_idle(self) -> bool:
        return not self._reads and not self._writes

    def read_ahead(self, pending: Iterator[Job | Refused]) -> None:
        """Keep the readers busy, but not further ahead than the limit."""
        while len(self._reads) < self._limit and (job := next(pending, None)) is not None:
            self._reads[self._readers.submit(self._load, job)] = None

    def turn(self) -> list[Result]:
        """Wait for something to finish; compute at most one picture."""
        behind = len(self._writes) >= self._limit
        going: list[Future[Any]] = [*self._writes] if behind else [*self._writes, *self._reads]
        wait(going, return_when=FIRST_COMPLETED)
        results = [write.result() for write in self._writes if write.done()]
        self._writes = {write: None for write in self._writes if not write.done()}
        if results:
            # Told before the next picture is computed: that may take a while.
            return results
        loaded = self._take_loaded()
        if isinstance(loaded, _Work):
            loaded = self._compute(loaded)
        return [] if loaded is None else [loaded]

    def drop_reads(self) -> None:
        """Forget what has been read or is about to be."""
        for read in self._reads:
            read.cancel()
        self._reads = {}

    def close(self) -> None:
        """End the threads: files being written are finished, all else is dropped."""
        self._budget.close()
        self.drop_reads()
        self._readers.shutdown(cancel_futures=True)
        self._writers.shutdown(cancel_futures=True)

    def _take_loaded(self) -> _Work | Result | None:
        """The first read that is done. The future goes, and with it its hold on the picture."""
        done = next((read for read in self._reads if read.done()), None)
        if done is None:
            return None
        del self._reads[done]
        return done.result()

    def _load(self, job: Job | Refused) -> _Work | Result:
        """Reader thread: decide whether there is anything to do, and decode."""
        if isinstance(job, Refused):
            return _refusal(job)
        work = _Work(job)
        try:
            if self._is_up_to_date(work):
                return work.result("skipped")
            waited = time.perf_counter()
            work.pixels = self._budget.acquire(self._count_pixels(job.source))
            work.started += time.perf_counter() - waited
            loaded = self._reader.read(job.source)
            work.height, work.width = loaded.height, loaded.width
            _prepare_folder(job.output.parent)
            work.notes, work.details = loaded.notes, loaded.details
            if loaded.further and job.format != "tiff":
                raise _too_many_pages(job, 1 + len(loaded.further))
            # Its own hold on the images goes: computing wants the memory back.
            work.images = (loaded.image, *loaded.further)
            work.loaded = replace(loaded, image=loaded.image[:, :0].clone(), further=())
            work.seconds = time.perf_counter() - work.started
        except Exception as error:
            return self._fail(work, error)
        return work

    def _count_pixels(self, path: Path) -> int:
        """How many pixels a file has; as many as fit where it cannot be told."""
        try:
            return self._reader.count_pixels(path)
        except Exception:
            # Whatever is wrong with it, reading will say so in the words for users.
            return self._budget.capacity

    def _is_up_to_date(self, work: _Work) -> bool:
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
        work.sha256 = file_sha256(job.source)
        if exists and self._existing == "skip":
            return manifest.matches(job.output, work.sha256)
        return False

    def _compute(self, work: _Work) -> Result | None:
        """Iterating thread: restore, and hand over to the writers."""
        images, work.images = work.images, ()
        assert work.loaded is not None
        restore = ready(work.loaded.restore or self._restore)
        begun = time.perf_counter()
        try:
            pages = [restore(image) for image in images]
        except Exception as error:
            work.seconds += time.perf_counter() - begun
            return self._fail(work, error)
        work.model_seconds = time.perf_counter() - begun
        work.seconds += work.model_seconds
        restored = pages[0]
        work.images, work.tile = tuple(page.image for page in pages), restored.tile
        work.device, work.precision = restored.device, restored.precision
        work.notes += tuple(dict.fromkeys(note for page in pages for note in page.notes))
        work.details = {**work.details, "backend": restored.backend, **restored.details}
        self._writes[self._writers.submit(self._save, work)] = None
        return None

    def _save(self, work: _Work) -> Result:
        """Writer thread: encode, write, note in the manifest."""
        begun = time.perf_counter()
        job, manifest = work.job, self._manifest
        try:
            self._encode(work)
            if manifest is not None and work.sha256 is not None:
                # The picture is written; a manifest that is not only means doing it again.
                with contextlib.suppress(OSError):
                    manifest.record(job.output, work.sha256)
        except Exception as error:
            work.seconds += time.perf_counter() - begun
            return self._fail(work, error)
        work.seconds += time.perf_counter() - begun
        self._budget.release(work.pixels)
        return work.result("done")

    def _encode(self, work: _Work) -> None:
        job, loaded, images = work.job, work.loaded, work.images
        assert loaded is not None
        work.loaded, work.images = None, ()
        if loaded.finish_pages is not None:
            restored = loaded.finish_pages(images)
        else:
            (image,) = images
            restored = loaded.finish(image)
            del image
        # The floats go before the encoder asks for memory.
        del loaded, images
        attributes = Attributes.for_output(
            job.source, job.output, preserve_times=self.preserve_times
        )
        if self._manifest is not None and os.path.lexists(job.output):
            self._manifest.forget(job.output)
        work.notes += restored.write(job.output, job.format) or ()
        attributes.apply(job.output)

    def _fail(self, work: _Work, error: Exception) -> Result:
        work.loaded, work.images = None, ()
        self._budget.release(work.pixels)
        return work.result("failed", error)


def _too_many_pages(job: Job, pages: int) -> RestoreError:
    return RestoreError(
        f"{job.source} holds {pages} pages, and {FORMATS[job.format].title} holds one picture",
        hint="--format tiff writes all of them; --page N takes one",
        exit_code=ExitCode.SOME_FAILED,
    )


def _refusal(refused: Refused) -> Result:
    return Result(
        source=refused.source,
        output=None,
        status="failed",
        error=refused.problem.message,
        hint=refused.problem.hint,
    )


def _prepare_folder(folder: Path) -> None:
    """Make the output folder, and find out before computing whether it takes files."""
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RestoreError(
            f"no permission to write in {folder}",
            hint="choose another folder with -o",
            exit_code=ExitCode.SOME_FAILED,
        )


def _explain(error: Exception, source: Path) -> str:
    """A failure in words that name the file."""
    if isinstance(error, RestoreError):
        text = error.message
    elif isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{error.filename}: "
        text = f"{where}{error.strerror}"
        if error.errno == errno.ENOENT and str(error.filename) == str(source):
            text = f"{source} is not there any more"
    elif isinstance(error, MemoryError):
        text = "not enough memory"
    else:
        text = f"unexpected {type(error).__name__}: {error}"
    return text if str(source) in text else f"{source}: {text}"
