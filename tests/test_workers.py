import threading
import time

import pytest

from restore_cli.workers import Workers


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


def test_what_has_not_begun_is_forgotten_at_the_end() -> None:
    go, seen = threading.Event(), list[int]()
    with Workers(1, "busy") as workers:
        workers.submit(go.wait, 5)
        later = workers.submit(seen.append, 1)
        threading.Timer(0.2, go.set).start()
    assert later.cancelled()
    assert seen == []


def test_an_interrupted_run_does_not_wait_for_a_decoder() -> None:
    go, started = threading.Event(), time.perf_counter()

    def interrupted() -> None:
        with Workers(1, "stuck") as workers:
            begun = workers.submit(go.wait, 30)
            while not begun.running():
                time.sleep(0.001)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.perf_counter() - started < 3
    go.set()
