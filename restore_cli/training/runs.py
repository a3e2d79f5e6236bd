"""The run folder: recipe, checkpoint, trunk, metrics.csv, sample pictures, TensorBoard."""

import contextlib
import csv
import errno
import io
import os
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.folders import make_folder
from restore_cli.images.atomic import open_atomically, write_atomically
from restore_cli.images.picture import Picture
from restore_cli.models.weighing import admit_weights
from restore_cli.recipe import Recipe
from restore_cli.small_file import read_small

_COLUMNS: tuple[str, ...] = (
    "step", "loss", "terms", "learning_rate", "gradient_norm", "images_per_second", "seconds",
    "skipped", "validation_psnr", "input_psnr",
)  # fmt: skip

_LOG_BYTES = 2**28  # a row has some 150

_MAY_CHANGE = (
    "steps", "cooldown", "cooldown_share", "decay", "root", "workers", "precision", "compile",
)  # fmt: skip
"""What a run may change on its way: how long it is, and where it runs."""

_TRUNK_MAY_CHANGE = ("batch", "crop", "lr", "ema")
"""And what one that goes on from a trunk may: a GPU takes more at a time, crops may grow. Its
sittings say what was when."""


class Run:
    """A folder that one training run owns.

    Args:
        folder: made where it is missing.
        recipe: what runs; kept as recipe.toml. One there that its author wrote is not replaced.
        resume: go on from a checkpoint that lies there; otherwise such a folder is refused.

    Attributes:
        problems: what could not be written beside the checkpoint, or compiled, in words.

    Raises:
        RestoreError: the folder holds another recipe's run, or a run that `resume` = False would
            overwrite; or it cannot be written.
    """

    def __init__(self, folder: Path, recipe: Recipe, *, resume: bool) -> None:
        self.folder, self.recipe = folder, recipe
        self.checkpoint_path = folder / "checkpoint.pt"
        self.trunk_path = folder / "trunk.pt"
        begun = self.checkpoint_path.exists() or self.trunk_path.exists()
        if begun and not resume:
            raise RestoreError(
                f"{folder} already holds a run",
                hint="leave out --no-resume to go on with it, or give another folder with -o",
            )
        kept = folder / "recipe.toml"
        if begun and kept.exists():  # a state from elsewhere may have come without
            _check_same(Recipe.load(kept), recipe, folder, trunk=self.trunk_path.exists())
        try:
            make_folder(folder)
        except OSError as error:
            raise RestoreError(
                f"cannot write the run folder {folder}: {error.strerror or error}",
                hint="give another folder with -o",
            ) from error
        self.problems: dict[str, str] = {}
        self._rows: list[str] = []
        self._trim: int | None = None
        text = recipe.dump()
        if not (kept.is_file() and _says(kept, text)):
            if not begun:
                _check_spared(kept)
            write_atomically(kept, text.encode())

    def load_checkpoint(self, *, trunk: bool = False) -> dict[str, Any] | None:
        """The last checkpoint, tensors on the CPU; None where there is none.

        Args:
            trunk: prefer the state before a cooldown, which a run by the clock goes on from; the
                other kind serves where only that is there.

        Raises:
            RestoreError: it cannot be read.
        """
        order = [self.checkpoint_path, self.trunk_path]
        there = [path for path in (reversed(order) if trunk else order) if path.exists()]
        if not there:
            return None
        try:
            admit_weights(there[0])
            loaded = torch.load(there[0], map_location="cpu", weights_only=True)
        except RestoreError:
            raise
        except Exception as error:
            raise RestoreError(
                f"cannot read the checkpoint {there[0]}: {error}",
                hint="delete it to start this run again",
            ) from error
        if not isinstance(loaded, dict):
            raise RestoreError(
                f"{there[0]} is not a checkpoint: it holds a {type(loaded).__name__}",
                hint="delete it to start this run again",
            )
        return loaded

    def save_checkpoint(self, state: Mapping[str, Any], *, trunk: bool = False) -> None:
        """Replace the checkpoint in one step, so that a kill leaves the old or the new one.

        Args:
            state: tensors and plain numbers.
            trunk: keep it as the state before a cooldown.

        Raises:
            RestoreError: it cannot be written (a full disk); the old one is still there.
        """
        path = self.trunk_path if trunk else self.checkpoint_path
        try:
            with open_atomically(path) as file:
                torch.save(dict(state), file)
        except (RestoreError, OSError, RuntimeError) as error:  # torch makes a RuntimeError of it
            raise RestoreError(
                f"cannot write the checkpoint {path}: {_reason(error)}",
                hint="make room, then start the same command again",
                exit_code=ExitCode.SOME_FAILED,
            ) from error

    def trim_metrics(self, step: int) -> None:
        """Drop the rows after `step`, which a resumed run writes again, and a row cut in half.

        Where that cannot be written (a full disk), the next row tries it again.

        Raises:
            RestoreError: it is not the log of a run.
        """
        _log_until(self.folder / "metrics.csv", step)
        self._trim = step
        with self.excused("metrics.csv"):
            self._trimmed()

    def _trimmed(self) -> None:
        """Do what `trim_metrics` asked for, unless it is done."""
        path = self.folder / "metrics.csv"
        if self._trim is not None and (kept := _log_until(path, self._trim)) is not None:
            write_atomically(path, kept)
        self._trim = None

    def log(self, row: Mapping[str, Any]) -> None:
        """Append one row to metrics.csv; unknown columns are an error, missing ones stay empty.

        A row that cannot be written (a full disk) waits for the next one; `problems` says so.
        """
        path = self.folder / "metrics.csv"
        line = io.StringIO(newline="")
        csv.DictWriter(line, _COLUMNS).writerow(row)
        self._rows.append(line.getvalue())
        with self.excused("metrics.csv"):
            self._trimmed()
            _append(path, "".join(self._rows).encode(), head=",".join(_COLUMNS).encode() + b"\r\n")
            self._rows.clear()

    def save_samples(self, step: int, rows: list[tuple[Tensor, Tensor, Tensor]]) -> None:
        """Write samples/STEP.png: a row each of input, output, target, (3, H, W) in [0, 1].

        One that cannot be written is left out; `problems` says so.
        """
        if not rows:
            return
        height = min(tensor.shape[1] for row in rows for tensor in row)
        width = min(tensor.shape[2] for row in rows for tensor in row)
        lines = [torch.cat([tensor[:, :height, :width] for tensor in row], dim=2) for row in rows]
        sheet = torch.cat(lines, dim=1).clamp(0, 1)
        folder = self.folder / "samples"
        pixels = (sheet.permute(1, 2, 0) * 255 + 0.5).to(torch.uint8).contiguous().numpy()
        with self.excused("samples"):
            folder.mkdir(exist_ok=True)
            Picture(pixels=pixels).write(folder / f"{step:07d}.png")

    @contextlib.contextmanager
    def excused(self, what: str) -> Generator[None]:
        """Note in `problems` that something cannot be written, and go on: training is worth more.

        Args:
            what: its name in the folder.
        """
        try:
            yield
        except (OSError, RestoreError) as error:
            self.problems[what] = f"{self.folder / what} cannot be written: {_reason(error)}"


