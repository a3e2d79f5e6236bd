"""Speed and mean loss between two reports."""

import math
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from restore_cli.recipe import Recipe
from restore_cli.training.state import State
from restore_cli.training.step import Outcome


@dataclass(frozen=True)
class Start:
    """How a sitting begins.

    Attributes:
        device: where it computes, e.g. "cpu" or "cuda:0".
        precision: number format of the networks.
        step: steps done before; above 0 it goes on.
        workers: processes that draw samples.
        input_psnr: of the unrestored validation pictures, dB; None without any.
        pictures: number of these.
    """

    device: str
    precision: str
    step: int
    workers: int
    input_psnr: float | None
    pictures: int


@dataclass
class Progress:
    """What a run reports after each logging interval.

    Attributes:
        step: steps done, of `steps`.
        loss: mean over the interval; NaN where no step in it had a finite one.
        seconds_left: at the interval's speed.
        validation_psnr: dB; None between validations.
        best_psnr: the best of these so far, dB, and after which step.
        by_source: validation_psnr of each named source of the validation pictures.
        skipped: steps left out so far.
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    images_per_second: float
    seconds_left: float
    validation_psnr: float | None = None
    skipped: int = 0
    best_psnr: float | None = None
    best_step: int | None = None
    by_source: dict[str, float] = field(default_factory=dict[str, float])


class Meter:
    """Collects losses and time; `read` closes an interval and `restart` opens the next."""

    def __init__(self, recipe: Recipe, processes: int) -> None:
        self._per_step = recipe.data.batch * recipe.optim.accumulate * processes
        self.restart()

    def restart(self) -> None:
        """Begin an interval: what happens between `read` and here counts for none."""
        self._losses: list[Tensor] = []
        self._earlier: list[float] = []
        self._steps = 0
        self._since = time.monotonic()

    @property
    def losses(self) -> list[float]:
        """Of the interval so far; a checkpoint keeps them."""
        now: list[float] = torch.stack(self._losses).tolist() if self._losses else []
        return self._earlier + now

    def resume(self, losses: list[float]) -> None:
        """Go on with an interval that another sitting began, so that its mean is the same."""
        self.restart()
        self._earlier = losses

    def add(self, loss: Tensor) -> None:
        """Count a step; its loss () stays on its device until somebody reads the interval."""
        self._steps += 1
        self._losses.append(loss)

    def read(self, state: State, *, rate: float, steps: int) -> Progress:
        """The interval so far, without a validation.

        Args:
            state: after its last step.
            rate: learning rate of that step.
            steps: how many there will be.
        """
        # Read first: what the device still computes belongs to the interval.
        losses = self.losses
        finite = [loss for loss in losses if math.isfinite(loss)]
        elapsed = max(1e-9, time.monotonic() - self._since)
        speed = self._per_step * max(1, self._steps) / elapsed
        return Progress(
            step=state.step,
            steps=steps,
            loss=sum(finite) / len(finite) if finite else math.nan,
            learning_rate=rate,
            images_per_second=speed,
            seconds_left=(steps - state.step) * self._per_step / speed,
            skipped=int(state.skipped),
        )


def csv_row(progress: Progress, outcome: Outcome, seconds: float) -> dict[str, Any]:
    """The row of metrics.csv for a report.

    Args:
        progress: the interval.
        outcome: its last step.
        seconds: of the whole run.
    """
    return {
        "step": progress.step,
        "loss": f"{progress.loss:.6g}",
        "terms": " ".join(f"{name}={float(value):.6g}" for name, value in outcome.terms.items()),
        "learning_rate": f"{progress.learning_rate:.6g}",
        "gradient_norm": f"{float(outcome.norm):.6g}",
        "images_per_second": f"{progress.images_per_second:.4g}",
        "seconds": f"{seconds:.1f}",
        "skipped": progress.skipped,
        "validation_psnr": progress.validation_psnr,
    }
