import threading
import time

import pytest

from restore_cli.batch.budget import Budget, ClosedError


def wait_until_waiting(thread: threading.Thread, seconds: float = 0.05) -> None:
    thread.join(seconds)
    assert thread.is_alive()


def test_waits_for_room() -> None:
    budget = Budget(lambda: 10)
    assert budget.acquire(7) == 7
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.append(budget.acquire(4)))
    thread.start()
    wait_until_waiting(thread)
    budget.release(7)
    thread.join(5)
    assert got == [4]


def test_more_than_everything_is_everything() -> None:
    budget = Budget(lambda: 10)
    assert budget.acquire(1000) == 10
    budget.release(10)
    assert budget.acquire(10) == 10


def test_small_requests_do_not_overtake_a_large_one() -> None:
    budget = Budget(lambda: 10)
    budget.acquire(6)
    order: list[int] = []

    def ask(pixels: int) -> None:
        order.append(budget.acquire(pixels))

    large, small = (threading.Thread(target=ask, args=(pixels,)) for pixels in (9, 1))
    large.start()
    wait_until_waiting(large)
    small.start()
    wait_until_waiting(small)
    budget.release(6)
    large.join(5)
    small.join(5)
    assert order == [9, 1]


def test_closing_wakes_all_who_wait() -> None:
    budget = Budget(lambda: 1)
    budget.acquire(1)
    caught: list[str] = []

    def ask() -> None:
        try:
            budget.acquire(1)
        except ClosedError:
            caught.append("closed")

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    budget.close()
    for thread in threads:
        thread.join(5)
    assert caught == ["closed"] * 3
    with pytest.raises(ClosedError):
        budget.acquire(0)
