"""Accelerate, set up for one run: device, number format, trackers."""

import contextlib
import importlib.util
import os
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from restore_cli.engine.precision import bf16_pays_on_cpu
from restore_cli.errors import RestoreError
from restore_cli.recipe import Recipe
from restore_cli.training.board import FOLDER, Excuse
from restore_cli.training.hardware import hardware

_DEVICE_VARIABLE = "ACCELERATE_TORCH_DEVICE"


_PRECISION = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


def check_tensorboard() -> None:
    """Raise RestoreError where TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise RestoreError(
            "--tensorboard needs a package that is not installed",
            hint="pip install 'restore-cli[tensorboard]'",
        )


@contextlib.contextmanager
def accelerated(
    device: str,
    precision: str,
    *,
    board: Path | None,
    excused: Excuse = lambda _: contextlib.nullcontext(),
) -> Generator[Accelerator]:
    """Accelerate's own object, whose memory and trackers end with the block.

    Args:
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "fp32", "bf16" or "fp16".
        board: where to write TensorBoard events; None writes none.
        excused: notes that they cannot be written.

    Raises:
        RestoreError: the device does not compute in that format.
    """
    if device == "auto" and not torch.accelerator.is_available():
        # Said outright: left to themselves, processes that a launcher started on a machine without
        # accelerators would each train alone.
        device = "cpu"
    # One for the whole process: a run before this one may have been of another number format, and
    # has left the group of processes that shared it.
    AcceleratorState._reset_state(reset_partial_state=True)  # pyright: ignore
    try:
        with _named_device(device):
            accelerator = Accelerator(
                mixed_precision=_PRECISION[precision],
                cpu=device == "cpu",
                log_with=None if board is None else "tensorboard",
                project_dir=None if board is None else str(board),
            )
    except ValueError as error:
        raise RestoreError(
            f"cannot train with optim.precision = {precision!r} here: {error}",
            hint="--set optim.precision=fp32 runs anywhere",
        ) from error
    try:
        with _fast_kernels(), _tracking(accelerator, excused, enabled=board is not None):
            yield accelerator
    finally:
        accelerator.free_memory()


def choose_precision(recipe: Recipe, device: str, checkpoint: dict[str, Any] | None) -> str:
    """What "auto" means here; a run that goes on where it was keeps what it had."""
    asked = recipe.optim.precision
    on_cpu = device == "cpu" or not torch.accelerator.is_available()
    if asked == "fp16" and on_cpu:
        raise RestoreError(
            "optim.precision = 'fp16' needs a GPU", hint="--set optim.precision=fp32 runs anywhere"
        )
    if asked != "auto":
        return asked
    sittings = (checkpoint or {}).get("sittings")
    last = sittings[-1] if isinstance(sittings, list) and sittings else None
    if isinstance(last, dict) and last.get("hardware") == hardware():
        kept = str(last.get("precision"))
        if kept in _PRECISION:
            return kept
    if on_cpu:
        return "bf16" if bf16_pays_on_cpu() else "fp32"
    return "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "fp32"


@contextlib.contextmanager
def _fast_kernels() -> Generator[None]:
    """Let CUDA try out its convolutions, which pays as crops keep one size, and take TF32 there.

    Matrix products stay in fp32: in bf16 training those that are left in it are the losses',
    PAL's statistics and Stiefel's, which need its bits.
    """
    cudnn = torch.backends.cudnn
    before = (cudnn.benchmark, cudnn.allow_tf32)
    cudnn.benchmark, cudnn.allow_tf32 = True, True
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.allow_tf32 = before


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


@contextlib.contextmanager
def _tracking(accelerator: Accelerator, excused: Excuse, *, enabled: bool) -> Generator[None]:
    """Start and end Accelerate's trackers; an unended one can abort the process at exit."""
    with _quiet_writer() if enabled else contextlib.nullcontext():
        if enabled:
            with excused(FOLDER):
                accelerator.init_trackers(FOLDER)
        try:
            yield
        finally:
            with excused(FOLDER):
                accelerator.end_training()


@contextlib.contextmanager
def _quiet_writer() -> Generator[None]:
    """Let TensorBoard's thread end without a traceback: the next call raises what ended it."""
    before = threading.excepthook

    def tell(ended: threading.ExceptHookArgs) -> None:
        if not type(ended.thread).__module__.startswith("tensorboard."):
            before(ended)

    threading.excepthook = tell
    try:
        yield
    finally:
        threading.excepthook = before
