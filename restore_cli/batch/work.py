"""A job on its way through the stages of a batch."""

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from restore_cli.batch.claims import Claim
from restore_cli.batch.planning import Job
from restore_cli.batch.reading import Loaded, Writable
from restore_cli.batch.results import Result, explain
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    import torch

    from restore_cli.engine.restorer import Restored


@dataclass(slots=True)
class Work:
    """A job on its way through the stages; what a stage no longer needs is set to None."""

    job: Job
    started: float = field(default_factory=time.perf_counter)
    pixels: int = 0
    claim: Claim = field(default_factory=Claim)
    sha256: str | None = None
    loaded: Loaded | None = None
    images: "tuple[torch.Tensor, ...]" = ()
    height: int | None = None
    width: int | None = None
    tile: int | None = None
    device: str | None = None
    precision: str | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    model_seconds: float = 0.0
    details: Mapping[str, object] = field(default_factory=dict[str, object])
    in_bands: bool = False

    def computed_as(self, restored: "Restored") -> None:
        """Take over how it was computed, but for the picture."""
        self.tile, self.device = restored.tile, restored.device
        self.precision = restored.precision
        self.details = {**self.details, "backend": restored.backend, **restored.details}

    @property
    def written_pixels(self) -> int:
        """Of the pictures that wait to be written; more than were read, where a model enlarges."""
        return sum(image.shape[1] * image.shape[2] for image in self.images)

    def result(
        self, status: Literal["done", "skipped", "failed"], error: Exception | None = None
    ) -> Result:
        """What became of it, as far as it got."""
        return Result(
            source=self.job.source,
            output=self.job.output,
            status=status,
            error=None if error is None else explain(error, self.job.source),
            hint=error.hint if isinstance(error, RestoreError) else None,
            # As text: the exception itself would keep the frames, and their pictures, alive.
            trace=None if error is None else "".join(traceback.format_exception(error)),
            height=self.height,
            width=self.width,
            tile=self.tile,
            device=self.device,
            precision=self.precision,
            notes=self.notes,
            seconds=self.seconds,
            model_seconds=self.model_seconds,
            details=self.details,
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
