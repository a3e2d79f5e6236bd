"""Small pictures of one size go together, and nothing else does."""

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
from batch_jobs import job, same

from restore_cli.batch.reading import Loaded
from restore_cli.batch.results import Result
from restore_cli.batch.together import TOGETHER, most_together, taken_with
from restore_cli.batch.work import Work


def _work(name: str, height: int, width: int) -> Work:
    work, image = Work(job(Path(name))), np.zeros((3, height, width), np.float32)
    work.images = (image,)
    work.loaded = Loaded(image[:, :0], height, width, finish=lambda _: None)  # type: ignore[arg-type, return-value]
    return work


def _done(outcome: Work | Result) -> Future[Work | Result]:
    future: Future[Work | Result] = Future()
    future.set_result(outcome)
    return future


def test_small_ones_go_together_up_to_so_many_pixels() -> None:
    assert most_together(_work("a.png", 64, 64)) == TOGETHER // 64**2
    assert most_together(_work("a.png", 480, 640)) == 1


def test_only_whole_pictures_of_one_size_are_taken() -> None:
    first, alike, more = (_work(f"{name}.png", 64, 80) for name in "abc")
    other, own = _work("d.png", 80, 64), _work("e.png", 64, 80)
    assert own.loaded is not None
    own.loaded = replace(own.loaded, restore=same)
    pages = _work("f.png", 64, 80)
    pages.images *= 2
    failed = first.result("failed", ValueError("no"))
    reads = dict.fromkeys(map(_done, (other, own, pages, failed, alike, more)))
    waiting: Future[Work | Result] = Future()
    reads[waiting] = None
    assert taken_with(first, reads, 2) == [first, alike]
    assert len(reads) == 6
    assert taken_with(first, reads, 9) == [first, more]
    assert taken_with(own, reads, 9) == [own]


def test_their_number_is_a_power_of_two() -> None:
    first, *others = (_work(f"{name}.png", 64, 64) for name in "abcdefg")
    reads = dict.fromkeys(map(_done, others))
    assert taken_with(first, reads, 8) == [first, *others[:3]]
    assert len(reads) == 3
    assert taken_with(first, reads, 3) == [first, others[3]]
    assert taken_with(first, reads, 0) == [first]
