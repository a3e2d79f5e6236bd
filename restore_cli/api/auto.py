"""`--task auto`: look at a picture, name what is wrong with it, and mend that."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor

from restore_cli.api.chain import Step, run_steps
from restore_cli.api.change import change
from restore_cli.engine.backend import TorchBackend
from restore_cli.engine.degradation_classifier import trained_classifier
from restore_cli.engine.device import choose_device
from restore_cli.engine.global_context import whole_of
from restore_cli.engine.restored import Restored
from restore_cli.engine.said import degradation
from restore_cli.engine.tiling import mirror, taken
from restore_cli.engine.windows import Pixels
from restore_cli.errors import RestoreError
from restore_cli.networks.base import Network
from restore_cli.networks.guided_unet import GuidedUNet

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

WINDOW = 256
"""px; side of the windows that are looked at, as in training."""
GRID = 3
"""At most this many windows along each side: looking at a large picture costs no more."""


def mended_from(name: str) -> float:
    """Confidence from which a degradation is mended, by its name."""
    return EARLIER.get(name, THRESHOLD)


class Looker:
    """Tells what is wrong with pictures, with how much confidence.

    Args:
        network: an all-in-one network that has learnt to tell degradations.
        device: see `Restorer`.

    Raises:
        RestoreError: the network tells none.
    """

    def __init__(self, network: Network, device: str = "auto") -> None:
        guided = isinstance(network, GuidedUNet)
        classifier = network.trained_classifier() if guided else trained_classifier(network)
        if classifier is None:
            raise RestoreError(
                "this model does not tell what is wrong with a picture",
                hint="the shipped model auto does: leave --model out",
            )
        self.device = choose_device(device)
        self._classifier, self._network = classifier, network.eval()
        self._backend = TorchBackend(network)

    def __call__(self, image: Pixels) -> dict[str, float]:
        """Confidence of each degradation (and of "clean") in (3, H, W); they sum to 1."""
        self._backend.move(self.device)
        seen: list[Pixels] = []
        with torch.inference_mode():
            context = self._backend.context(torch.from_numpy(whole_of(image)))
            for window in _windows(image, self._network.info.multiple):
                given = torch.from_numpy(window[None]).to(self.device)
                seen.append(self._told(given, context).float().cpu().numpy())
        return cast(
            "dict[str, float]",
            degradation(self._classifier.names, np.concatenate(seen))["degradations"],
        )

    def _told(self, window: Tensor, context: Tensor | None) -> Tensor:
        """How likely each degradation of a window (1, 3, h, w) is, (1, K)."""
        if isinstance(self._network, GuidedUNet):
            told = self._network.sources(self._network.global_context(window))
        else:
            told = self._backend(window, None, context, "fp32").degradations
        assert told is not None
        return told


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
        median = round(255 * float(torch.from_numpy(image).mean(dim=0).median()))
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


def _windows(image: Pixels, multiple: int) -> list[Pixels]:
    """Evenly spread windows (3, h, w) of a picture, padded by reflection to the multiple."""
    rows, columns = (mirror(size, multiple) for size in image.shape[1:])
    side = -(-WINDOW // multiple) * multiple
    return [
        taken(taken(image, rows[top : top + side], 1), columns[left : left + side], 2)
        for top in _starts(len(rows), side)
        for left in _starts(len(columns), side)
    ]


def _starts(length: int, side: int) -> list[int]:
    last = max(0, length - side)
    count = min(GRID, -(-length // side))
    return sorted({round(last * k / max(1, count - 1)) for k in range(count)})
