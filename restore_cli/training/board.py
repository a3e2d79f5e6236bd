"""What TensorBoard shows of a run, where it was asked for."""

import contextlib
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager
from typing import cast

import torch
from accelerate import Accelerator
from accelerate.tracking import TensorBoardTracker

from restore_cli.training.meter import Progress
from restore_cli.training.step import Outcome
from restore_cli.training.validation import Row

FOLDER = "tensorboard"
"""In the run folder."""

Excuse = Callable[[str], AbstractContextManager[None]]


class Board:
    """Numbers and pictures for TensorBoard; without it, nothing happens.

    Args:
        accelerator: whose trackers the run has started, if any.
        excused: notes what cannot be written (a full disk); after that, nothing more is shown.
    """

    def __init__(self, accelerator: Accelerator, excused: Excuse) -> None:
        self._accelerator = accelerator
        self._excused = excused
        self._lost = False

    def numbers(self, progress: Progress, outcome: Outcome) -> None:
        """Loss and its parts, learning rate, gradient norm, speed, and what was measured."""
        board = self._tracker()
        if board is None:
            return
        shown: dict[str, float | None] = {
            "loss": progress.loss,
            "learning rate": progress.learning_rate,
            "gradient norm": float(outcome.norm),
            "images per second": progress.images_per_second,
            "validation/PSNR": progress.validation_psnr,
        }
        shown |= {f"loss/{name}": float(value) for name, value in outcome.terms.items()}
        shown |= {f"validation/{name}": value for name, value in progress.by_source.items()}
        known: Mapping[str, float] = {k: v for k, v in shown.items() if v is not None}
        with self._told():
            board.log(dict(known), step=progress.step)

    def pictures(self, rows: list[Row], step: int) -> None:
        """A picture for each row: input, output and target side by side."""
        board = self._tracker()
        if board is None:
            return
        with self._told():
            for number, row in enumerate(rows):
                sheet = torch.cat([picture.clamp(0, 1) for picture in row], dim=2)
                picture = sheet[None].permute(0, 2, 3, 1).numpy()
                board.log_images({f"samples/{number}": picture}, step, dataformats="NHWC")

    @contextlib.contextmanager
    def _told(self) -> Generator[None]:
        with self._excused(FOLDER):
            lost, self._lost = self._lost, True
            yield
            self._lost = lost

    def _tracker(self) -> TensorBoardTracker | None:
        if self._lost:
            return None
        found = [t for t in self._accelerator.trackers if t.name == "tensorboard"]
        return cast("TensorBoardTracker", found[0]) if found else None
