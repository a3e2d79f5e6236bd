"""The one training loop: it knows steps, not methods."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch.utils.data import DataLoader

from restore_cli.data.begun import BegunBatch
from restore_cli.data.loader import Stream, training_loader
from restore_cli.data.sample import Batch
from restore_cli.data.source import Source, build_source, validation_pairs
from restore_cli.errors import RestoreError
from restore_cli.methods import OBJECTIVES
from restore_cli.networks import NETWORKS
from restore_cli.networks.admission import bounded
from restore_cli.networks.base import Network
from restore_cli.recipe import Recipe, construct
from restore_cli.training.accelerating import accelerated, check_tensorboard, choose_precision
from restore_cli.training.best import Best, load_best
from restore_cli.training.compiling import compile_networks
from restore_cli.training.hardware import hardware
from restore_cli.training.initial import load_initial
from restore_cli.training.interrupt import StopRequest, interrupts_noted
from restore_cli.training.meter import Start
from restore_cli.training.refusals import check_fit
from restore_cli.training.runs import Run
from restore_cli.training.schedule import ByClock, BySteps, Schedule, since_start
from restore_cli.training.state import Sitting, State, begin, restore
from restore_cli.training.step import take_step
from restore_cli.training.validation import input_psnr
from restore_cli.training.watch import Report, Watch

_AFTER_TRAINING = (
    300  # batches, beyond those of training, that the averaged weights are measured on
)
_EXPORT_SECONDS = 3.0  # for writing the model, and for the interpreter to end
_FOR_EVER = 2**40  # steps of a run that ends by the clock


@dataclass
class Trained:
    """What a run leaves.

    Attributes:
        network: the averaged (EMA) weights, on the CPU, in eval mode.
        recipe: what was done: of a run by the clock with its steps and its cooldown.
        seconds: wall-clock time of all parts of the run.
        validation_psnr: dB over the recipe's validation pairs; None where it has none.
        input_psnr: dB of the unrestored inputs there.
        steps: steps done.
        skipped: steps left out for a non-finite loss or gradient.
        sittings: its parts, each with machine, precision and batch.
        best: the best of the measured weights; None without validation pairs.
    """

    network: Network
    recipe: Recipe
    seconds: float
    validation_psnr: float | None
    input_psnr: float | None
    steps: int
    skipped: int
    sittings: list[Sitting]
    best: Best | None = None

    @property
    def hardware(self) -> str:
        """The machines that it ran on, each with its number format, in words."""
        words = dict.fromkeys(f"{s.hardware}, {s.precision}" for s in self.sittings)
        return " and ".join(words)


def train(
    recipe: Recipe,
    run: Run,
    *,
    device: str = "auto",
    seconds: float | None = None,
    report: Report = lambda _: None,
    on_start: Callable[[Start], None] = lambda _: None,
    tensorboard: bool = False,
) -> Trained:
    """Train until `recipe.optim.steps`, or until the time is over, going on from a checkpoint.

    Interrupting (Ctrl-C, SIGTERM) finishes the step, saves a checkpoint and raises
    KeyboardInterrupt. A step whose loss or gradient is not finite is left out.

    Args:
        recipe: what to train.
        run: where to keep it.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps"; with several processes leave it to them.
        seconds: from the start of this process to the exported model. The rate is constant, then
            cools down; the state before that, the trunk, stays in the run, and the next run by
            the clock goes on from it. None trains the recipe's steps.
        on_start: called before the first step, on the main process.
        report: called after each logging interval, on the main process.
        tensorboard: also write TensorBoard events (needs the extra [tensorboard]).

    Raises:
        RestoreError: unfit data, unknown names in the recipe, a precision or an extra that this
            machine lacks, too little time, or ten non-finite steps in a row.
    """
    if tensorboard:
        check_tensorboard()
    checkpoint = run.load_checkpoint(trunk=seconds is not None)
    precision = choose_precision(recipe, device, checkpoint)
    board = run.folder if tensorboard else None
    with accelerated(device, precision, board=board, excused=run.excused) as accelerator:
        fit = _Fit(recipe, run, accelerator, report, precision=precision, seconds=seconds)
        return fit.train(checkpoint, on_start)


class _Fit:
    """One sitting of a run."""

    def __init__(
        self,
        recipe: Recipe,
        run: Run,
        accelerator: Accelerator,
        report: Report,
        *,
        precision: str,
        seconds: float | None,
    ) -> None:
        self._run, self._accelerator, self._precision = run, accelerator, precision
        endless = recipe.optim.model_copy(update={"steps": _FOR_EVER})
        self._recipe = recipe if seconds is None else recipe.model_copy(update={"optim": endless})
        self._watch = Watch(self._recipe, run, accelerator, report)
        self._after = 0.0
        self._schedule: Schedule = BySteps(recipe.optim)
        if seconds is not None:
            self._schedule = ByClock(
                recipe.optim,
                seconds=seconds,
                tail=self._tail,
                clock=since_start,
                after=lambda: self._after,
            )

    def train(
        self, checkpoint: dict[str, Any] | None, on_start: Callable[[Start], None]
    ) -> Trained:
        """Build all that is needed, train, and measure."""
        recipe, accelerator, watch = self._recipe, self._accelerator, self._watch
        torch.manual_seed(recipe.optim.seed)
        with bounded():
            network = construct(recipe.network, NETWORKS, section="network")
        if checkpoint is None:
            load_initial(network, recipe.network)
        with bounded():
            objective = construct(recipe.objective, OBJECTIVES, network, section="objective")
        objective.on_fit_start(recipe.data)
        self._after = objective.steps_after
        smallest = check_fit(recipe, network, objective)
        source = build_source(recipe.data)
        if recipe.optim.compile:
            compile_networks(objective, partial(self._run.problems.__setitem__, "torch.compile"))
        state = begin(objective, recipe, accelerator)
        if checkpoint is not None:
            restore(state, checkpoint, accelerator, source=self._run.folder)
            watch.resume(_losses(checkpoint))
        if state.step < recipe.optim.steps:
            self._note_sitting(state)
        loader = training_loader(
            source,
            recipe,
            first_step=state.step,
            rank=accelerator.process_index,
            processes=accelerator.num_processes,
            device=accelerator.device.type,
        )
        if accelerator.is_main_process:
            watch.pairs = validation_pairs(recipe.data, smallest=smallest)
            self._begin(state, source, loader, on_start)
        with closing(_on_device(loader, accelerator)) as batches:
            self._steps(state, batches)
        if accelerator.is_main_process:
            if watch.measured_at != state.step:
                watch.measure(state)
            more = training_loader(source, recipe, first_step=state.step, beyond=_AFTER_TRAINING)
            with closing(_on_device(more, accelerator)) as batches:
                objective.on_train_end(state.average, batches)
        accelerator.wait_for_everyone()
        return Trained(
            network=state.average.cpu().eval(),
            recipe=self._schedule.done(recipe, state.step),
            seconds=state.clock.seconds,
            validation_psnr=watch.measured,
            input_psnr=watch.inputs,
            steps=state.step,
            skipped=int(state.skipped),
            sittings=state.sittings,
            best=watch.best,
        )

    def _begin(
        self,
        state: State,
        source: Source,
        loader: DataLoader[Any],
        on_start: Callable[[Start], None],
    ) -> None:
        """Say where it stands before the first step, and measure what comes in."""
        watch = self._watch
        watch.inputs = input_psnr(watch.pairs)
        if not watch.pairs:
            stream = Stream(source, seed=self._recipe.optim.seed)
            watch.shown = [stream[index] for index in range(self._recipe.log.samples)]
        watch.best = load_best(self._run.folder, step=state.step)
        self._run.trim_metrics(state.step)
        on_start(self._start(state.step, loader))
        if isinstance(self._schedule, ByClock):
            watch.measure(state)  # how long it takes decides when the steps must end

    def _start(self, step: int, loader: DataLoader[Any]) -> Start:
        return Start(
            device=str(self._accelerator.device),
            precision=self._precision,
            step=step,
            workers=loader.num_workers,
            input_psnr=self._watch.inputs,
            pictures=len(self._watch.pairs),
        )

    def _steps(self, state: State, batches: Iterator[Batch]) -> None:
        """Train until the schedule ends or somebody asks to stop, and save."""
        schedule, main = self._schedule, self._accelerator.is_main_process
        kept = schedule.keeps
        with interrupts_noted() as request:
            while not (ended := self._ended(state.step)) and not self._should_stop(request):
                if main and schedule.keeps != kept:
                    self._watch.save(state, kept)  # the trunk, as the cooldown begins
                kept = schedule.keeps
                rate = schedule.rate(state.step)
                try:
                    outcome = take_step(state, self._recipe, self._accelerator, batches, rate=rate)
                except RestoreError:
                    if main:  # steps that are left out change no weight: nothing is lost
                        self._watch.save(state, schedule.keeps)
                    raise
                if main:
                    self._watch.after_step(state, outcome, schedule, rate)
            if main:
                self._watch.save(state, schedule.keeps)
        if not ended:
            raise KeyboardInterrupt

    def _ended(self, step: int) -> bool:
        """Whether the steps are all; every process goes by the first one's clock."""
        ended = self._schedule.finished(step)
        if self._accelerator.num_processes > 1 and isinstance(self._schedule, ByClock):
            plan: list[Any] = [ended, self._schedule.knots]
            ended, self._schedule.knots = broadcast_object_list(plan)
        return ended

    def _should_stop(self, request: StopRequest) -> bool:
        """Whether any process was asked to stop: all of them stop after the same step."""
        if self._accelerator.num_processes == 1:
            return request.stop
        if request.stop:
            self._accelerator.set_trigger()
        return self._accelerator.check_trigger()

    def _note_sitting(self, state: State) -> None:
        """Note where and how the run goes on, unless that is as before."""
        data, processes = self._recipe.data, self._accelerator.num_processes
        now = Sitting(
            hardware=hardware(),
            precision=self._precision,
            batch=data.batch * processes * self._recipe.optim.accumulate,
            crop=data.crop,
            start=state.step,
        )
        last = state.sittings[-1] if state.sittings else None
        if last is None or replace(last, start=state.step) != now:
            state.sittings.append(now)

    def _tail(self) -> float:
        """Seconds that measuring and exporting will take."""
        return _EXPORT_SECONDS + self._watch.measuring


def _losses(checkpoint: dict[str, Any]) -> list[float]:
    """Of the interval in which the checkpoint was saved; older ones have none."""
    kept = checkpoint.get("losses")
    given = cast("list[object]", kept) if isinstance(kept, list) else []
    return [float(loss) for loss in given if isinstance(loss, int | float)]


def _on_device(loader: DataLoader[Any], accelerator: Accelerator) -> Generator[Batch]:
    """The batches; closing it ends the loader's processes.

    They are deaf to SIGTERM (`data.loader`), with which Python would end them, and then wait: those
    that an error leaves to the end of the interpreter would keep it for ever.
    """
    for batch in loader:
        yield cast("Batch | BegunBatch", batch).to(accelerator.device)
