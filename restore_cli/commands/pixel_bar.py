"""The progress bar of a batch: pixels computed, also inside a picture."""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from restore_cli.batch.pipeline import Result
    from restore_cli.batch.sizes import Sizes


class PixelBar:
    """Counts what windows, and then whole pictures, report; draws nothing until it is shown."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._sizes: Sizes | None = None
        self._files = self._of_files = 0
        self._inside = 0  # px of the picture that is computed now
        self._computed = 0  # px of those before it, as windows tell
        self._finished = 0  # px of pictures that were written
        self._dropped = 0  # px of those that need no computing

    @contextmanager
    def shown(
        self, progress: "Progress | None", task: str, files: int | None, sizes: "Sizes | None"
    ) -> Generator[None]:
        """Draw into `progress` while this context is open; pixels are counted only if it shows."""
        if progress is None or progress.disable:
            yield
            return
        self._of_files, self._sizes = files or 0, sizes
        with nullcontext() if sizes is None else sizes:
            self._progress = progress
            self._task = progress.add_task(task, total=None, files="")
            self._draw()
            try:
                yield
            finally:
                self._progress = None

    def within(self, done: int, of: int) -> None:
        """Some px of the picture that is computed now are done; told by the `Restorer`."""
        if done < of:
            self._inside = done
        else:
            self._inside = 0
            self._computed += of
        self._draw()

    def finish(self, result: "Result") -> None:
        """A file is done, skipped or failed."""
        self._files += 1
        if result.status == "done":
            self._finished += (result.height or 0) * (result.width or 0)
        elif self._sizes is not None:
            self._dropped += self._sizes.of(result.source)
        self._draw()

    def _draw(self) -> None:
        if self._progress is None or self._task is None:
            return
        if self._sizes is None:
            total, done = self._of_files, self._files  # a total of 0 is unknown
        else:
            # Backends that tell nothing of windows still finish pictures.
            done = max(self._computed + self._inside, self._finished)
            total = max(self._sizes.total(self._dropped), done)
        files = f"{self._files}/{self._of_files}" if self._of_files > 1 else ""
        self._progress.update(self._task, completed=done, total=total or None, files=files)
