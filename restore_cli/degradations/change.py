"""Degradations in two parts: chance, drawn on the CPU, and arithmetic, which any device does.

What a step draws does not depend on where its arithmetic is done, nor when: a chain may be drawn in
one process and computed in another, and gives the same pictures.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from restore_cli.degradations.sample import Chance, Degradation, Sample


@dataclass(frozen=True, slots=True)
class Change:
    """What a step does to one sample, after all that is random in it was drawn.

    Attributes:
        act: called with the sample and with `drawn`; of a module, so that it can be pickled.
        drawn: numbers, and tensors on the sample's device.
        anywhere: it computes on any device; else on the CPU alone.
    """

    act: Callable[..., Sample]
    drawn: Mapping[str, Any] = field(default_factory=dict[str, Any])
    anywhere: bool = True

    def __call__(self, sample: Sample) -> Sample:
        """The changed sample."""
        return self.act(sample, **self.drawn)


class Planned(ABC):
    """A degradation whose draws and whose arithmetic lie apart.

    Attributes:
        looks: whether drawing needs the picture's values; without it only its size is read.
    """

    looks: ClassVar[bool] = False

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """See `Degradation`."""
        change = self.plan(sample, rng)
        return sample if change is None else change(sample)

    @abstractmethod
    def plan(self, sample: Sample, rng: np.random.Generator) -> Change | None:
        """Draw what happens to this sample, on the CPU; None is nothing."""


@dataclass(frozen=True, kw_only=True)
class SometimesPlanned(Chance, Planned):
    """A planned degradation that happens to some samples and lets the others pass unchanged."""

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change | None:
        """See `Planned`."""
        return None if self.spares(rng) else self.happening(sample, rng)

    @abstractmethod
    def happening(self, sample: Sample, rng: np.random.Generator) -> Change | None:
        """Draw what happens to a sample to which it does."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A sample on the CPU, and changes of it that are still to be computed, wherever that is.

    Attributes:
        sample: as it is before them.
        changes: in their order; all of them compute anywhere.
    """

    sample: Sample
    changes: tuple[Change, ...] = ()

    def after(self, step: Degradation, rng: np.random.Generator) -> Self:
        """With one more step, computed no further than it needs."""
        if not isinstance(step, Planned):
            return type(self)(step(self.finished(), rng))
        ready = type(self)(self.finished()) if step.looks else self
        change = step.plan(ready.sample, rng)
        if change is None:
            return ready
        if not change.anywhere:
            return type(self)(change(ready.finished()))
        return type(self)(ready.sample, (*ready.changes, change))

    def finished(self) -> Sample:
        """With all changes computed, where the tensors lie."""
        sample = self.sample
        for change in self.changes:
            sample = change(sample)
        return sample
