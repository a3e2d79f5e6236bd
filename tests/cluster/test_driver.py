"""The driver against a stand-in for Ray, and on real processes of which one is killed."""

import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from restore_cli.batch.inputs import Refused
from restore_cli.batch.manifest import MANIFEST_NAME, Identity
from restore_cli.batch.planning import Job
from restore_cli.batch.reading import Pictures
from restore_cli.batch.results import Result
from restore_cli.cluster import driver
from restore_cli.cluster.worker import Setup, Stopped
from restore_cli.errors import ExitCode, RestoreError

Answer = Callable[[Job, str], Result | Stopped]


class LostError(Exception):
    """Stands for Ray's error of an actor that has died."""


class Stream:
    """What an actor has been sent; it answers one picture at a time."""

    def __init__(self, actor: "Actor", jobs: list[Job], existing: str) -> None:
        self._answers = actor.answers(jobs, existing)

    def __next__(self) -> Callable[[], Any]:
        try:
            value = next(self._answers)
        except LostError:
            return _lose
        return lambda: value


def _lose() -> None:
    raise LostError


class Actor:
    """An actor in this process, dead once a picture has killed it."""

    def __init__(self, ray: "Ray") -> None:
        self._ray, self.dead = ray, False
        ray.actors.append(self)
        self.ready = SimpleNamespace(remote=lambda: ray.ready)
        method = SimpleNamespace(remote=lambda jobs, existing: Stream(self, jobs, existing))
        self.restore = SimpleNamespace(options=lambda num_returns: method)

    def answers(self, jobs: list[Job], existing: str) -> Iterator[Result | Stopped]:
        for job in jobs:
            if self.dead:
                raise LostError
            self._ray.sent.append((job.source.name, existing))
            try:
                yield self._ray.answer(job, existing)
            except LostError:
                self.dead = True
                raise


