"""How many pixels may be in memory at once, shared between threads."""

import threading
from collections.abc import Callable
from functools import cached_property


class ClosedError(Exception):
    """The batch has ended; a thread that waits for memory gives up."""


class Budget:
    """A bound on pixels in memory, granted in the order of asking.

    Args:
        capacity: how many pixels may be granted at once; asked for when that is first needed.
    """

    def __init__(self, capacity: Callable[[], int]) -> None:
        self._most = capacity
        self._used = 0
        self._closed = False
        self._changed = threading.Condition()
        # Held while waiting, so that small pictures do not overtake a large one for ever.
        self._turnstile = threading.Lock()

    @cached_property
    def capacity(self) -> int:
        """How many pixels may be granted at once."""
        return max(1, self._most())

    def acquire(self, pixels: int) -> int:
        """Wait for room.

        Args:
            pixels: what is needed; more than the capacity counts as all of it.

        Returns:
            What to release later.

        Raises:
            ClosedError: the budget was closed.
        """
        pixels = min(pixels, self.capacity)
        with self._turnstile, self._changed:
            self._changed.wait_for(lambda: self._closed or self._used + pixels <= self.capacity)
            if self._closed:
                raise ClosedError
            self._used += pixels
        return pixels

    def release(self, pixels: int) -> None:
        """Give back what `acquire` returned."""
        with self._changed:
            self._used -= pixels
            self._changed.notify_all()

    def close(self) -> None:
        """Wake all who wait, with ClosedError; later calls of `acquire` get it too."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
