"""A batch on a Ray cluster: pictures go out by name, results come back as they are finished.

Each worker is an actor with its own model. A worker that is lost is replaced, and the pictures that
it had not reported are sent out again, alone: what it had written is recognised by the manifest and
not made twice. A picture that has taken three workers with it fails.
"""

import contextlib
import importlib
import importlib.util
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from restore_cli.batch.inputs import Refused
from restore_cli.batch.outputs import Existing
from restore_cli.batch.planning import Job
from restore_cli.batch.results import Result, refusal
from restore_cli.cluster.worker import Setup, Stopped, Worker
from restore_cli.errors import ExitCode, RestoreError

MOST_LOSSES = 3
"""Workers that a picture may take with it before it counts as failed."""
_MOST_AT_ONCE = 8  # pictures sent in one message
_TURNS = 2  # messages that a worker has at most, so that it never waits for the next one
_MOST_THREADS = 4  # of a worker without a GPU: more of them gain less than more workers
_STARTS = 3  # a busy machine takes longer to start one than the half minute that Ray waits
_PATIENCE = 300.0  # seconds without a single worker
_STORE_BYTES = 80 * 2**20  # the least that Ray takes: no picture passes through its store


def check(address: str) -> None:
    """Refuse what can be refused at once. Raises RestoreError: Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise RestoreError(
            f"--cluster {address} needs Ray, which is not installed: "
            "pip install 'restore-cli[cluster]'"
        )


def run(
    jobs: Iterable[Job | Refused],
    setup: Setup,
    *,
    address: str,
    device: str = "auto",
    existing: Existing = "error",
    fail_fast: bool = False,
) -> Generator[Result]:
    """Restore every job on the cluster; as `pipeline.run` does it alone.

    Args:
        jobs: from `planning.plan`.
        setup: what the workers are told.
        address: of the cluster; "local" is one of this machine's own cores, that ends with the
            batch, and "auto" the one that runs here, or else that.
        device: "cpu" leaves GPUs to others; otherwise each GPU has a worker, if there are any.
        existing: see `pipeline.run`.
        fail_fast: send nothing more after the first failure.

    Yields:
        One result per job, as it is finished.

    Raises:
        RestoreError: no Ray, no cluster at the address, none that takes a worker, or what stopped a
            worker and concerns all pictures.
    """
    check(address)
    with _connected(address) as ray:
        batch = _Batch(ray, setup, existing, _places(ray, device))
        try:
            for job in jobs:
                if isinstance(job, Refused):
                    yield refusal(job)
                    if fail_fast:
                        return
                else:
                    batch.pending.append(_Task(job, existed=os.path.lexists(job.output)))
            while batch.pending or batch.turns:
                for result in batch.turn():
                    yield result
                    if fail_fast and result.status == "failed":
                        batch.pending.clear()
        finally:
            batch.close()


@dataclass(slots=True, eq=False)
class _Task:
    """A job, and what became of it so far.

    Attributes:
        existed: whether its output was there before; else only a lost worker can have made it.
        losses: workers that were lost while they had it.
    """

    job: Job
    existed: bool
    losses: int = 0


@dataclass(slots=True, eq=False)
class _Turn:
    """Pictures that a worker has been sent; those reported are taken out."""

    worker: Any
    tasks: dict[Path, _Task]


@dataclass(slots=True)
class _Batch:
    """Workers, and the work between them.

    Attributes:
        ray: the module.
        places: how many workers there are to be, and what each takes of a machine.
        pending: still to be sent.
        turns: sent, by the stream of their results.
        starting: workers that have not answered yet, by the answer.
        idle: workers by the number of turns that they have.
    """

    ray: Any
    setup: Setup
    existing: Existing
    places: tuple[int, dict[str, Any]]
    pending: deque[_Task] = field(default_factory=deque[_Task])
    turns: dict[Any, _Turn] = field(default_factory=dict[Any, _Turn])
    starting: dict[Any, Any] = field(default_factory=dict[Any, Any])
    workers: list[Any] = field(default_factory=list[Any])

    def turn(self) -> list[Result]:
        """Send what can be sent, and wait for one thing to happen."""
        while len(self.workers) + len(self.starting) < min(
            self.places[0], len(self.pending) + len(self.turns)
        ):
            self._start()
        self._send()
        waiting = [*self.turns, *self.starting]
        done, _ = self.ray.wait(waiting, num_returns=1, timeout=_PATIENCE, fetch_local=False)
        if not done:
            if not self.turns:
                raise RestoreError(
                    f"no machine of the cluster took a worker in {_PATIENCE:.0f} s",
                    hint="others may be using it: `ray status` says what is free",
                )
            return []
        (first,) = done
        if first in self.starting:
            self._take_in(first)
            return []
        return self._take_result(first)

    def close(self) -> None:
        """End all workers; what they are writing is dropped before it has its name."""
        for worker in [*self.workers, *self.starting.values()]:
            with contextlib.suppress(Exception):
                self.ray.kill(worker)

    def _start(self) -> None:
        actor = self.ray.remote(max_restarts=0, max_task_retries=0, **self.places[1])(Worker)
        worker = actor.remote(self.setup)
        self.starting[worker.ready.remote()] = worker

    def _take_in(self, answer: Any) -> None:  # noqa: ANN401 - Ray's own
        worker = self.starting.pop(answer)
        try:
            stopped = self.ray.get(answer)
        except self.ray.exceptions.RayActorError:
            return  # lost before it began: another one is started in its place
        if stopped is not None:
            raise stopped.error()
        self.workers.append(worker)

    def _send(self) -> None:
        """Give each worker its next pictures; what was lost before goes out alone."""
        share = max(1, min(_MOST_AT_ONCE, len(self.pending) // (2 * self.places[0])))
        for worker in sorted(self.workers, key=self._load):
            theirs = [turn for turn in self.turns.values() if turn.worker is worker]
            suspect = any(task.losses for turn in theirs for task in turn.tasks.values())
            if not self.pending or len(theirs) >= _TURNS or suspect:
                continue
            if self.pending[0].losses:
                if not theirs:
                    self._submit(worker, [self.pending.popleft()])
                continue
            tasks: list[_Task] = []
            while self.pending and len(tasks) < share and not self.pending[0].losses:
                tasks.append(self.pending.popleft())
            self._submit(worker, tasks)

    def _load(self, worker: Any) -> int:  # noqa: ANN401 - Ray's own
        return sum(turn.worker is worker for turn in self.turns.values())

    def _submit(self, worker: Any, tasks: list[_Task]) -> None:  # noqa: ANN401 - Ray's own
        existing = self.existing
        if tasks[0].losses and not (existing == "error" and tasks[0].existed):
            existing = "skip"  # the lost worker may have finished it
        method = worker.restore.options(num_returns="streaming")
        stream = method.remote([task.job for task in tasks], existing)
        self.turns[stream] = _Turn(worker, {task.job.output: task for task in tasks})

    def _take_result(self, stream: Any) -> list[Result]:  # noqa: ANN401 - Ray's own
        turn = self.turns[stream]
        try:
            result: Result | Stopped = self.ray.get(next(stream))
        except StopIteration:
            del self.turns[stream]
            return []
        except (self.ray.exceptions.RayActorError, self.ray.exceptions.ObjectLostError):
            return self._lost(turn.worker)
        if isinstance(result, Stopped):
            raise result.error()
        assert result.output is not None
        task = turn.tasks.pop(result.output)
        return [_as_made(task, result)]

    def _lost(self, worker: Any) -> list[Result]:  # noqa: ANN401 - Ray's own
        """Take back what a worker had not reported; returns what has been lost too often."""
        self.workers = [one for one in self.workers if one is not worker]
        failed: list[Result] = []
        for stream, turn in list(self.turns.items()):
            if turn.worker is not worker:
                continue
            del self.turns[stream]
            for task in turn.tasks.values():
                task.losses += 1
                if task.losses < MOST_LOSSES:
                    self.pending.appendleft(task)
                else:
                    failed.append(_given_up(task))
        return failed


def _as_made(task: _Task, result: Result) -> Result:
    """A result as it would be had no worker been lost: what one made before it ended is done."""
    if result.status != "skipped" or not task.losses or task.existed:
        return result
    return replace(result, status="done")


def _given_up(task: _Task) -> Result:
    lost = f"{task.losses} workers of the cluster were lost while they had it"
    return Result(
        source=task.job.source,
        output=task.job.output,
        status="failed",
        error=f"{task.job.source}: {lost}",
        hint="it may take more memory than their machines have: a smaller --tile",
    )


@contextlib.contextmanager
def _connected(address: str) -> Generator[Any]:
    """Ray, connected; a cluster of this machine's own is ended with the batch."""
    # Ray would tell its makers of each use.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray: Any = importlib.import_module("ray")
    before = signal.getsignal(signal.SIGTERM)
    try:
        _connect(ray, address)
    except Exception as error:  # Ray raises Exception itself where a node does not start in time
        raise _unreachable(address, error) from error
    finally:
        if before is not None:
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGTERM, before)  # ours: Ray puts its own there
    ours: Any = _Ours(sys.stdout)
    try:
        with contextlib.redirect_stdout(ours):
            yield ray
    finally:
        ray.shutdown()


