"""A batch on several devices; threads with restorers of their own stand for them."""

import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from batch_jobs import book, inverted, job, jobs, same, save, shown

from restore_cli.batch.lanes import Lane, run
from restore_cli.batch.later import Later
from restore_cli.batch.reading import Pictures
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.errors import RestoreError


class Device:
    """Counts what it computes."""

    def __init__(self, name: str, seconds: float = 0.0) -> None:
        self.name, self.seconds, self.count = name, seconds, 0
        self.threads: set[int] = set()

    def __call__(self, image: Pixels) -> Restored[Pixels]:
        time.sleep(self.seconds)
        self.count += 1
        self.threads.add(threading.get_ident())
        return Restored(1 - image, tile=None, device=self.name, precision="fp32")


def lanes(*restores: object) -> list[Lane]:
    return [Lane(restore, Pictures()) for restore in restores]  # type: ignore[arg-type]


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith(("read", "write"))]


def test_every_picture_is_made_once_and_each_device_has_its_share(tmp_path: Path) -> None:
    first, second = Device("cuda:0", 0.02), Device("cuda:1", 0.02)
    listed = jobs(tmp_path, 24)
    manifest = book()
    results = list(run(listed, lanes(first, second), workers=4, manifest=manifest))
    assert Counter(one.source for one in results) == {one.source: 1 for one in listed}
    assert {one.status for one in results} == {"done"}
    assert shown(tmp_path / "out") == [one.output.name for one in listed]
    assert first.count + second.count == 24
    assert min(first.count, second.count) >= 6
    assert Counter(one.device for one in results) == {
        "cuda:0": first.count,
        "cuda:1": second.count,
    }
    assert first.threads.isdisjoint(second.threads)
    # The same manifest as alone: nothing is made again, on whichever device it was made.
    again = run(listed, lanes(Device("cuda:0")), existing="skip", manifest=book())
    assert {one.status for one in again} == {"skipped"}
    assert threads() == []


def test_pictures_are_those_of_one_device(tmp_path: Path) -> None:
    listed = jobs(tmp_path, 9)
    list(run(listed, lanes(inverted, inverted, inverted)))
    made = [one.output.read_bytes() for one in listed]
    list(run(listed, lanes(inverted), existing="overwrite"))
    assert [one.output.read_bytes() for one in listed] == made


def test_a_faster_device_does_more(tmp_path: Path) -> None:
    slow, fast = Device("cuda:0", 0.2), Device("cuda:1", 0.005)
    list(run(jobs(tmp_path, 20), lanes(slow, fast)))
    assert fast.count > 2 * slow.count


def test_one_bad_picture_stops_no_lane_unless_asked_to(tmp_path: Path) -> None:
    listed = jobs(tmp_path, 12)
    listed[3].source.write_bytes(b"no picture")
    statuses = Counter(one.status for one in run(listed, lanes(inverted, inverted)))
    assert statuses == {"done": 11, "failed": 1}
    quick = list(
        run(listed, lanes(Device("a", 0.05), Device("b", 0.05)), existing="overwrite",
            fail_fast=True, workers=2)
    )  # fmt: skip
    assert len(quick) < 12


def test_what_concerns_all_pictures_ends_all_lanes(tmp_path: Path) -> None:
    def build() -> object:
        raise RestoreError("the second card is out of order")

    with pytest.raises(RestoreError, match="second card"):
        list(run(jobs(tmp_path, 40), lanes(Device("a", 0.05), Later(build))))  # type: ignore[arg-type]
    assert len(shown(tmp_path / "out")) < 40
    assert threads() == []


def test_an_interrupted_run_tells_all_that_it_made(tmp_path: Path) -> None:
    going = run(jobs(tmp_path, 60), lanes(Device("a", 0.02), Device("b", 0.02)))
    told = [next(going).output, next(going).output]
    try:
        told.append(going.throw(KeyboardInterrupt).output)
        for one in going:
            told.append(one.output)
    except KeyboardInterrupt:
        pass
    time.sleep(0.3)
    assert shown(tmp_path / "out") == sorted(path.name for path in told if path)
    assert len(told) < 40
    assert threads() == []


def test_one_lane_is_the_pipeline(tmp_path: Path) -> None:
    here: set[int] = set()

    def restore(image: Pixels) -> Restored[Pixels]:
        here.add(threading.get_ident())
        return same(image)

    (result,) = run([job(save(tmp_path / "a.png"))], lanes(restore))
    assert result.status == "done"
    assert here == {threading.get_ident()}
