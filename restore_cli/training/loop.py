"""The one training loop: it knows turns, not methods."""

import contextlib
import importlib.util
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from restore_cli.data.mixed import training_source, validation_pairs
from restore_cli.data.pairs import training_loader
from restore_cli.errors import RestoreError
from restore_cli.methods import OBJECTIVES, Objective
from restore_cli.methods.base import KnowsSources
from restore_cli.networks import NETWORKS
from restore_cli.recipe import Recipe, construct
from restore_cli.training.interrupt import Wish, interrupts_noted
from restore_cli.training.meter import Meter, Progress, csv_row
from restore_cli.training.runs import Run, hardware
from restore_cli.training.state import State, begin, restore, snapshot
from restore_cli.training.step import Outcome, take_step
from restore_cli.training.validation import input_psnr, validate

_DEVICE_VARIABLE = "ACCELERATE_TORCH_DEVICE"
_PRECISION = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
_SETTLING = 100  # batches, beyond those of training, that the averaged weights are measured on

Report = Callable[[Progress], None]


@dataclass
class Trained:
    """What a run leaves.

    Attributes:
        network: the averaged (EMA) weights, on the CPU, in eval mode.
        seconds: wall-clock time of all parts of the run.
        validation_psnr: dB over the recipe's validation pairs; None where it has none.
        input_psnr: dB of the unrestored inputs there.
        steps: steps done.
        skipped: steps left out for a non-finite loss or gradient.
        hardware: the machines that it ran on, in words.
    """

    network: nn.Module
    seconds: float
    validation_psnr: float | None
    input_psnr: float | None
    steps: int
    skipped: int
    hardware: str


def train(
    recipe: Recipe,
    run: Run,
    *,
    device: str = "auto",
    report: Report = lambda _: None,
    tensorboard: bool = False,
) -> Trained:
    """Train until `recipe.optim.steps`, going on from the run's checkpoint where there is one.

    Interrupting (Ctrl-C, SIGTERM) finishes the step, saves a checkpoint and raises
    KeyboardInterrupt. A step whose loss or gradient is not finite is left out.

    Args:
        recipe: what to train.
        run: where to keep it.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps"; with several processes leave it to them.
        report: called after each logging interval, on the main process.
        tensorboard: also write TensorBoard events (needs the extra [tensorboard]).

    Raises:
        RestoreError: unfit data, unknown names in the recipe, a precision or an extra that this
            machine lacks, or ten non-finite steps in a row.
    """
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise RestoreError(
            "--tensorboard needs a package that is not installed",
            hint="pip install 'restore-cli[tensorboard]'",
        )
    if recipe.optim.precision == "fp16" and (device == "cpu" or not _has_accelerator()):
        raise RestoreError(
            "optim.precision = 'fp16' needs a GPU", hint="--set optim.precision=fp32 runs anywhere"
        )
    try:
        with _named_device(device):
            accelerator = Accelerator(
                mixed_precision=_PRECISION[recipe.optim.precision],
                cpu=device == "cpu",
                log_with="tensorboard" if tensorboard else None,
                project_dir=str(run.folder) if tensorboard else None,
            )
    except ValueError as error:
        raise RestoreError(
            f"cannot train with optim.precision = {recipe.optim.precision!r} here: {error}",
            hint="--set optim.precision=fp32 runs anywhere",
        ) from error
    try:
        with _tracking(accelerator, enabled=tensorboard):
            return _train(recipe, run, accelerator, report)
    finally:
        accelerator.free_memory()


def _train(recipe: Recipe, run: Run, accelerator: Accelerator, report: Report) -> Trained:
    torch.manual_seed(recipe.optim.seed)
    network = construct(recipe.network, NETWORKS, section="network")
    objective = construct(recipe.objective, OBJECTIVES, network, section="objective")
    if isinstance(objective, KnowsSources):
        objective.meet(recipe.data.sources)
    smallest = _check_fit(recipe, network, objective)
    source = training_source(recipe)
    state = begin(objective, recipe, accelerator)
    checkpoint = run.load_checkpoint()
    if checkpoint is not None:
        restore(state, checkpoint, accelerator)
    if state.step < recipe.optim.steps and hardware() not in state.hardware:
        state.hardware.append(hardware())
    main = accelerator.is_main_process
    watch = _Watch(recipe, run, accelerator, report)
    if main:
        watch.pairs = validation_pairs(recipe, smallest=smallest)
        watch.inputs = input_psnr(watch.pairs)
        run.trim_metrics(state.step)
    loader = training_loader(
        source,
        recipe,
        first_step=state.step,
        rank=accelerator.process_index,
        processes=accelerator.num_processes,
    )
    batches = _on_device(loader, accelerator)
    with interrupts_noted() as wish:
        while state.step < recipe.optim.steps and not _should_stop(wish, accelerator):
            outcome = take_step(state, recipe, accelerator, batches)
            if main:
                watch.after_step(state, outcome)
        if main:
            run.save_checkpoint(snapshot(state, accelerator))
    if state.step < recipe.optim.steps:
        raise KeyboardInterrupt
    if main and watch.measured is None:
        watch.measure(state)
    if main and isinstance(objective, KnowsSources):
        last = recipe.optim.steps
        more = training_loader(source, recipe, first_step=last, beyond=_SETTLING)
        objective.settle(state.average, _on_device(more, accelerator))
    accelerator.wait_for_everyone()
    return Trained(
        network=state.average.cpu().eval(),
        seconds=state.clock.seconds,
        validation_psnr=watch.measured,
        input_psnr=watch.inputs,
        steps=state.step,
        skipped=state.skipped,
        hardware=" and ".join(state.hardware),
    )


