import threading
import time

import pytest

from restore_cli.batch.workers import Workers


def test_work_is_done_in_order_and_errors_come_back() -> None:
    workers = Workers(1, "work")
    seen: list[int] = []
    futures = [workers.submit(seen.append, number) for number in range(5)]
    broken = workers.submit(lambda number: 1 // number, 0)
    workers.close(None)
    assert seen == [0, 1, 2, 3, 4]
    assert all(future.done() for future in futures)
    with pytest.raises(ZeroDivisionError):
        broken.result()


def test_what_cannot_be_interrupted_is_left_behind() -> None:
    workers, go = Workers(2, "stuck"), threading.Event()
    begun = workers.submit(lambda event: event.wait(5), go)
    started = time.perf_counter()
    workers.close(0.05)
    assert time.perf_counter() - started < 1
    assert not begun.done()
    go.set()
    assert begun.result(timeout=5)


def test_a_cancelled_task_is_not_begun() -> None:
    workers, go = Workers(1, "busy"), threading.Event()
    workers.submit(lambda event: event.wait(5), go)
    seen: list[int] = []
    assert workers.submit(seen.append, 1).cancel()
    go.set()
    workers.close(None)
    assert seen == []