def _unreachable(address: str, error: Exception) -> RestoreError:
    what, hint = (
        "no Ray cluster answers there",
        "`ray start --head` starts one and tells its address",
    )
    if address == "local" or (address == "auto" and not isinstance(error, ConnectionError)):
        what, hint = "Ray did not start on this machine", "if it is very busy, try again later"
    what = f"--cluster {address}: {what} ({_first_line(error)})"
    return RestoreError(what, hint=hint, exit_code=ExitCode.USAGE)


def _connect(ray: Any, address: str) -> None:  # noqa: ANN401 - a module
    """Connect to a cluster, or start one of this machine's own. Raises what Ray raises."""
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address != "local":
        try:
            ray.init(address=address, **how)
            return
        except ConnectionError:
            if address != "auto":
                raise
    os.environ.setdefault("RAY_worker_niceness", "0")  # as eager as a run alone
    for left in reversed(range(_STARTS)):
        try:
            ray.init(
                address="local", include_dashboard=False, object_store_memory=_STORE_BYTES, **how
            )
            return
        except Exception:
            ray.shutdown()
            if not left:
                raise


class _Ours:
    """Standard output for the thread that makes it, whose results a program may read.

    Ray's own threads print there that a worker was lost, whatever its log level.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._thread = stream, threading.get_ident()

    def write(self, text: str) -> int:
        """Write, or drop what another thread says."""
        return self._stream.write(text) if threading.get_ident() == self._thread else len(text)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a stream has
        return getattr(self._stream, name)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _places(ray: Any, device: str) -> tuple[int, dict[str, Any]]:  # noqa: ANN401 - a module
    """How many workers the cluster has room for, and what each takes of a machine."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = sum(int(one.get("GPU", 0)) for one in machines)
    if gpus and device != "cpu":
        return gpus, {"num_gpus": 1, "num_cpus": 1}
    cores = [int(one.get("CPU", 0)) for one in machines if one.get("CPU", 0) >= 1]
    if not cores:
        raise RestoreError("the cluster has neither cores nor GPUs to give")
    told = os.environ.get("OMP_NUM_THREADS", "")
    threads = min(int(told) if told.isdecimal() and int(told) else _MOST_THREADS, *cores)
    places: dict[str, Any] = {"num_cpus": threads}
    places["runtime_env"] = {"env_vars": {"OMP_NUM_THREADS": str(threads)}}
    return sum(number // threads for number in cores), places
