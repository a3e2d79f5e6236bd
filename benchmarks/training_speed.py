"""How fast training is here, as ratios of one run.

    python benchmarks/training_speed.py PHOTOS [--recipe models/derain/recipe.toml] [--write]

PHOTOS is a folder of clean photos. Each row trains the recipe for some steps in a process of its
own and takes the fastest interval that metrics.csv has. With --write the rows go to
benchmarks/results/training_speed.csv, with the processor's name; those of other processors stay.
"""

import argparse
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

from accelerate import Accelerator
from blocks import markdown_table
from torch import Tensor

from restore_cli.data.loader import training_loader
from restore_cli.data.sample import Batch
from restore_cli.data.source import build_source
from restore_cli.engine.precision import bf16_pays_on_cpu
from restore_cli.methods import OBJECTIVES, Objective
from restore_cli.methods.base import Step
from restore_cli.networks import NETWORKS
from restore_cli.recipe import Recipe, construct
from restore_cli.training.hardware import hardware
from restore_cli.training.schedule import learning_rate
from restore_cli.training.state import begin
from restore_cli.training.step import take_step

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "training_speed.csv"
COLUMNS = ("row", "value", "target", "met", "processor")
STEPS, EVERY = 60, 15


def images_a_second(recipe: Path, photos: Path, *settings: str, **environment: str) -> float:
    """Of the fastest interval of a short run in a process of its own."""
    changes = [
        f"data.root={photos}", "data.train=.", "data.val=", f"optim.steps={STEPS}",
        "optim.cooldown=0", "optim.warmup=5", f"log.every={EVERY}", "log.samples=0", *settings,
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "restore_cli", "train", str(recipe), "--quiet"]
        command += [f"--set={change}" for change in changes] + ["-o", folder]
        with subprocess.Popen(command, env=os.environ | environment) as process:
            while len(rows := _logged(Path(folder))) < STEPS // EVERY:
                if process.poll() is not None:
                    raise RuntimeError(f"training ended with {process.returncode}")
                time.sleep(0.2)
            process.kill()  # what follows, levels among it, is not measured
        return max(float(row["images_per_second"]) for row in rows[1:])


def _logged(folder: Path) -> list[dict[str, str]]:
    """The rows that a run has logged."""
    path = folder / "metrics.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@contextmanager
def company(cores: int) -> Generator[None]:
    """One other program that keeps all cores busy, in a scheduling group of its own.

    Linux shares cores out among groups: beside one such program half is left, beside two a third.
    """
    loop = [sys.executable, "-c", "while True: pass"]
    loops = f"import subprocess; [subprocess.Popen({loop!r}) for _ in range({cores})][0].wait()"
    busy = subprocess.Popen([sys.executable, "-c", loops], start_new_session=True)
    try:
        yield
    finally:
        os.killpg(busy.pid, signal.SIGKILL)
        busy.wait()


class Stopwatch:
    """An Accelerator and an Objective whose passes are timed."""

    def __init__(self, accelerator: Accelerator, objective: Objective) -> None:
        self.seconds = 0.0
        self._backward, self._steps = accelerator.backward, objective.steps
        accelerator.backward = self._timed_backward
        objective.steps = self._timed_steps

    def _timed_backward(self, loss: Tensor) -> None:
        start = time.perf_counter()
        self._backward(loss)
        self.seconds += time.perf_counter() - start

    def _timed_steps(self, batch: Batch) -> Iterator[Step]:
        steps = self._steps(batch)
        while True:
            start = time.perf_counter()
            step = next(steps, None)
            self.seconds += time.perf_counter() - start
            if step is None:
                return
            yield step


def overhead(recipe: Path, photos: Path, steps: int = 20) -> float:
    """Share of a step that is neither forward, backward nor data: optimisers, average, clipping."""
    changes = [f"data.root={photos}", "data.train=.", "data.val=", "data.workers=0"]
    loaded = Recipe.load(recipe, changes)
    accelerator = Accelerator(cpu=True, mixed_precision="bf16" if bf16_pays_on_cpu() else "no")
    network = construct(loaded.network, NETWORKS, section="network")
    objective = construct(loaded.objective, OBJECTIVES, network, section="objective")
    state = begin(objective, loaded, accelerator)
    batch = next(iter(training_loader(build_source(loaded.data), loaded, first_step=0)))
    rate = learning_rate(0, loaded.optim)
    for _ in range(3):  # kernels are compiled, states made
        take_step(state, loaded, accelerator, repeat(batch), rate=rate)
    watch = Stopwatch(accelerator, objective)
    start = time.perf_counter()
    for _ in range(steps):
        take_step(state, loaded, accelerator, repeat(batch), rate=rate)
    return 1 - watch.seconds / (time.perf_counter() - start)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--recipe", type=Path, default=ROOT / "models" / "derain" / "recipe.toml")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    single = ("optim.precision=fp32", "data.workers=0")
    one = images_a_second(options.recipe, options.photos, *single, OMP_NUM_THREADS="1")
    default = images_a_second(options.recipe, options.photos, "optim.precision=auto")
    with company(cores):
        beside = images_a_second(options.recipe, options.photos, "optim.precision=auto")
    share = overhead(options.recipe, options.photos)
    more = ">= 2.5" if bf16_pays_on_cpu() else ">= 1.7"
    rows = [
        ("images/s, one thread, fp32", one, ""),
        (f"images/s, {cores} cores, defaults", default, ""),
        ("defaults against one thread in fp32", default / one, more),
        ("beside a program that keeps all cores busy, against alone", beside / default, ">= 0.4"),
        ("share of a step that is not forward or backward", share, "<= 0.08"),
    ]
    processor = hardware()
    table = [
        {"row": name, "value": f"{value:.3g}", "target": target, "met": _met(value, target),
         "processor": processor}
        for name, value, target in rows
    ]  # fmt: skip
    shown = ("row", "value", "target", "met")
    print(markdown_table(shown, [[line[key] for key in shown] for line in table]))
    if options.write:
        with RESULTS.open(newline="", encoding="utf-8") as file:
            others = [row for row in csv.DictReader(file) if row["processor"] != processor]
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows([*others, *table])


def _met(value: float, target: str) -> str:
    if not target:
        return ""
    sign, number = target.split()
    good = value >= float(number) if sign == ">=" else value <= float(number)
    return "yes" if good else "no"


if __name__ == "__main__":
    main()