def _reason(error: Exception) -> str:
    """Why something cannot be written, without its name."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        # torch says of a full disk only that it is not where it wanted to be.
        cause = cause.__cause__ or cause.__context__
    told = None if cause is None else cause.strerror
    return told or str(error).partition("\n")[0]


def _log_until(path: Path, step: int) -> bytes | None:
    """The log without what comes after a step; None where nothing is to be dropped.

    Raises:
        RestoreError: it is not the log of a run.
    """
    if not path.exists():
        return None
    kept = io.StringIO(newline="")
    writer = csv.DictWriter(kept, _COLUMNS)
    writer.writeheader()
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError("it is no regular file")
        data = read_small(path, most=_LOG_BYTES)
        told = csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))
        rows = [row for row in told if None not in row.values()]
        writer.writerows(row for row in rows if int(row["step"]) <= step)
    except (OSError, ValueError, KeyError, TypeError, csv.Error, RestoreError) as error:
        raise RestoreError(
            f"{path} is not the log of a run: {error}",
            hint="move it away, or give another folder with -o",
        ) from error
    text = kept.getvalue().encode()
    return None if text == data else text


def _append(path: Path, data: bytes, *, head: bytes) -> None:
    """Append all of it or, where that fails, nothing; `head` first where nothing is there yet."""
    with path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        data = data if before else head + data
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            file.truncate(before)
            raise


def _says(path: Path, text: str) -> bool:
    try:
        return read_small(path, most=2**24) == text.encode()
    except (OSError, RestoreError):
        return False


def _check_spared(path: Path) -> None:
    """Refuse to replace a recipe that somebody wrote: it may be the very one that is trained."""
    if not path.exists():
        return
    try:
        written_here = _says(path, Recipe.load(path).dump())
    except RestoreError:
        written_here = False
    if not written_here:
        raise RestoreError(
            f"{path} would be overwritten: its comments, or what else it holds, would be lost",
            hint="give another folder with -o",
        )


class Clock:
    """Wall-clock facts of a run, kept over its resumptions."""

    def __init__(self, seconds_before: float = 0.0) -> None:
        self._start = time.monotonic() - seconds_before

    @property
    def seconds(self) -> float:
        """Seconds of all parts of the run."""
        return time.monotonic() - self._start


def _check_same(old: Recipe, new: Recipe, folder: Path, *, trunk: bool) -> None:
    """A run may be prolonged and logged otherwise, but not become another one."""
    free = {"log", "infer", "model"}
    for section in sorted(set(Recipe.model_fields) - free):
        before = getattr(old, section).model_dump()
        after = getattr(new, section).model_dump()
        for key in _MAY_CHANGE + (_TRUNK_MAY_CHANGE if trunk else ()):
            before.pop(key, None)
            after.pop(key, None)
        if before != after:
            raise RestoreError(
                f"{folder} holds the run of another recipe: [{section}] differs",
                hint="give another folder with -o",
            )
