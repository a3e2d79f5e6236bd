"""Seconds that an action takes."""

import statistics
import time
from collections.abc import Callable


def seconds_of(action: Callable[[], object], times: int) -> list[float]:
    """Each of several runs."""
    seconds: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begun)
    return seconds


def median_seconds(action: Callable[[], object], times: int = 5) -> float:
    """The middle of several runs, after one that is not counted."""
    action()
    return statistics.median(seconds_of(action, times))
