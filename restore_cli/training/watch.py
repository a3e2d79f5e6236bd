"""What is done beside the steps: measuring, logging, saving, each when it is due."""

import time
from collections.abc import Callable
from dataclasses import replace

from accelerate import Accelerator

from restore_cli.data.sample import Sample
from restore_cli.engine.device import Precision
from restore_cli.recipe import Recipe
from restore_cli.training.best import BEST, Best, best_of, keep_best
from restore_cli.training.board import Board
from restore_cli.training.meter import Meter, Progress, csv_row
from restore_cli.training.runs import Run
from restore_cli.training.schedule import Keeps, Schedule
from restore_cli.training.state import State, snapshot
from restore_cli.training.step import Outcome
from restore_cli.training.validation import validate

Report = Callable[[Progress], None]

FORMATS: dict[str, Precision] = {"no": "fp32", "bf16": "bf16", "fp16": "fp16"}
"""Number formats by the names that Accelerate gives them."""


class Watch:
    """What the main process does beside the steps: measure, log, save.

    Attributes:
        pairs: what is measured on.
        shown: training samples to look at where there is nothing to measure on.
        inputs: PSNR of the unrestored inputs, dB.
        measured: PSNR of the averaged weights when they were last measured, dB.
        measured_at: and after which step.
        measuring: seconds that it took.
        best: the best of the measured weights.
    """

    def __init__(self, recipe: Recipe, run: Run, accelerator: Accelerator, report: Report) -> None:
        self._recipe, self._run, self._accelerator = recipe, run, accelerator
        self._report = report
        self._meter = Meter(recipe, accelerator.num_processes)
        self._saved = time.monotonic()
        self.pairs: list[Sample] = []
        self.shown: list[Sample] = []
        self.best: Best | None = None
        self._kept = True
        self._by_source: dict[str, float] = {}
        self._board = Board(accelerator, run.excused)
        self.inputs: float | None = None
        self.measured: float | None = None
        self.measured_at: int | None = None
        self.measuring = 0.0

    def after_step(self, state: State, outcome: Outcome, schedule: Schedule, rate: float) -> None:
        """Report, measure and save, each when it is due."""
        self._meter.add(outcome.loss)
        log = self._recipe.log
        # While a run by the clock cools down, only what ends it is worth its time.
        free = state.step % log.validate_every == 0 and schedule.keeps != "nothing"
        due = state.step == self._recipe.optim.steps or free
        if due or state.step % log.every == 0:
            progress = self._meter.read(state, rate=rate, steps=schedule.total(state.step))
            if due:
                self.measure(state)
                progress = replace(
                    progress, validation_psnr=self.measured, by_source=self._by_source
                )
            if self.best is not None:
                progress = replace(progress, best_psnr=self.best.psnr, best_step=self.best.step)
            row = csv_row(progress, outcome, state.clock.seconds)
            self._run.log(row | {"input_psnr": self.inputs if due else None})
            self._board.numbers(progress, outcome)
            self._report(progress)
            self._meter.restart()
        if time.monotonic() - self._saved > 60 * log.checkpoint_minutes:
            self.save(state, schedule.keeps)

    def resume(self, losses: list[float]) -> None:
        """Go on with the interval in which the checkpoint was saved."""
        self._meter.resume(losses)

    def save(self, state: State, kind: Keeps) -> None:
        """Keep the state as what it is good for."""
        self._keep_best()
        if kind != "nothing":
            kept = snapshot(state, self._accelerator) | {"losses": self._meter.losses}
            self._run.save_checkpoint(kept, trunk=kind == "trunk")
        self._saved = time.monotonic()

    def _keep_best(self) -> None:
        """Write the best weights, unless they are; what had no room is tried again."""
        if self.best is not None and not self._kept:
            with self._run.excused(BEST):
                keep_best(self._run.folder, self.best)
                self._kept = True

    def _named(self, by_source: dict[int, float]) -> dict[str, float]:
        data = self._recipe.data
        entries = data.validation or data.simulated
        names = list(dict.fromkeys(e.source for e in entries if e.source is not None))
        return {names[label]: value for label, value in by_source.items()} if self.pairs else {}

    def measure(self, state: State) -> None:
        """PSNR of the averaged weights, dB; also writes sample pictures."""
        start = time.monotonic()
        found = validate(
            state.average,
            self.pairs or self.shown,
            samples=self._recipe.log.samples,
            device=self._accelerator.device,
            precision=FORMATS[self._accelerator.mixed_precision],
        )
        self._run.save_samples(state.step, found.rows)
        self._board.pictures(found.rows, state.step)
        self.measured, self.measured_at = found.psnr if self.pairs else None, state.step
        self._by_source = self._named(found.by_source)
        better = self.best is None or (self.measured or 0.0) > self.best.psnr
        if self.measured is not None and state.step and better:
            self.best = best_of(state.average, step=state.step, psnr=self.measured)
            self._kept = False
            self._keep_best()
        self.measuring = time.monotonic() - start
