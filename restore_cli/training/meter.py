"""Speed and mean loss between two reports."""

import math
import time
from dataclasses import dataclass
from typing import Any

from restore_cli.recipe import Recipe
from restore_cli.training.optim import learning_rate
from restore_cli.training.state import State
from restore_cli.training.step import Outcome


@dataclass
class Progress:
    """What a run reports after each logging interval.

    Attributes:
        step: steps done, of `steps`.
        loss: mean over the interval; NaN where no step in it had a finite one.
        seconds_left: at the interval's speed.
        validation_psnr: dB; None between validations.
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


class Meter:
    """Collects losses and time; `read` closes an interval and `restart` opens the next."""

    def __init__(self, recipe: Recipe, processes: int) -> None:
        self._recipe = recipe
        self._per_step = recipe.data.batch * recipe.optim.accumulate * processes
        self.restart()

    def restart(self) -> None:
        """Begin an interval: what happens between `read` and here counts for none."""
        self._losses: list[float] = []
        self._steps = 0
        self._since = time.monotonic()

    def add(self, loss: float) -> None:
        """Count a step; a loss that is not finite stays out of the mean."""
        self._steps += 1
        if math.isfinite(loss):
            self._losses.append(loss)

    def read(self, state: State) -> Progress:
        """The interval so far, without a validation."""
        elapsed = max(1e-9, time.monotonic() - self._since)
        speed = self._per_step * max(1, self._steps) / elapsed
        steps = self._recipe.optim.steps
        return Progress(
            step=state.step,
            steps=steps,
            loss=sum(self._losses) / len(self._losses) if self._losses else math.nan,
            learning_rate=learning_rate(state.step - 1, self._recipe.optim),
            images_per_second=speed,
            seconds_left=(steps - state.step) * self._per_step / speed,
            skipped=state.skipped,
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
        "terms": " ".join(f"{name}={value:.6g}" for name, value in outcome.terms.items()),
        "learning_rate": f"{progress.learning_rate:.6g}",
        "gradient_norm": f"{outcome.norm:.6g}",
        "images_per_second": f"{progress.images_per_second:.4g}",
        "seconds": f"{seconds:.1f}",
        "skipped": progress.skipped,
        "validation_psnr": progress.validation_psnr,
    }
