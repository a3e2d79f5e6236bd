"""A chain of three tasks in one command against three commands through 16-bit files.

    python benchmarks/chains.py                       (20 pictures; --count N for fewer)

Prints the time of both, their ratio, and the largest difference between their outputs. Both begin
and end with 16-bit PNG, so that what lies between is all that differs. Both run on this machine in
turn; the ratio says more than the seconds. `--write` keeps the row in results/chains.csv.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rows import write_rows

from restore_cli.images.picture import Picture
from restore_cli.training.hardware import hardware

ROOT = Path(__file__).parents[1]
TASKS = ("derain", "denoise", "dehaze")


@dataclass(frozen=True)
class Row:
    """One comparison: times in seconds, the difference in units of 1/255."""

    tasks: str
    pictures: int
    precision: str
    chain: float
    commands: float
    ratio: float
    difference: float
    hardware: str


def inputs(folder: Path, count: int, side: int) -> None:
    """Write 16-bit crops of the example photos with some noise, `side` px wide and high."""
    photos = sorted((ROOT / "examples" / "photos").glob("*.jpg"))
    draws = np.random.default_rng(0)
    for number in range(count):
        whole = Picture.read(photos[number % len(photos)]).to_srgb()
        top, left = (int(draws.integers(0, max(1, size - side))) for size in whole.shape[:2])
        crop = whole[top : top + side, left : left + side]
        noisy = np.clip(crop + draws.normal(0.0, 0.04, crop.shape), 0.0, 1.0)
        pixels = (noisy * 65535 + 0.5).astype(np.uint16)
        Picture(pixels=pixels).write(folder / f"{number:03d}.png")


def infer(task: str, given: Path, output: Path, precision: str) -> float:
    """Run the command; returns its seconds, start-up included."""
    begun = time.perf_counter()
    words = [sys.executable, "-m", "restore_cli", "infer", str(given), "--task", task]
    subprocess.run([*words, "-o", f"{output}/", "--quiet", "--precision", precision], check=True)
    return time.perf_counter() - begun


def difference(one: Path, other: Path) -> float:
    """The largest difference between pictures of one name, in units of 1/255."""
    names = sorted(path.name for path in one.glob("*.png"))
    if names != sorted(path.name for path in other.glob("*.png")) or not names:
        raise SystemExit("the two ways wrote different files")
    pairs = ((Picture.read(one / name), Picture.read(other / name)) for name in names)
    return max(float(np.abs(a.to_srgb() - b.to_srgb()).max()) for a, b in pairs) * 255


def measure(folder: Path, count: int, side: int, precision: str) -> Row:
    """Both ways over the same pictures, after one run that warms the disk's cache."""
    given = folder / "given"
    (folder / "warm").mkdir()
    given.mkdir()
    inputs(given, count, side)
    inputs(folder / "warm", 1, 64)
    infer(",".join(TASKS), folder / "warm", folder / "warmed", precision)
    chain = infer(",".join(TASKS), given, folder / "chain", precision)
    apart, last = 0.0, given
    for task in TASKS:
        apart += infer(task, last, folder / task, precision)
        last = folder / task
    return Row(
        tasks=",".join(TASKS),
        pictures=count,
        precision=precision,
        chain=round(chain, 2),
        commands=round(apart, 2),
        ratio=round(chain / apart, 3),
        difference=round(difference(folder / "chain", last), 3),
        hardware=hardware(),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=20, metavar="N")
    parser.add_argument("--side", type=int, default=256, metavar="PX")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--write", action="store_true", help="keep results/chains.csv")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        row = measure(Path(folder), options.count, options.side, options.precision)
    print(
        f"{row.tasks}, {row.pictures} pictures of {options.side} px: {row.chain} s in one command,"
        f" {row.commands} s in three, ratio {row.ratio};"
        f" largest difference {row.difference} / 255"
    )
    if options.write:
        write_rows("chains.csv", [row])


if __name__ == "__main__":
    main()