class Ray:
    """Ray as far as the driver uses it; everything is ready in the order in which it was sent."""

    def __init__(self, answer: Answer, machines: list[dict[str, float]]) -> None:
        self.answer, self._machines = answer, machines
        self.actors: list[Actor] = []
        self.sent: list[tuple[str, str]] = []
        self.killed: list[Actor] = []
        self.asked: list[dict[str, Any]] = []
        self.ready_answer: Stopped | None = None
        self.exceptions = SimpleNamespace(RayActorError=LostError, ObjectLostError=LostError)
        self._turn = 0

    @property
    def ready(self) -> Callable[[], Any]:
        return lambda: self.ready_answer

    def init(self, **how: Any) -> None:  # noqa: ANN401
        if how["address"] not in ("auto", "here"):
            raise ConnectionError("nobody answers")

    def shutdown(self) -> None:
        self.actors.clear()

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": one} for one in self._machines]

    def remote(self, **places: Any) -> Callable[[type], Any]:  # noqa: ANN401
        self.asked.append(places)
        return lambda _: SimpleNamespace(remote=lambda setup: Actor(self))

    def wait(self, waiting: list[Any], **_: object) -> tuple[list[Any], list[Any]]:
        self._turn += 1
        return [waiting[self._turn % len(waiting)]], []

    @staticmethod
    def get(answer: Callable[[], Any]) -> Any:  # noqa: ANN401
        return answer()

    def kill(self, actor: Actor) -> None:
        self.killed.append(actor)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ray]:
    """Puts a stand-in in Ray's place."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def stand_in(answer: Answer, *machines: dict[str, float]) -> Ray:
        ray = Ray(answer, list(machines or ({"CPU": 2.0},)))
        monkeypatch.setattr(driver, "importlib", SimpleNamespace(import_module=lambda _: ray))
        monkeypatch.setattr(driver, "check", lambda _: None)
        return ray

    return stand_in


def _run(jobs: list[Job | Refused], folder: Path, **how: Any) -> list[Result]:  # noqa: ANN401
    identity = Identity(model="abc", options={})
    setup = Setup(lambda: _lose, identity, Pictures(), 1, False, folder)  # type: ignore[arg-type]
    how = {"address": "auto", **how}
    with closing(driver.run(jobs, setup, **how)) as results:
        return list(results)


def _jobs(folder: Path, count: int) -> list[Job | Refused]:
    return [Job(folder / f"{n}.png", folder / "out" / f"{n}.png", "png") for n in range(count)]


def _done(job: Job, existing: str) -> Result:
    return Result(job.source, job.output, "skipped" if existing == "skip" else "done")


def test_every_picture_is_sent_once_and_every_worker_ended(
    cluster: Callable[..., Ray], tmp_path: Path
) -> None:
    ray = cluster(_done)
    results = _run(_jobs(tmp_path, 41), tmp_path)
    assert sorted(result.source.name for result in results) == sorted(f"{n}.png" for n in range(41))
    assert {result.status for result in results} == {"done"}
    assert Counter(existing for _, existing in ray.sent) == {"error": 41}
    assert len(ray.killed) == 2
    assert all(one["num_cpus"] == 1 for one in ray.asked)


def test_a_lost_worker_costs_no_picture_and_none_is_told_twice(
    cluster: Callable[..., Ray], tmp_path: Path
) -> None:
    deaths = iter([True])

    def answer(job: Job, existing: str) -> Result:
        if job.source.name == "7.png" and next(deaths, False):
            raise LostError
        return _done(job, existing)

    ray = cluster(answer)
    results = _run(_jobs(tmp_path, 30), tmp_path)
    assert Counter(result.source.name for result in results) == {f"{n}.png": 1 for n in range(30)}
    # What the lost worker may have finished is looked at, and told as done: it was this run.
    assert {result.status for result in results} == {"done"}
    assert ("7.png", "skip") in ray.sent


def test_an_output_that_was_there_before_stays_an_error_after_a_loss(
    cluster: Callable[..., Ray], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "0.png").write_text("somebody else's")
    deaths = iter([True])

    def answer(job: Job, existing: str) -> Result:
        if next(deaths, False):
            raise LostError
        return _done(job, existing)

    ray = cluster(answer, {"CPU": 1.0})
    _run(_jobs(tmp_path, 1), tmp_path)
    assert ray.sent == [("0.png", "error"), ("0.png", "error")]


def test_a_picture_that_kills_its_workers_fails_and_takes_no_other_with_it(
    cluster: Callable[..., Ray], tmp_path: Path
) -> None:
    def answer(job: Job, existing: str) -> Result:
        if job.source.name == "3.png":
            raise LostError
        return _done(job, existing)

    ray = cluster(answer)
    results = {result.source.name: result for result in _run(_jobs(tmp_path, 20), tmp_path)}
    assert len(results) == 20
    assert [name for name, result in results.items() if result.status == "failed"] == ["3.png"]
    assert "3 workers of the cluster were lost" in str(results["3.png"].error)
    assert str(tmp_path / "3.png") in str(results["3.png"].error)
    assert sum(name == "3.png" for name, _ in ray.sent) == driver.MOST_LOSSES


def test_gpus_are_asked_for_where_there_are_any_and_not_refused(
    cluster: Callable[..., Ray], tmp_path: Path
) -> None:
    machines = ({"CPU": 16.0, "GPU": 2.0}, {"CPU": 8.0, "GPU": 1.0})
    ray = cluster(_done, *machines)
    _run(_jobs(tmp_path, 20), tmp_path)
    assert [one["num_gpus"] for one in ray.asked] == [1, 1, 1]
    ray = cluster(_done, *machines)
    _run(_jobs(tmp_path, 40), tmp_path, device="cpu")
    assert len(ray.asked) == 24
    assert not any("num_gpus" in one for one in ray.asked)


def test_what_is_refused_is_told_and_fail_fast_sends_nothing_more(
    cluster: Callable[..., Ray], tmp_path: Path
) -> None:
    refused = Refused(tmp_path / "gone.png", RestoreError("gone.png does not exist"))
    ray = cluster(_done)
    results = _run([refused, *_jobs(tmp_path, 2)], tmp_path)
    assert [result.status for result in results] == ["failed", "done", "done"]
    ray.sent.clear()
    assert [
        one.status for one in _run([refused, *_jobs(tmp_path, 2)], tmp_path, fail_fast=True)
    ] == ["failed"]
    assert ray.sent == []


def test_what_stops_a_worker_stops_the_command(cluster: Callable[..., Ray], tmp_path: Path) -> None:
    stopped = Stopped("there is no such model", "look again", ExitCode.USAGE)
    cluster(lambda job, existing: stopped)
    with pytest.raises(RestoreError, match="there is no such model"):
        _run(_jobs(tmp_path, 3), tmp_path)
    ray = cluster(_done)
    ray.ready_answer = Stopped("another version", None, ExitCode.USAGE)
    with pytest.raises(RestoreError, match="another version"):
        _run(_jobs(tmp_path, 3), tmp_path)
    assert len(ray.killed) == 1


def test_an_address_where_nobody_answers_is_named(
    cluster: Callable[..., Ray], tmp_path: Path
) -> None:
    cluster(_done)
    with pytest.raises(RestoreError, match=r"--cluster 10\.0\.0\.9: no Ray cluster answers"):
        _run(_jobs(tmp_path, 1), tmp_path, address="10.0.0.9")


def test_a_ray_that_does_not_start_here_is_told(
    cluster: Callable[..., Ray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = cluster(_done)
    started: list[str] = []

    def init(**how: object) -> None:
        started.append(str(how["address"]))
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(RestoreError, match="local: Ray did not start on this machine") as caught:
        _run(_jobs(tmp_path, 1), tmp_path, address="local")
    assert "very busy" in str(caught.value.hint)
    assert started == ["local"] * 3


def test_without_ray_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RestoreError, match=r"pip install 'restore-cli\[cluster\]'"):
        driver.check("auto")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
@pytest.mark.parametrize("count", [60, 2000])
def test_a_worker_killed_in_the_middle_loses_nothing_and_makes_nothing_twice(
    tmp_path: Path, count: int
) -> None:
    """Two workers on this machine, small pictures."""
    (tmp_path / "img").mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 56, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "img" / f"{number:04d}.png")
    command = [sys.executable, "-m", "restore_cli", "infer", "img", "--task", "derain", "--json"]
    process = subprocess.Popen(
        [*command, "--cluster", "local"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(count // 4)]
    below = psutil.Process(process.pid).children(recursive=True)
    workers = [one for one in below if "ray::Worker" in " ".join(one.cmdline())]
    assert len(workers) >= 1
    if hasattr(os, "nice"):
        assert workers[0].nice() == psutil.Process().nice()
    workers[0].send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=900)
    assert process.returncode == 0
    *told, summary = [json.loads(line) for line in [*lines, *rest.splitlines()]]
    assert summary["done"] == count
    names = {f"{n:04d}.png" for n in range(count)}
    assert Counter(one["input"] for one in told) == {f"img/{name}": 1 for name in names}
    assert {one["status"] for one in told} == {"done"}
    output = tmp_path / "img-derain"
    assert {path.name for path in output.glob("*.png")} == names
    manifest = [json.loads(line) for line in (output / MANIFEST_NAME).read_text().splitlines()]
    assert max(Counter(line["output"] for line in manifest).values()) == 1
    leftovers = [path.name for path in output.iterdir() if path.suffix != ".png"]
    assert set(leftovers) <= {MANIFEST_NAME}


def test_what_other_threads_print_stays_out_of_the_results(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = driver._Ours(sys.stdout)
    other = threading.Thread(target=lambda: print("(raylet) a worker died", file=stream))
    other.start()
    other.join()
    print('{"event": "summary"}', file=stream, flush=True)
    assert capsys.readouterr().out == '{"event": "summary"}\n'
