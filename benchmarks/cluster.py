"""Pictures a second of `--cluster local` against as many separate processes.

    python benchmarks/cluster.py --write              (2 workers, 40 pictures, 3 rounds)

Both restore the same pictures with the same model, backend and threads: the cluster with N workers,
and N commands that have an Nth of the pictures each. They take turns, since other work on the
machine slows both; the middle round counts. `steady` is pictures a second once all are at work,
the start left out. `cpu` is pictures a second of processor time meanwhile, Ray's own processes
counted: what the cluster costs, whatever else the machine does. `whole` is all pictures by the
time from the command's start to its end. `--write` keeps the row in results/cluster.csv.
"""

import argparse
import contextlib
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
import psutil
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
    separate_cpu: float
    cluster_cpu: float
    ratio_cpu: float
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


def results(words: Sequence[str], arrived: list[tuple[float, float]]) -> None:
    """Run a command; when each picture was told, and how much processor time it had cost by then.

    Ray's processes come and go below the command: what those that are gone have used stays counted.
    """
    process = subprocess.Popen(
        [*COMMAND, *words, "--json", "--overwrite"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    used: dict[int, float] = {}
    for line in process.stdout:
        if json.loads(line).get("status") != "done":
            continue
        with contextlib.suppress(psutil.Error):
            top = psutil.Process(process.pid)
            for one in [top, *top.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    times = one.cpu_times()
                    used[one.pid] = times.user + times.system
        arrived.append((time.perf_counter(), sum(used.values())))
    said = process.stderr.read()  # little: it is no terminal
    if process.wait() != 0:
        arrived.clear()
        print(said, file=sys.stderr)


def measure(commands: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    """Pictures a second of commands side by side: steady, of processor time, and over all."""
    told: list[list[tuple[float, float]]] = [[] for _ in commands]
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
    if not all(told):
        raise SystemExit("a command failed")
    # An eighth of each command's pictures is its start; and none counts once another is done.
    steady = [times[len(times) // 8 :] for times in told]
    first = max(times[0][0] for times in steady)
    last = min(times[-1][0] for times in steady)
    done = sum(first < at <= last for times in steady for at, _ in times)
    cost = sum(times[-1][1] - times[0][1] for times in steady)
    pictures = sum(len(times) - 1 for times in steady)
    return done / (last - first), pictures / cost, sum(map(len, told)) / seconds


def main() -> None:
    """Measure, print, and keep the row on request."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    rounds: list[tuple[float, ...]] = []
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
        for _ in range(given.rounds):
            rounds.append((*measure(apart), *measure(together)))
            words = ", ".join(f"{number:.2f}" for number in rounds[-1])
            print(f"separate steady, cpu, whole; cluster the same: {words}", flush=True)
    apart_is, ray_is = (
        [statistics.median(one[first + place] for one in rounds) for place in range(3)]
        for first in (0, 3)
    )
    ratios = [ray / alone for ray, alone in zip(ray_is, apart_is, strict=True)]
    row = Row(
        workers=given.workers,
        pictures=given.count,
        side=given.side,
        rounds=given.rounds,
        separate_steady=round(apart_is[0], 3),
        cluster_steady=round(ray_is[0], 3),
        ratio_steady=round(ratios[0], 3),
        separate_cpu=round(apart_is[1], 3),
        cluster_cpu=round(ray_is[1], 3),
        ratio_cpu=round(ratios[1], 3),
        separate_whole=round(apart_is[2], 3),
        cluster_whole=round(ray_is[2], 3),
        ratio_whole=round(ratios[2], 3),
        hardware=hardware(),
    )
    print(row)
    if given.write:
        write_rows("cluster.csv", [row])


if __name__ == "__main__":
    main()
