"""A job on its way through the stages of a batch."""

import time
import traceback
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from restore_cli.batch.claims import Claim
from restore_cli.batch.planning import Job
from restore_cli.batch.reading import Loaded, Writable
from restore_cli.batch.results import Result, explain
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from restore_cli.engine.restored import Restored
    from restore_cli.engine.windows import Pixels


@dataclass(slots=True)
class Work:
    """A job on its way through the stages; what a stage no longer needs is set to None."""

    job: Job
    started: float = field(default_factory=time.perf_counter)
    pixels: int = 0
    claim: Claim = field(default_factory=Claim)
    sha256: str | None = None
    output_sha256: str | None = None
    loaded: Loaded | None = None
    images: "tuple[Pixels, ...]" = ()
    in_bands: bool = False
    seconds: float = 0.0
    known: Result = field(init=False)

    def __post_init__(self) -> None:
        self.known = Result(self.job.source, self.job.output, "failed")

    def computed_as(self, restored: "Restored[Pixels]", seconds: float) -> None:
        """Take over how it was computed, and how long that took, but not the picture."""
        self.learn(
            model_seconds=seconds,
            tile=restored.tile,
            device=restored.device,
            precision=restored.precision,
            details={**self.known.details, "backend": restored.backend, **restored.details},
        )

    @property
    def written_pixels(self) -> int:
        """Of the pictures that wait to be written; more than were read, where a model enlarges."""
        return sum(image.shape[1] * image.shape[2] for image in self.images)

    def learn(self, **facts: object) -> None:
        """Set fields of the result."""
        self.known = replace(self.known, **facts)

    def note(self, *notes: str) -> None:
        """Add notes to the result."""
        if notes:
            self.learn(notes=(*self.known.notes, *notes))

    def spend(self, since: float) -> None:
        """Add the seconds since a reading of `time.perf_counter` to the result."""
        self.seconds += time.perf_counter() - since

    def result(
        self, status: Literal["done", "skipped", "failed"], error: Exception | None = None
    ) -> Result:
        """What became of it, as far as it got."""
        if error is None:
            return replace(self.known, status=status, seconds=self.seconds)
        return replace(
            self.known,
            status=status,
            seconds=self.seconds,
            error=explain(error, self.job.source),
            hint=error.hint if isinstance(error, RestoreError) else None,
            unwritten=self.known.device is not None and isinstance(error.__cause__, OSError),
            # As text: the exception itself would keep the frames, and their pictures, alive.
            trace="".join(traceback.format_exception(error)),
        )


def finished(work: Work) -> Writable:
    """Make what is written of what was computed, which is given up."""
    loaded, images = work.loaded, work.images
    assert loaded is not None
    # The floats go before the encoder asks for memory.
    work.loaded, work.images = None, ()
    if loaded.finish_pages is not None:
        return loaded.finish_pages(images)
    (image,) = images
    return loaded.finish(image)
