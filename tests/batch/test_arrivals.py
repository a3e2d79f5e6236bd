"""Files that arrive: each told once, when it is whole."""

import os
from itertools import islice, pairwise
from pathlib import Path

import pytest

from restore_cli.batch.arrivals import FIRST_WAIT, LONGEST_WAIT, Unwritten, arrivals
from restore_cli.batch.results import Result


def test_what_is_there_and_what_comes_is_told_once_it_is_whole(tmp_path: Path) -> None:
    def write(name: str, size: int) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)

    steps = [
        lambda: write("b.png", 1),  # begins to arrive
        lambda: write("b.png", 2),  # still growing
        lambda: write("c.txt", 1),  # no picture
        lambda: write("sub/d.png", 1),
        lambda: None,
        lambda: os.utime(tmp_path / "a.png", (1, 1)),  # replaced: told again
        lambda: None,
    ]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        steps[len(waits) - 1]()

    write("a.png", 1)
    steps.insert(0, lambda: None)
    told = arrivals(tmp_path, recursive=True, interval=0.5, sleep=sleep)
    names = [[path.name for path in group] for group in islice(told, 4)]
    assert names == [["a.png"], ["b.png"], ["d.png"], ["a.png"]]
    assert set(waits) == {0.5}


def test_outputs_are_not_taken_for_arrivals(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("out/x.png", "a.png"):
        (tmp_path / name).write_bytes(b"x")
    told = arrivals(
        tmp_path, recursive=True, skip=(tmp_path / "out").resolve(), sleep=lambda _: None
    )
    assert [path.name for path in next(told)] == ["a.png"]


def test_what_could_not_be_written_is_told_again_after_growing_waits(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"x")
    now = [0.0]
    unwritten = Unwritten(lambda: now[0])
    failed = Result(path, None, "failed", "a.png: cannot be written", unwritten=True)
    told = arrivals(
        tmp_path, again=unwritten.is_due, sleep=lambda _: now.__setitem__(0, now[0] + 1)
    )
    times = []
    for group in islice(told, 9):
        assert group == [path]
        times.append(now[0])
        unwritten.learn(failed)
    waits = [after - before for before, after in pairwise(times)]
    assert waits[0] == pytest.approx(FIRST_WAIT, abs=2)
    assert waits[1] == pytest.approx(2 * FIRST_WAIT, abs=2)
    assert waits[-1] == pytest.approx(LONGEST_WAIT, abs=2)
    unwritten.learn(Result(path, None, "done"))
    assert not unwritten.is_due(path)


def test_a_picture_that_is_gone_before_it_is_read_is_not_told(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"x")
    told = arrivals(tmp_path, sleep=lambda _: (tmp_path / "a.png").unlink(missing_ok=True))
    assert [path.name for path in next(told)] == ["b.png"]


def test_a_file_that_is_renamed_into_place_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    waits = []

    def sleep(_: float) -> None:
        waits.append(1)
        if len(waits) == 2:
            (tmp_path / "new").write_bytes(b"another")
            (tmp_path / "new").rename(tmp_path / "a.png")

    groups = list(islice(arrivals(tmp_path, sleep=sleep), 2))
    assert [[path.name for path in group] for group in groups] == [["a.png"], ["a.png"]]
