"""The training loop on the tiny recipe."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from restore_cli.recipe import Recipe
from restore_cli.training import loop
from restore_cli.training.loop import Trained
from restore_cli.training.meter import Progress
from restore_cli.training.runs import Run

Parse = Callable[..., Recipe]
Train = Callable[..., Trained]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def train(parse: Parse) -> Train:
    """Trains the tiny recipe in a folder on the CPU; it is interrupted after the step `stop`."""

    def tiny(
        folder: Path, *changes: str, stop: int | None = None, seconds: float | None = None
    ) -> Trained:
        recipe = parse(*changes, *(["log.every=1"] if stop else []))

        def report(progress: Progress) -> None:
            if progress.step == stop:
                signal.raise_signal(signal.SIGINT)

        run = Run(folder, recipe, resume=True)
        return loop.train(recipe, run, device="cpu", seconds=seconds, report=report)

    return tiny
