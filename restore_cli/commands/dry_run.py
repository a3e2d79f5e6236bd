"""`--dry-run`: what a run would read, write and skip, how long about, and how much memory."""

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from restore_cli.batch.inputs import Refused
from restore_cli.batch.manifest import Manifest, file_sha256
from restore_cli.batch.outputs import Existing
from restore_cli.batch.pipeline import PIXELS_IN_FLIGHT
from restore_cli.batch.planning import Job
from restore_cli.batch.reading import Reader
from restore_cli.commands.console import Console
from restore_cli.engine import memory
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.images.header import upright_size

if TYPE_CHECKING:
    from restore_cli.batch.reading import Restore
    from restore_cli.models.zoo import Model

PROBE = 384
"""px; side of the picture that is restored to learn how fast this machine is."""

BYTES_PER_PIXEL = 30
"""Of a picture between reading and writing, see `batch.pipeline`."""

PROCESS = 700 * 2**20
"""Bytes of the process before the first picture: Python, torch and a model."""

_WAYS = {"write": "to write", "skip": "to skip", "fail": "would fail"}


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of one input.

    Attributes:
        action: "write", "skip" or "fail".
        error: why it would fail.
        pixels: of the picture; 0 where they do not count.
    """

    action: str
    error: str | None = None
    pixels: int = 0
    width: int | None = None
    height: int | None = None


def foresee(job: Job | Refused, existing: Existing, manifest: Manifest, reader: Reader) -> Foreseen:
    """Look at one input as the run would, without decoding it."""
    if isinstance(job, Refused):
        return Foreseen("fail", job.problem.message)
    there = os.path.lexists(job.output)
    if there and existing == "error":
        return Foreseen("fail", f"{job.output} already exists")
    try:
        skips = there and existing == "skip"
        if skips and manifest.matches(job.output, file_sha256(job.source)):
            return Foreseen("skip")
        width, height = upright_size(job.source)
        return Foreseen("write", None, reader.count_pixels(job.source), width, height)
    except RestoreError as error:
        return Foreseen("fail", error.message)
    except OSError as error:
        return Foreseen("fail", f"{job.source}: {error.strerror}")


def _tell_each(
    console: Console,
    jobs: Sequence[Job | Refused],
    foreseen: Sequence[Foreseen],
    names: Mapping[Path, str],
) -> None:
    """A line for each input."""
    for job, one in zip(jobs, foreseen, strict=True):
        output = job.output if isinstance(job, Job) else None
        source = names.get(job.source, str(job.source))
        output = names.get(output, str(output)) if output is not None else None
        console.emit(
            {
                "input": source,
                "output": output,
                "status": f"would {one.action}",
                "error": one.error,
                "width": one.width,
                "height": one.height,
            }
        )
        line = one.error if one.action == "fail" else f"{source} -> {output}"
        console.answer(f"would {one.action:5}  {line}")


def tell(
    console: Console,
    jobs: Sequence[Job | Refused],
    foreseen: Sequence[Foreseen],
    names: Mapping[Path, str],
    restore: "Callable[[], Restore]",
    models: "Sequence[Model]",
    device: str,
) -> int:
    """Print the plan; people get a line for each input and a sum.

    Args:
        console: where to.
        jobs: all inputs.
        foreseen: what becomes of each.
        names: under which files are told that have others.
        restore: builds what would restore them, where any would be; tried once on a small picture,
            for the time.
        models: that each picture goes through once that is built, for the memory.
        device: where they would compute.

    Returns:
        The exit code: 1 if an input would fail.
    """
    _tell_each(console, jobs, foreseen, names)
    counts = Counter(one.action for one in foreseen)
    pixels = sum(one.pixels for one in foreseen)
    largest = max((one.pixels for one in foreseen), default=0)
    rate = _seconds_per_pixel(restore()) if pixels else 0.0
    in_flight = min(pixels, max(largest, PIXELS_IN_FLIGHT))
    need = _bytes(models, largest, in_flight, device) if pixels else 0
    told = {"write": counts["write"], "skip": counts["skip"], "fail": counts["fail"]}
    console.emit(
        {
            "event": "summary",
            "dry_run": True,
            **{f"would_{name}": count for name, count in told.items()},
            "megapixels": round(pixels / 1e6, 2),
            "seconds": round(rate * pixels, 1),
            "bytes": need,
        }
    )
    words = ", ".join(
        f"{count} {_WAYS[name]}" for name, count in told.items() if count or name == "write"
    )
    cost = (
        f": {pixels / 1e6:.1f} megapixels, about {duration(rate * pixels)}, "
        f"about {need / 2**30:.1f} GiB of memory"
    )
    console.answer(f"{words}{cost if pixels else ''}; nothing was written")
    return ExitCode.SOME_FAILED if counts["fail"] else ExitCode.OK


def duration(seconds: float) -> str:
    """A time in the words of people: "4 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _seconds_per_pixel(restore: "Restore") -> float:
    """Tried on noise, the second time: the first one also compiles and chooses."""
    image = np.random.default_rng(0).random((3, PROBE, PROBE), dtype=np.float32)
    restore(image)
    started = time.perf_counter()
    restore(image)
    return (time.perf_counter() - started) / PROBE**2


def _bytes(models: "Sequence[Model]", largest: int, in_flight: int, device: str) -> int:
    """Host memory: the process, pictures on their way, and on a CPU the network's own need."""
    grown = max((model.network.info.scale**2 for model in models), default=1)
    need = PROCESS + BYTES_PER_PIXEL * in_flight * grown
    if not models or device not in ("auto", "cpu"):
        return int(need)
    import torch

    if not torch.cuda.is_available():
        cpu = torch.device("cpu")
        room = memory.budget(cpu, automatic=True)
        for model in models:
            each = memory.bytes_per_pixel(model.network, model.network.info, cpu)
            need += int(min(room, each * largest)) if model is models[0] else 0
    return int(need)
