"""What to do where a model saw next to nothing to do, and may be wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from restore_cli.api.change import change

if TYPE_CHECKING:
    from restore_cli.api.chain import Step
    from restore_cli.engine.restored import Restored
    from restore_cli.engine.windows import Pixels

HARDLY = 0.03
"""Share of the pixels up to which a picture counts as hardly changed."""

_TOLD = {
    "rain": "the model sees no rain: --level 0.02 tells it that there is some",
    "haze": "the model sees no haze: --level 0.3 tells it that there is some",
    "stops": "the model misses no light: --level 1 asks for a stop more",
}


def advised(step: Step, quantity: str) -> Step:
    """A step that says what to try where its model, judging by itself, did next to nothing.

    Args:
        step: of a single task.
        quantity: see `advice_on`.
    """
    advice = advice_on(quantity)
    if not advice:
        return step
    noted = Advised(step.restore, step.several, advice)
    return replace(step, restore=noted, several=noted.several if step.several else None)


def advice_on(quantity: str) -> str:
    """What to tell a user of a picture that hardly changed; empty where nothing is known.

    Args:
        quantity: that a level of the model is of, see `networks.amounts.QUANTITIES`.
    """
    return f"hardly changed, {_TOLD[quantity]}" if quantity in _TOLD else ""


@dataclass(frozen=True, slots=True)
class Advised:
    """Restores, tells `change` in the details, and adds a note to pictures that hardly changed.

    Attributes:
        restore: (3, H, W) in, the restored picture out.
        together: the same of several of one size; None where that gains nothing.
        advice: the note.
    """

    restore: Callable[[Pixels], Restored[Pixels]]
    together: Callable[[Sequence[Pixels]], list[Restored[Pixels]]] | None
    advice: str

    def __call__(self, image: Pixels) -> Restored[Pixels]:
        """Restore one picture."""
        return self._noted(image, self.restore(image))

    def several(self, images: Sequence[Pixels]) -> list[Restored[Pixels]]:
        """Restore pictures of one size."""
        if self.together is None:
            return [self(image) for image in images]
        return [self._noted(*both) for both in zip(images, self.together(images), strict=True)]

    def _noted(self, image: Pixels, restored: Restored[Pixels]) -> Restored[Pixels]:
        found = change(image, restored.image)
        notes = () if found["share"] > HARDLY else (self.advice,)
        details = {**restored.details, "change": found}
        return replace(restored, notes=(*restored.notes, *notes), details=details)
