"""Files that arrive: each told once, when it is whole."""

import os
from itertools import islice
from pathlib import Path

from restore_cli.batch.arrivals import arrivals


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
