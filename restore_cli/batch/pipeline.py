"""Jobs in, results out: reading, computing and writing overlap, and memory stays flat.

`workers` threads decode ahead, the thread that iterates computes, `workers` threads encode.
Computing stays on the iterating thread so that Ctrl-C reaches it at once. What may be between
reading and writing is bounded twice: by number, and by pixels, since two 24-megapixel pictures as
floats are more memory than a hundred small ones.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore_cli.batch.bands import BYTES_PER_PIXEL, weighed
from restore_cli.batch.budget import Budget
from restore_cli.batch.inputs import Refused
from restore_cli.batch.later import Later, ready, want
from restore_cli.batch.manifest import Manifest
from restore_cli.batch.outputs import Existing, Outputs
from restore_cli.batch.planning import Job, prepare_folder
from restore_cli.batch.reading import Pictures, Reader, Restore, RestoresSeveral
from restore_cli.batch.results import Result, refusal, too_many_pages
from restore_cli.batch.together import most_together, taken_with
from restore_cli.batch.work import Work
from restore_cli.batch.writing import Writing
from restore_cli.images.regular import read_once
from restore_cli.images.room import admit, free_memory
from restore_cli.workers import Workers

if TYPE_CHECKING:
    from restore_cli.engine.restored import Restored
    from restore_cli.engine.windows import Pixels

PIXELS_IN_FLIGHT = 32_000_000
"""Pixels that may be decoded and not yet written, at most; a larger picture goes through alone."""

WRITERS = 16
"""Threads that write, at least. They wait for the disk, which syncs many files as fast as one."""

DROP_SECONDS = 1.0
"""For how long an interrupted run waits for files that are being written."""


def run(
    jobs: Iterable[Job | Refused],
    restore: Restore,
    *,
    workers: int = 2,
    existing: Existing = "error",
    manifest: Manifest | None = None,
    fail_fast: bool = False,
    pixels_in_flight: int | None = None,
    reader: Reader | None = None,
    preserve_times: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[Result]:
    """Restore every job; a bad file does not stop the rest.

    Args:
        jobs: from `planning.plan`.
        restore: (3, H, W) float32 sRGB in [0, 1] -> `Restored`, one at a time.
        workers: threads that read, and as many that write, or `WRITERS` where that is more.
        existing: outputs: "error" fails, "overwrite" replaces, "skip" leaves if up to date.
        manifest: records each output; needed for "skip".
        fail_fast: begin nothing new after a failure; what is computed is written.
        pixels_in_flight: decoded and not yet written, at most; None goes by free memory.
        reader: how files are read; None reads developed pictures.
        preserve_times: outputs take their inputs' times.
        stopped: asked between two pictures; once it says so, the run is interrupted.

    Yields:
        One result per finished job. Closed early or interrupted, what is being written is ended.
    """
    batch = _Batch(
        restore=restore,
        reader=(reader := reader or Pictures()),
        workers=max(1, workers),
        outputs=Outputs(existing, manifest, reader),
        budget=budget(pixels_in_flight),
        preserve_times=preserve_times,
    )
    pending = iter(jobs)
    try:
        while True:
            if stopped():
                raise KeyboardInterrupt
            batch.read_ahead(pending)
            if batch.is_idle():
                return
            batch.turn()
            for result in batch.finished():
                yield result
                if fail_fast and result.status == "failed":
                    pending = iter(())
                    batch.drop_reads()
    except KeyboardInterrupt:
        batch.finish_soon()
        yield from batch.finished()
        batch.close(seconds=DROP_SECONDS / 2)
        raise
    finally:
        batch.close()


def budget(pixels: int | None) -> Budget:
    """For so many pixels between reading and writing; None goes by free memory."""
    if pixels is not None:
        return Budget(lambda: pixels)
    return Budget(lambda: min(PIXELS_IN_FLIGHT, int(free_memory() / 2 / BYTES_PER_PIXEL)))


class _Batch:
    """The stages of one run and the work between them."""

    def __init__(
        self,
        *,
        restore: Restore,
        reader: Reader,
        workers: int,
        outputs: Outputs,
        budget: Budget,
        preserve_times: bool,
    ) -> None:
        self._restore = restore
        self._reader = reader
        self._limit = 2 * workers
        self._ahead = self._limit  # of reads; more for pictures so small that they go together
        writers = max(workers, WRITERS)
        self._most_writes = max(self._limit, writers)
        self._outputs = outputs
        self._budget = budget
        self._readers = Workers(workers, "read")
        self._writers = Workers(writers, "write")
        self._writing = Writing(
            outputs, reader, restore, preserve_times=preserve_times, drop=self._drop
        )
        self._closed = False
        # Dictionaries keep the order of submission.
        self._reads: dict[Future[Work | Result], None] = {}
        self._writes: dict[Future[list[Result]], list[Work]] = {}
        self._finished: deque[Result] = deque()

    def is_idle(self) -> bool:
        return not self._reads and not self._writes

    def read_ahead(self, pending: Iterator[Job | Refused]) -> None:
        """Keep the readers busy, but not further ahead than the limit."""
        while len(self._reads) < self._ahead and (job := next(pending, None)) is not None:
            self._reads[self._readers.submit(self._load, job)] = None

    def turn(self) -> None:
        """Wait for something to finish; compute one picture, or a few small ones together."""
        # Results of upscalers are larger than what the budget was asked for.
        held = sum(work.written_pixels for works in self._writes.values() for work in works)
        waits = len(self._writes) >= self._most_writes
        behind = waits or (held > 0 and held > self._budget.capacity)
        going: list[Future[Any]] = [*self._writes] if behind else [*self._writes, *self._reads]
        if isinstance(self._restore, Later):
            self._restore.build_beside(going)
        wait(going, return_when=FIRST_COMPLETED)
        for write in [one for one in self._writes if one.done()]:
            self._finished += write.result()
            del self._writes[write]
        if self._finished:
            return  # told before the next picture is computed: that may take a while
        loaded = self._take_loaded()
        if isinstance(loaded, Work):
            self._finished += self._compute(loaded)
        elif loaded is not None:
            self._finished.append(loaded)

    def finished(self) -> Iterator[Result]:
        """What is finished and has not been told."""
        while self._finished:
            yield self._finished.popleft()

    def drop_reads(self) -> None:
        """Forget what has been read or is about to be."""
        for read in self._reads:
            read.cancel()
        self._reads = {}

    def finish_soon(self) -> None:
        """Wait `DROP_SECONDS` for files that are being written; the rest is given up."""
        self._budget.close()
        self.drop_reads()
        done, _ = wait(self._writes, timeout=DROP_SECONDS)
        named = self._writing.gate.close()
        for write, works in self._writes.items():
            if write in done:
                self._finished += write.result()
            else:
                write.cancel()
                self._finished += [w.result("done") for w in works if w.job.output in named]
        self._writes = {}

    def close(self, seconds: float | None = None) -> None:
        """End the threads: what they are doing is finished (or dropped), all else is dropped.

        Args:
            seconds: how long to wait for them; None is as long as it takes.
        """
        if self._closed:
            return
        self._closed = True
        self._budget.close()
        self.drop_reads()
        for write in self._writes:
            write.cancel()
        self._readers.close(seconds)
        self._writers.close(seconds)
        self._outputs.close()

    def _take_loaded(self) -> Work | Result | None:
        """The first read that is done. The future goes, and with it its hold on the picture."""
        done = next((read for read in self._reads if read.done()), None)
        if done is None:
            return None
        del self._reads[done]
        return done.result()

    def _like(self, work: Work) -> list[Work]:
        """A picture with others of its size that are read, to be computed together."""
        most = most_together(work)
        self._ahead = max(self._limit, min(2 * WRITERS, 2 * most))
        return taken_with(work, self._reads, most)

    def _load(self, job: Job | Refused) -> Work | Result:
        """Reader thread: decide whether there is anything to do, and decode."""
        if isinstance(job, Refused):
            return refusal(job)
        work = Work(job)
        try:
            with read_once(job.source):
                return self._loaded(work)
        except Exception as error:
            return self._fail(work, error)

    def _loaded(self, work: Work) -> Work | Result:
        """The same, of a job; raises what is wrong with it."""
        job = work.job
        if self._outputs.is_up_to_date(work) or not self._outputs.take(work):
            self._drop(work)
            return work.result("skipped")
        want(self._restore)  # built beside this, as the first picture brings its libraries
        waited = time.perf_counter()
        pixels = self._count_pixels(job.source)
        work.pixels = self._budget.acquire(pixels or self._budget.capacity)
        work.started += time.perf_counter() - waited
        with weighed(self._reader, work):
            what = f"restoring its {pixels / 1e6:.0f} megapixels"
            admit(job.source, BYTES_PER_PIXEL * pixels, doing=what)
        loaded = None if work.in_bands else self._reader.read(job.source)
        prepare_folder(job.output.parent)
        if not self._outputs.take(work):
            self._drop(work)
            return work.result("skipped")
        if loaded is None:
            return work
        work.note(*loaded.notes)
        work.learn(height=loaded.height, width=loaded.width, details=loaded.details)
        if loaded.further and job.format != "tiff":
            raise too_many_pages(job, 1 + len(loaded.further))
        # Its own hold on the images goes: computing wants the memory back.
        work.images = (loaded.image, *loaded.further)
        work.loaded = replace(loaded, image=loaded.image[:, :0].copy(), further=())
        work.spend(work.started)
        return work

    def _count_pixels(self, path: Path) -> int:
        """How many pixels a file has; 0 where it cannot be told."""
        try:
            return self._reader.count_pixels(path)
        except Exception:
            # Whatever is wrong with it, reading will say so in the words for users.
            return 0

    def _compute(self, work: Work) -> list[Result]:
        """Iterating thread: restore, and hand over to the writers; what need not be written."""
        if work.in_bands:
            return self._writing.save([work])
        assert work.loaded is not None
        restore = ready(work.loaded.restore or self._restore)
        group = [work]
        if work.loaded.restore is None and isinstance(restore, RestoresSeveral):
            group = self._like(work)
        if len(group) == 1 or not isinstance(restore, RestoresSeveral):
            return [result for one in group if (result := self._compute_alone(one, restore))]
        begun = time.perf_counter()
        try:
            pages = restore.several([one.images[0] for one in group])
        except Exception:
            # Each by itself: the one that fails fails alone.
            return [result for one in group if (result := self._compute_alone(one, restore))]
        seconds = (time.perf_counter() - begun) / len(group)
        for one, page in zip(group, pages, strict=True):
            self._learn(one, [page], seconds)
        self._hand_over(group)
        return []

    def _compute_alone(self, work: Work, restore: Restore) -> Result | None:
        images, work.images = work.images, ()
        begun = time.perf_counter()
        try:
            pages = [restore(image) for image in images]
        except Exception as error:
            work.spend(begun)
            return self._fail(work, error)
        self._learn(work, pages, time.perf_counter() - begun)
        self._hand_over([work])
        return None

    def _learn(self, work: Work, pages: "Sequence[Restored[Pixels]]", seconds: float) -> None:
        """What was computed in so many seconds."""
        work.seconds += seconds
        work.images = tuple(page.image for page in pages)
        work.computed_as(pages[0], seconds)
        work.note(*dict.fromkeys(note for page in pages for note in page.notes))

    def _hand_over(self, works: list[Work]) -> None:
        """To one of the writers, together what was computed together."""
        self._writes[self._writers.submit(self._writing.save, works)] = works

    def _fail(self, work: Work, error: Exception) -> Result:
        self._drop(work)
        return work.result("failed", error)

    def _drop(self, work: Work) -> None:
        work.loaded, work.images = None, ()
        self._budget.release(work.pixels)
        self._outputs.release(work)
