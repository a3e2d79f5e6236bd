"""How much restoring changed a picture, for people and programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from restore_cli.batch.reading import RestoresSeveral

if TYPE_CHECKING:
    # Also said of batches in which nothing is computed.
    from restore_cli.engine.restored import Restored
    from restore_cli.engine.windows import Pixels

VISIBLE = 2 / 255
"""Difference in a channel from which a pixel counts as changed."""

_WORTH_NAMING = 0.1  # confidence of a degradation
_BAND = 1 << 15  # pixels compared at once: they stay in a processor's cache


@dataclass(frozen=True, slots=True)
class Measured:
    """Restores, and tells `change` in the details (see `change`), except of upscalers.

    Attributes:
        restore: (3, H, W) in, the restored picture out.
        trusts: what it tells of the `change` is of the very picture that it gives back: then the
            two are not compared again.
    """

    restore: Callable[[Pixels], Restored[Pixels]]
    trusts: bool = False

    def __call__(self, image: Pixels) -> Restored[Pixels]:
        """Restore one picture."""
        return self._told(image, self.restore(image))

    def several(self, images: Sequence[Pixels]) -> list[Restored[Pixels]]:
        """Restore pictures of one size, together where `restore` can do that."""
        if not isinstance(self.restore, RestoresSeveral):
            return [self(image) for image in images]
        restored = self.restore.several(images)
        return [self._told(*both) for both in zip(images, restored, strict=True)]

    def _told(self, image: Pixels, restored: Restored[Pixels]) -> Restored[Pixels]:
        known = self.trusts and "change" in restored.details
        if known or restored.image.shape != image.shape:
            return restored
        details = {**restored.details, "change": change(image, restored.image)}
        return replace(restored, details=details)


def change(before: Pixels, after: Pixels) -> dict[str, float]:
    """Compare a picture with what became of it.

    Args:
        before: (3, H, W) in [0, 1].
        after: the same size.

    Returns:
        `share` of the pixels (0..1) that differ by more than `VISIBLE` in a channel, and the
        `largest` difference (0..1), 0 where every value is the same.
    """
    import numpy as np

    count, largest = 0, 0.0
    step = max(1, _BAND // before.shape[2])
    for top in range(0, before.shape[1], step):
        rows = slice(top, top + step)
        differences = np.abs(after[:, rows] - before[:, rows]).max(axis=0)
        count += int(np.count_nonzero(differences > VISIBLE))
        largest = max(largest, float(differences.max()))
    pixels = before.shape[1] * before.shape[2]
    # So small a difference that it would be rounded away is still one.
    shown = round(largest, 4) if largest > 1e-4 else largest
    return {"share": round(count / pixels, 4), "largest": shown}


def in_words(details: Mapping[str, object]) -> str:
    """One line on a picture: what was seen, what was run, what changed; "" where nothing is told.

    Args:
        details: of a restored picture.
    """
    parts: list[str] = []
    seen, steps, told = (details.get(key) for key in ("degradations", "steps", "change"))
    if isinstance(seen, Mapping):
        shares = cast("Mapping[str, float]", seen)
        likely = sorted(shares, key=shares.__getitem__, reverse=True)
        parts += [f"{name} {shares[name]:.2f}" for name in likely if shares[name] >= _WORTH_NAMING]
    if isinstance(steps, list) and seen is not None:
        names = cast("list[str]", steps)
        parts.append(f"ran {', '.join(names)}" if names else "ran nothing")
    if isinstance(told, Mapping):
        changed = cast("Mapping[str, float]", told)
        share = f"changed {100 * changed['share']:.0f} % of pixels by more than 2/255"
        parts.append("left as is" if changed["largest"] == 0.0 else share)
    return ", ".join(parts)
