"""What computes pictures, built when the first one needs it, or never."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from restore_cli.batch.reading import Restore
    from restore_cli.engine.restored import Restored
    from restore_cli.engine.windows import Pixels


class Later:
    """A `Restore` that is built when the first picture is to be computed, or never.

    Args:
        build: makes it; what it raises ends the batch.

    Attributes:
        wanted: done as soon as a picture is being decoded for it: building can begin meanwhile.
    """

    def __init__(self, build: Callable[[], Restore]) -> None:
        self._build = build
        self._built: Restore | None = None
        self.wanted: Future[None] = Future()

    def build_beside(self, going: Sequence[Future[Any]]) -> None:
        """Build it once it is wanted, unless some of what is going on is done before that."""
        if self._built is None:
            wait([*going, self.wanted], return_when=FIRST_COMPLETED)
            if self.wanted.done():
                self.built()

    def built(self) -> Restore:
        """What was built, now or before."""
        if self._built is None:
            self._built = self._build()
        return self._built

    def __call__(self, image: Pixels) -> Restored[Pixels]:
        """See `Restore`."""
        return self.built()(image)


def want(restore: Restore) -> None:
    """Say, from any thread, that there will be a picture to compute."""
    if isinstance(restore, Later):
        with suppress(InvalidStateError):  # said before
            restore.wanted.set_result(None)


def ready(restore: Restore) -> Restore:
    """What computes, built if it was left for later; what is raised concerns all pictures."""
    return restore.built() if isinstance(restore, Later) else restore