def _on_device(
    loader: Iterable[dict[str, Tensor]], accelerator: Accelerator
) -> Iterator[dict[str, Tensor]]:
    for batch in loader:
        yield {k: v.to(accelerator.device) for k, v in batch.items()}


class _Watch:
    """What the main process does beside the steps: measure, log, save."""

    def __init__(self, recipe: Recipe, run: Run, accelerator: Accelerator, report: Report) -> None:
        self._recipe, self._run, self._accelerator = recipe, run, accelerator
        self._report = report
        self._meter = Meter(recipe, accelerator.num_processes)
        self._saved = time.monotonic()
        self.pairs: list[dict[str, Tensor]] = []
        self.inputs: float | None = None
        self.measured: float | None = None

    def after_step(self, state: State, outcome: Outcome) -> None:
        """Report, measure and save, each when it is due."""
        self._meter.add(outcome.loss)
        log = self._recipe.log
        due = state.step == self._recipe.optim.steps or state.step % log.validate_every == 0
        if due or state.step % log.every == 0:
            progress = self._meter.read(state)
            if due:
                self.measure(state)
                progress = replace(progress, validation_psnr=self.measured)
            row = csv_row(progress, outcome, state.clock.seconds)
            self._run.log(row | {"input_psnr": self.inputs if due else None})
            self._accelerator.log({"loss": progress.loss, "lr": progress.learning_rate}, state.step)
            self._report(progress)
            self._meter.restart()
        if time.monotonic() - self._saved > 60 * log.checkpoint_minutes:
            self._run.save_checkpoint(snapshot(state, self._accelerator))
            self._saved = time.monotonic()

    def measure(self, state: State) -> None:
        """PSNR of the averaged weights, dB; also writes sample pictures."""
        found = validate(
            state.average,
            self.pairs,
            samples=self._recipe.log.samples,
            device=self._accelerator.device,
        )
        self._run.save_samples(state.step, found.rows)
        self.measured = found.psnr


@contextlib.contextmanager
def _named_device(device: str) -> Generator[None]:
    """Let Accelerate take this device, which it reads from the environment."""
    before = os.environ.get(_DEVICE_VARIABLE)
    if device not in ("auto", "cpu"):
        os.environ[_DEVICE_VARIABLE] = device
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_DEVICE_VARIABLE, None)
        else:
            os.environ[_DEVICE_VARIABLE] = before


def _has_accelerator() -> bool:
    return torch.accelerator.is_available()


def _check_fit(recipe: Recipe, network: nn.Module, objective: Objective) -> int:
    """Refuse what would fail in the first step; returns the least side of a picture, px."""
    if recipe.optim.accumulate > 1 and not objective.single_turn:
        raise RestoreError(
            f"objective {recipe.objective.name!r} takes several turns a batch:"
            " optim.accumulate must be 1",
            hint="raise data.batch instead",
        )
    if recipe.data.unpaired and objective.needs_pairs:
        raise RestoreError(
            f"objective {recipe.objective.name!r} needs pairs, and data.unpaired draws none",
            hint="objective.name = 'cut' or 'odcr' learns without, or --set data.unpaired=false",
        )
    share = recipe.data.paired_share
    if share is not None and share < 1 and objective.needs_pairs:
        raise RestoreError(
            f"objective {recipe.objective.name!r} needs pairs, and with data.paired_share = {share}"
            " there are others",
            hint="objective.name = 'eguot' learns from both, or --set data.paired_share=1.0",
        )
    multiple = int(getattr(network, "multiple", 1))
    if recipe.data.crop % multiple:
        raise RestoreError(
            f"data.crop = {recipe.data.crop} is not a multiple of {multiple},"
            f" which the network {recipe.network.name!r} needs",
            hint=f"for example --set data.crop={multiple * (recipe.data.crop // multiple + 1)}",
        )
    if recipe.data.validation_crop < multiple:
        raise RestoreError(
            f"data.validation_crop = {recipe.data.validation_crop} is less than the {multiple} px"
            f" that the network {recipe.network.name!r} needs"
        )
    return multiple


def _should_stop(wish: Wish, accelerator: Accelerator) -> bool:
    """Whether any process was asked to stop: all of them stop after the same step."""
    if accelerator.num_processes == 1:
        return wish.stop
    if wish.stop:
        accelerator.set_trigger()
    return accelerator.check_trigger()


@contextlib.contextmanager
def _tracking(accelerator: Accelerator, *, enabled: bool) -> Generator[None]:
    """Start and end Accelerate's trackers; an unended one can abort the process at exit."""
    if enabled:
        accelerator.init_trackers("tensorboard")
    try:
        yield
    finally:
        accelerator.end_training()
