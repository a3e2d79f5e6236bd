"""How fast `restore eval` scores, and how near it is to scikit-image, side by side in one run.

    python benchmarks/evaluation.py [PHOTOS]

68 pairs of 481x321, PSNR and SSIM, as metrics in memory and as the whole command against a script
that reads the same PNG files in one process. PHOTOS is a folder of photos that are cropped to that
size and get noise; without it pictures are drawn. Times are of this machine and what else runs on
it: the two sides take turns, so that they share its moods. With --write the CSV is replaced.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rows import write_rows
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from restore_cli.evaluation.metrics import build
from restore_cli.images.formats import READABLE_SUFFIXES
from restore_cli.images.picture import Picture

PAIRS, HEIGHT, WIDTH = 68, 321, 481
NOISE = 25 / 255

Scores = tuple[float, float]
Pair = tuple[Tensor, Tensor]
"""Output and reference, (1, 3, H, W) float32 in [0, 1], 8-bit values."""


@dataclass(frozen=True)
class Comparison:
    """What one part of the benchmark measured.

    Attributes:
        name: what was timed.
        ours: seconds.
        theirs: seconds that the plain scikit-image loop took.
        psnr: largest disagreement, dB.
        ssim: largest disagreement.
    """

    name: str
    ours: float
    theirs: float
    psnr: float
    ssim: float

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{self.name}: {self.ours:.2f} s; scikit-image {self.theirs:.2f} s, "
            f"{self.theirs / self.ours:.1f} times as long; "
            f"largest disagreement PSNR {self.psnr:.1e} dB, SSIM {self.ssim:.1e}"
        )


def scikit_image(output: np.ndarray, reference: np.ndarray) -> Scores:
    """PSNR and SSIM of one (H, W, C) pair in [0, 1], as its users write it."""
    return (
        float(peak_signal_noise_ratio(reference, output, data_range=1)),
        float(
            structural_similarity(
                reference,
                output,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=1,
                channel_axis=2,
            )
        ),
    )


def metrics_alone(pairs: list[Pair], device: str) -> Comparison:
    """The metrics on pictures in memory (a GPU's are sent there within the time)."""
    psnr, ssim = build(["psnr", "ssim"], device=torch.device(device))
    ours = theirs = 0.0
    differences: list[Scores] = []

    def score(pair: Pair) -> Scores:
        output, reference = (image.to(device) for image in pair)
        values = [metric.update(output, reference) for metric in (psnr, ssim)]
        first, second = (float(value) for value in values if value is not None)
        return first, second

    score(pairs[0])  # the first call warms up
    scikit_image(*(_array(image) for image in pairs[0]))
    for pair in pairs:
        arrays = [_array(image) for image in pair]  # not timed: a user's loop has them already
        seconds, found = _timed(lambda pair=pair: score(pair))
        ours += seconds
        seconds, expected = _timed(lambda arrays=arrays: scikit_image(*arrays))
        theirs += seconds
        differences.append((abs(found[0] - expected[0]), abs(found[1] - expected[1])))
    worst = np.max(differences, axis=0)
    name = f"psnr and ssim of {len(pairs)} pairs {WIDTH}x{HEIGHT} in memory, {device}"
    return Comparison(name, ours, theirs, float(worst[0]), float(worst[1]))


def whole_command(pairs: list[Pair], device: str, rounds: int = 3) -> Comparison:
    """`restore eval` as users start it, against `plain_loop` below in a process of its own."""
    with tempfile.TemporaryDirectory() as home:
        folders = [Path(home) / name for name in ("output", "reference")]
        for folder, images in zip(folders, zip(*pairs, strict=True), strict=True):
            folder.mkdir()
            for index, image in enumerate(images):
                pixels = np.rint(_array(image) * 255).astype(np.uint8)
                Picture(pixels).write(folder / f"{index:03}.png")
        table = Path(home) / "numbers.csv"
        restore = [str(Path(sys.executable).with_name("restore")), "eval", *map(str, folders)]
        restore += ["--quiet", "--device", device, "--csv", str(table)]
        plain = [sys.executable, __file__, "--plain-loop", *map(str, folders)]
        ours, theirs, printed = [], [], ""
        for _ in range(rounds):
            ours.append(_seconds(restore)[0])
            seconds, printed = _seconds(plain)
            theirs.append(seconds)
        with table.open(newline="", encoding="utf-8") as file:
            found = [float(row["value"]) for row in csv.DictReader(file)]
    expected = np.array(printed.split(), dtype=float).reshape(-1, 2)
    worst = np.abs(np.array(found).reshape(-1, 2) - expected).max(axis=0)
    name = f"whole command, {len(pairs)} pairs {WIDTH}x{HEIGHT}, {device}, best of {rounds}"
    return Comparison(name, min(ours), min(theirs), float(worst[0]), float(worst[1]))


def plain_loop(outputs: Path, references: Path) -> None:
    """What a researcher writes without this tool; prints both scores of each pair."""
    from skimage.io import imread

    for path in sorted(outputs.iterdir()):
        scores = scikit_image(imread(path) / 255, imread(references / path.name) / 255)
        print(*(repr(score) for score in scores))


def _seconds(command: list[str]) -> tuple[float, str]:
    begin = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - begin, done.stdout


def read_pairs(folder: Path | None) -> list[Pair]:
    """68 pairs: photos of a folder (again from the first if it has fewer), or drawn ones."""
    rng = np.random.default_rng(0)
    photos = _photos(folder) if folder else _drawn(rng)
    pairs: list[Pair] = []
    for photo in photos:
        noisy = photo + NOISE * rng.standard_normal(photo.shape)
        pairs.append((_eight_bits(noisy), _eight_bits(photo)))
        if len(pairs) == PAIRS:
            break
    return pairs


def _photos(folder: Path) -> Iterator[np.ndarray]:
    """(321, 481, 3) of each photo that is large enough, upright ones turned; without end."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in READABLE_SUFFIXES)
    found = True
    while found:
        found = False
        for path in paths:
            photo = Picture.read(path).to_srgb()
            if photo.shape[0] > photo.shape[1]:
                photo = photo.transpose(1, 0, 2)
            if photo.shape[0] >= HEIGHT and photo.shape[1] >= WIDTH and photo.shape[2] == 3:
                found = True
                yield photo[:HEIGHT, :WIDTH]
    raise SystemExit(f"{folder} has no colour photo of at least {WIDTH}x{HEIGHT}")


def _drawn(rng: np.random.Generator) -> Iterator[np.ndarray]:
    while True:
        coarse = torch.from_numpy(rng.random((1, 3, 20, 30)))
        smooth = torch.nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic")
        yield smooth[0].permute(1, 2, 0).numpy()


def _eight_bits(image: np.ndarray) -> Tensor:
    values = (np.rint(image.clip(0, 1) * 255) / 255).astype(np.float32)
    return torch.from_numpy(values).permute(2, 0, 1)[None].contiguous()


def _array(image: Tensor) -> np.ndarray:
    """(H, W, C) float64, each 8-bit value divided by 255 in float64."""
    pixels = np.ascontiguousarray(image[0].permute(1, 2, 0).double().numpy())
    return np.rint(pixels * 255) / 255


def _timed(call: Callable[[], Scores]) -> tuple[float, Scores]:
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, nargs="?", help="folder of photos; default: drawn")
    parser.add_argument("--write", action="store_true", help="replace results/evaluation.csv")
    parser.add_argument("--plain-loop", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.plain_loop:
        plain_loop(*arguments.plain_loop)
        return
    pairs = read_pairs(arguments.photos)
    results: list[Comparison] = []
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        for measure in (metrics_alone, whole_command):
            results.append(measure(pairs, device))
            print(results[-1], flush=True)
    if arguments.write:
        write_rows("evaluation.csv", results)


if __name__ == "__main__":
    main()
