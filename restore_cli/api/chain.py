"""Several restorers after each other on one picture: one decoding, one encoding."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels


class Restores(Protocol):
    """Restores one picture, (3, H, W) float32 in [0, 1] on the CPU."""

    def __call__(self, image: Pixels, /) -> Restored[Pixels]:
        """Restore it; `image` stays as it is."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One restorer of a chain.

    Attributes:
        name: the task, as it stands in the JSON's `steps`.
        restore: what computes it.
        several: the same of pictures of one size; None where it gains nothing.
    """

    name: str
    restore: Restores
    several: Callable[[Sequence[Pixels]], list[Restored[Pixels]]] | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """Restorers that pass a picture on; the details name the steps.

    Attributes:
        steps: in the order in which they are applied; with none, a picture stays as it is.
        strength: 0 (the input) to 1 (the result of the last step); linear between.
    """

    steps: Sequence[Step]
    strength: float = 1.0

    def __call__(self, image: Pixels) -> Restored[Pixels]:
        """Restore a picture (3, H, W); `image` stays as it is."""
        return run_steps(self.steps, image, self.strength)

    def several(self, images: Sequence[Pixels]) -> list[Restored[Pixels]]:
        """Restore pictures of one size: together where there is one step that can do that."""
        several = self.steps[0].several if len(self.steps) == 1 else None
        if several is None or self.strength < 1.0:
            return [self(image) for image in images]
        names = {"steps": [self.steps[0].name]}
        return [replace(one, details={**one.details, **names}) for one in several(images)]


def run_steps(steps: Sequence[Step], image: Pixels, strength: float = 1.0) -> Restored[Pixels]:
    """Apply steps in turn.

    Between steps a picture becomes what it would be if a 16-bit file lay there: a grey one (three
    equal channels) is made grey again, and values are rounded. Networks in bf16 make up to a level
    of 255 of what is below that rounding; with it, a chain gives what its commands give in turn.

    Args:
        steps: may be empty.
        image: (3, H, W) float32 in [0, 1]; not changed.
        strength: see `Chain`.

    Returns:
        The result. Its tile is the smallest one used; notes name their step where there are
        several; `steps` stands in the details, and for several steps that tell a level `levels`.
    """
    is_grey = bool((image[0] == image[1]).all()) and bool((image[0] == image[2]).all())
    given = image
    done: list[Restored[Pixels]] = []
    for number, step in enumerate(steps, 1):
        restored = step.restore(image)
        image = restored.image
        if is_grey and len(steps) > 1:
            image = np.repeat(image.mean(axis=0, keepdims=True), 3, axis=0)
        if number < len(steps):
            image = _as_from_a_file(image)
        # Only the last picture is kept in memory.
        done.append(replace(restored, image=image[:0]))
    names = [step.name for step in steps]
    if not done:
        return Restored(image.copy(), None, "cpu", "fp32", details={"steps": names})
    if strength < 1.0:
        image = (given + strength * (image - given)).astype(np.float32, copy=False)
    details = dict(done[-1].details) if len(done) == 1 else _levels(names, done)
    return Restored(
        image,
        min((one.tile for one in done if one.tile is not None), default=None),
        _all(one.device for one in done),
        _all(one.precision for one in done),
        _notes(names, done),
        {**details, "steps": names},
        _all(one.backend for one in done),
    )


def _as_from_a_file(image: Pixels) -> Pixels:
    """Rounded as `Picture.with_srgb` rounds 16-bit samples, and read again."""
    codes = np.floor(image.clip(0.0, 1.0) * 65535.0 + 0.5)
    return (codes / 65535.0).astype(np.float32, copy=False)


def _levels(names: Sequence[str], done: Sequence[Restored[Pixels]]) -> dict[str, object]:
    told = {
        name: one.details["level"]
        for name, one in zip(names, done, strict=True)
        if "level" in one.details
    }
    return {"levels": told} if told else {}


def _notes(names: Sequence[str], done: Sequence[Restored[Pixels]]) -> tuple[str, ...]:
    if len(done) == 1:
        return done[0].notes
    return tuple(
        f"{name}: {note}" for name, one in zip(names, done, strict=True) for note in one.notes
    )


def _all(values: Iterable[str]) -> str:
    """What is said by any, once each: "cuda:0", or "cuda:0,cpu" where one step fell back."""
    return ",".join(dict.fromkeys(values))
