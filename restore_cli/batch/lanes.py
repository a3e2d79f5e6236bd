"""One batch on several devices: a lane for each, with a pipeline of its own, fed from one list.

A lane takes its next picture when it has room, so that a faster device does more. What is told, and
what becomes of Ctrl-C, is as with one device.
"""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from restore_cli.batch import pipeline
from restore_cli.batch.inputs import Refused
from restore_cli.batch.later import Later
from restore_cli.batch.manifest import Manifest
from restore_cli.batch.outputs import Existing
from restore_cli.batch.planning import Job
from restore_cli.batch.reading import Reader, Restore
from restore_cli.batch.results import Result

_Told = queue.SimpleQueue[Result | BaseException | None]
_PATIENCE = 10.0
"""Seconds that an interrupted run waits for pictures that are being computed."""
_LOOK = 0.5  # seconds between two looks: a wait without an end would keep Ctrl-C out on Windows


@dataclass(frozen=True, slots=True)
class Lane:
    """What computes on one device, and how files are read for it."""

    restore: Restore
    reader: Reader


def of_devices(
    restore: Restore, reader: Reader, devices: Sequence[str], build: Callable[[str], Restore]
) -> list[Lane]:
    """A lane for each device; what computes on the first one is there already.

    Args:
        restore: on the first device.
        reader: of files.
        devices: their names.
        build: makes the same on a device.
    """
    others = [Lane(Later(partial(build, device)), reader) for device in devices[1:]]
    return [Lane(restore, reader), *others]


def run(
    jobs: Iterable[Job | Refused],
    lanes: Sequence[Lane],
    *,
    workers: int = 2,
    existing: Existing = "error",
    manifest: Manifest | None = None,
    fail_fast: bool = False,
    preserve_times: bool = False,
) -> Generator[Result]:
    """Restore every job on one of the lanes; see `pipeline.run` for the rest.

    Args:
        jobs: from `planning.plan`.
        lanes: at least one.
        workers: threads that read, and as many that write, over all lanes.
        existing: see there.
        manifest: see there.
        fail_fast: see there.
        preserve_times: see there.
    """
    count = len(lanes)
    supply = _Supply(jobs)
    runs = [
        pipeline.run(
            supply.jobs(),
            lane.restore,
            workers=max(1, workers // count),
            existing=existing,
            manifest=manifest,
            fail_fast=fail_fast,
            pixels_in_flight=None if count == 1 else pipeline.budget(None).capacity // count,
            reader=lane.reader,
            preserve_times=preserve_times,
            stopped=supply.stopped.is_set,
        )
        for lane in lanes
    ]
    if count == 1:
        yield from runs[0]
    else:
        yield from _together(runs, supply, fail_fast=fail_fast)


def _together(
    runs: Sequence[Generator[Result]], supply: "_Supply", *, fail_fast: bool
) -> Generator[Result]:
    """What several runs tell, each on a thread of its own, as they tell it."""
    told: _Told = queue.SimpleQueue()
    threads = [threading.Thread(target=_serve, args=(one, told), daemon=True) for one in runs]
    for thread in threads:
        thread.start()
    going = len(runs)
    try:
        while going:
            try:
                one = told.get(timeout=_LOOK)
            except queue.Empty:
                continue
            if one is None:
                going -= 1
            elif isinstance(one, BaseException):
                raise one
            else:
                yield one
                if fail_fast and one.status == "failed":
                    supply.close()
    except KeyboardInterrupt:
        supply.stop()
        yield from _rest(told, going)
        raise
    finally:
        supply.stop()
        end = time.monotonic() + _PATIENCE
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))


def _serve(results: Generator[Result], told: _Told) -> None:
    try:
        for result in results:
            told.put(result)
    except BaseException as error:  # the thread that reads raises it
        told.put(error)
    finally:
        told.put(None)


def _rest(told: _Told, going: int) -> Generator[Result]:
    """What lanes still tell while they end."""
    end = time.monotonic() + _PATIENCE
    while going and (left := end - time.monotonic()) > 0:
        try:
            one = told.get(timeout=left)
        except queue.Empty:
            return
        if one is None:
            going -= 1
        elif isinstance(one, Result):
            yield one


class _Supply:
    """The jobs, handed out to whoever asks first."""

    def __init__(self, jobs: Iterable[Job | Refused]) -> None:
        self._jobs = iter(jobs)
        self._lock = threading.Lock()
        self._closed = False
        self.stopped = threading.Event()

    def jobs(self) -> Iterator[Job | Refused]:
        """Those that this lane gets."""
        while True:
            with self._lock:
                job = None if self._closed else next(self._jobs, None)
            if job is None:
                return
            yield job

    def close(self) -> None:
        """Hand out nothing more."""
        with self._lock:
            self._closed = True

    def stop(self) -> None:
        """Hand out nothing more, and drop what is not computed."""
        self.close()
        self.stopped.set()
