"""Pictures a second of `--cluster local` against as many separate processes.

    python benchmarks/cluster.py --write              (2 workers, 40 pictures, 3 rounds)

Both restore the same pictures with the same model, backend and threads: the cluster with N workers,
and N commands that have an Nth of the pictures each. They take turns, since other work on the
machine slows both; the middle round counts. `steady` leaves out the start: the pictures between
the first and the last result of each worker's share, a second. `whole` is all pictures by the time
from the command's start to its end. `--write` keeps the row in results/cluster.csv.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import numpy as np
from rows import write_rows

from restore_cli.images.picture import Picture
from restore_cli.training.hardware import hardware

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "restore_cli", "infer")


@dataclass(frozen=True)
class Row:
    """Pictures a second, and the cluster's share of what separate processes do."""

    workers: int
    pictures: int
    side: int
    rounds: int
    separate_steady: float
    cluster_steady: float
    ratio_steady: float
    separate_whole: float
    cluster_whole: float
    ratio_whole: float
    hardware: str


def inputs(folder: Path, count: int, side: int) -> None:
    """Write crops of the example photos, `side` px wide and high."""
    photos = sorted((ROOT / "examples" / "photos").glob("*.jpg"))
    draws = np.random.default_rng(0)
    for number in range(count):
        pixels = Picture.read(photos[number % len(photos)]).pixels
        y, x = (int(draws.integers(0, length - side + 1)) for length in pixels.shape[:2])
        Picture(pixels[y : y + side, x : x + side]).write(folder / f"{number:03}.png")


def results(words: Sequence[str], arrived: list[float]) -> None:
    """Run a command; the time at which each picture was told."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*COMMAND, *words, "--json", "--overwrite"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("status") == "done":
            arrived.append(time.perf_counter())
    if process.wait() != 0:
        raise SystemExit(f"{' '.join(words)} failed")


def measure(commands: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Pictures a second of commands side by side: between first and last result, and over all."""
    told: list[list[float]] = [[] for _ in commands]
    begun = time.perf_counter()
    threads = [
        Thread(target=results, args=(words, times))
        for words, times in zip(commands, told, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    every = sorted(time for times in told for time in times)
    # From the moment when all are at work to the moment when the first has nothing more to do.
    first, last = max(times[0] for times in told), min(times[-1] for times in told)
    if len(told) == 1:
        first, last = every[len(every) // 8], every[-1]
    return sum(first < at <= last for at in every) / (last - first), len(every) / seconds


def main() -> None:
    """Measure, print, and keep the row on request."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    rounds: list[tuple[float, float, float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        inputs(folder / "in", given.count, given.side)
        files = sorted(str(path) for path in (folder / "in").iterdir())
        common = ["--task", "derain", "--backend", "torch", "--workers", "2"]
        shares = [files[first :: given.workers] for first in range(given.workers)]
        apart = [
            [*share, *common, "-o", f"{folder / 'apart'}{number}"]
            for number, share in enumerate(shares)
        ]
        together = [[*files, *common, "-o", str(folder / "ray"), "--cluster", "local"]]
        for number in range(given.rounds):
            rounds.append((*measure(apart), *measure(together)))
            print("round {}: separate {:.2f}, {:.2f}; cluster {:.2f}, {:.2f} pictures/s".format(
                number + 1, *rounds[-1]), flush=True)  # fmt: skip
    steady, whole, ray_steady, ray_whole = (
        statistics.median(column) for column in zip(*rounds, strict=True)
    )
    row = Row(
        workers=given.workers,
        pictures=given.count,
        side=given.side,
        rounds=given.rounds,
        separate_steady=round(steady, 3),
        cluster_steady=round(ray_steady, 3),
        ratio_steady=round(ray_steady / steady, 3),
        separate_whole=round(whole, 3),
        cluster_whole=round(ray_whole, 3),
        ratio_whole=round(ray_whole / whole, 3),
        hardware=hardware(),
    )
    print(row)
    if given.write:
        write_rows(ROOT / "benchmarks" / "results" / "cluster.csv", [row])


if __name__ == "__main__":
    main()
