"""`--task auto`: look at a picture, name what is wrong with it, and mend that."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from restore_cli.api.chain import Step, run_steps
from restore_cli.api.change import change
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels

AUTO_RUNS: Literal["specialists", "network"] = "specialists"
"""What `--task auto` runs: the specialists for what was seen, or the all-in-one network, which is
always to be had with `--model auto`. The one place where this is decided."""

THRESHOLD = 0.7
"""Confidence from which a degradation is mended, 0..1."""

EARLIER = {"rain": 0.35, "haze": 0.5}
"""The same for those that are mended sooner: derain looks for itself, and leaves dry photos alone;
of what is at least half sure to be haze no clean photo was any (decision 099)."""

GRAIN = 0.2
"""Share of the pixels that denoising must visibly change (`api.change`) for what it takes away to
be noise. It decides where nothing was named: fine noise hides from a look at the picture, not from
the denoiser (decision 043)."""

DARK = 40
"""Median of the channels' mean, of 255, up to which it is asked of the specialist for low light
whether light lacks: its estimate tells a black subject from a dark exposure better than a look
does, which called a third of real dark exposures clean (decision 046)."""

LACKING = 0.5
"""Stops that it must find missing there."""

DIM = (64, 0.9)
"""Pictures that are brighter are lit up to this median, with this confidence in low light (noise
counts as well); brighter ones never are. A window of a night scene looks like too little light, and
to light what is meant to be dark is the worst that can be (decision 043)."""

SPECIALISTS = {
    "jpeg": "dejpeg",
    "noise": "denoise",
    "rain": "derain",
    "haze": "dehaze",
    "low light": "lowlight",
    "blur": "deblur",
}
"""Task for each degradation that the all-in-one network names, in the order in which they are run:
what came into the picture last goes first, and nothing is lit or sharpened before it is clean."""


def mended_from(name: str) -> float:
    """Confidence from which a degradation is mended, by its name."""
    return EARLIER.get(name, THRESHOLD)


class Auto:
    """Looks at each picture and runs the specialists for what it sees.

    Args:
        look: names degradations.
        specialist: makes the restorer of a task when it is first needed; None where there is no
            model for the task.
        threshold: confidence from which any degradation is mended; None takes `EARLIER` and, for
            those that are not in it, `THRESHOLD`.
        strength: 0 (the input) to 1 (the result).
    """

    def __init__(
        self,
        look: Callable[[Pixels], Mapping[str, float]],
        specialist: Callable[[str], Step | None],
        *,
        threshold: float | None = None,
        strength: float = 1.0,
    ) -> None:
        self._look, self._specialist = look, specialist
        self._strength = strength
        self._thresholds = {
            name: mended_from(name) if threshold is None else threshold for name in SPECIALISTS
        }

    def __call__(self, image: Pixels) -> Restored[Pixels]:
        """Restore (3, H, W); where nothing is wrong, the same picture comes back.

        Returns:
            The result; the details tell `degradation`, `degradations` and `steps`.
        """
        seen = self._look(image)
        tried: dict[str, Restored[Pixels]] = {}
        named = [name for name in SPECIALISTS if self._is_sure(name, seen, image, tried)]
        steps: list[Step] = []
        notes: list[str] = []
        for name in named:
            step = self._specialist(SPECIALISTS[name])
            if step is None:
                notes.append(f"{name} was seen, but no model for {SPECIALISTS[name]} is installed")
            elif not steps and name in tried:
                steps.append(_done(step, tried[name]))
            else:
                steps.append(step)
        restored = run_steps(steps, image, self._strength) if named else self._only_grain(image)
        said = {"degradation": max(seen, key=seen.__getitem__), "degradations": dict(seen)}
        return replace(
            restored,
            notes=(*notes, *restored.notes),
            details={**said, **restored.details},
        )

    def _is_sure(
        self,
        name: str,
        seen: Mapping[str, float],
        image: Pixels,
        tried: dict[str, Restored[Pixels]],
    ) -> bool:
        """Whether to mend it; what was computed to know that is put into `tried`."""
        share = seen.get(name, 0.0)
        if name != "low light":
            return share >= self._thresholds[name]
        share += seen.get("noise", 0.0)  # much of what is seen in the dark
        median = round(255 * _median(image.mean(axis=0)))
        if median > DARK:
            return median <= DIM[0] and share >= DIM[1]
        # What is surely something else is not lit as well.
        step = self._specialist(SPECIALISTS[name])
        if step is None or share + seen.get("clean", 0.0) < 0.5:
            return step is None and share >= self._thresholds[name]
        tried[name] = step.restore(image)
        level = tried[name].details.get("level")
        return isinstance(level, float) and level >= LACKING

    def _only_grain(self, image: Pixels) -> Restored[Pixels]:
        """A picture of which nothing was named: the denoiser says whether it has noise."""
        step = self._specialist(SPECIALISTS["noise"])
        if step is not None:
            tried = step.restore(image)
            if change(image, tried.image)["share"] >= GRAIN:
                return run_steps([_done(step, tried)], image, self._strength)
        return run_steps([], image)


def _done(step: Step, restored: Restored[Pixels]) -> Step:
    """The step that has been computed already."""
    return Step(step.name, lambda _: restored)


def _median(values: Pixels) -> float:
    """The middle value; of two the lower one."""
    middle = (values.size - 1) // 2
    return float(np.partition(values, middle, axis=None)[middle])
