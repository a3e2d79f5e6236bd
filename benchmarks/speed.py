"""How fast and how big: every timing that docs/results.md quotes comes from here.

    python benchmarks/speed.py --write

Timings are of this machine, so each is given beside what it is compared with in the same run.
Nothing else should run meanwhile.
"""

import argparse
import csv
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from blocks import markdown_table, replace_block
from timing import median_seconds

from restore_cli.data.sample import Batch
from restore_cli.engine.restorer import Restorer
from restore_cli.images.picture import Picture
from restore_cli.methods.supervised.objective import Supervised
from restore_cli.models import zoo
from restore_cli.networks.nafnet import NAFNet
from restore_cli.networks.unet import UNet
from restore_cli.training.hardware import hardware

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "speed.csv"
RESTORE = str(Path(sys.executable).parent / "restore")

Row = tuple[str, str, str]  # what, measured, compared with


def networks() -> Iterator[Row]:
    """Network alone on a 481x321 picture, beside a small NAFNet."""
    small = _picture(8)
    peer = NAFNet(width=16, encoder_blocks=(1, 1, 2), middle_blocks=2, decoder_blocks=(1, 1, 1))
    peer.eval().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        slow = median_seconds(lambda: peer(small))
        size = sum(p.numel() for p in peer.parameters()) / 1e6
        for entry in _restoring():
            network = zoo.load(entry.name).network.to(memory_format=torch.channels_last)
            picture = _picture(int(getattr(network, "multiple", 1)))
            seconds = median_seconds(lambda n=network, p=picture: n(p))
            yield (
                f"`{entry.name}`, 481x321, network only",
                f"{seconds:.2f} s",
                f"nafnet with {size:.1f} M parameters: {slow:.2f} s",
            )


def all_in_one() -> Iterator[Row]:
    """The all-in-one model as `restore infer` applies it, beside one for a single task."""
    picture = torch.rand(3, 512, 512)
    names = ("auto", "derain")
    restorers = [Restorer(zoo.load(name).network, tile="none") for name in names]
    auto, derain = (median_seconds(partial(restorer, picture)) for restorer in restorers)
    yield "`auto`, 512x512", f"{auto:.2f} s", f"`derain`: {derain:.2f} s"


def _picture(multiple: int) -> torch.Tensor:
    """481x321, padded as `Restorer` pads it."""
    height, width = (-(-size // multiple) * multiple for size in (321, 481))
    return torch.rand(1, 3, height, width).contiguous(memory_format=torch.channels_last)


def tiles() -> Iterator[Row]:
    """Tiled against whole on a 1000x700 picture, largest difference in 1/255."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.random((1, 3, 44, 64), dtype=np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (700, 1000), mode="bicubic")[0].clamp(0, 1)
    noisy = smooth + 0.1 * torch.from_numpy(rng.standard_normal((3, 700, 1000), dtype=np.float32))
    grey = torch.full((3, 700, 1000), 0.5)
    for entry in _restoring():
        model = zoo.load(entry.name)
        found: list[str] = []
        for picture in (noisy.clamp(0, 1), grey):
            whole = Restorer(model.network, tile="none")(picture).image
            for side in (128, 256):
                # As `restore infer` does with a tile that is small for the overlap.
                overlap = min(model.overlap, 3 * side // 4)
                restorer = Restorer(model.network, tile=side, overlap=overlap)
                worst = float((restorer(picture).image - whole).abs().max()) * 255
                found.append(f"{worst:.3f} / 255")
        yield (
            f"`{entry.name}`, tiles of 128 and 256 px against the whole picture",
            f"{found[0]} and {found[1]}",
            f"flat grey: {found[2]} and {found[3]}",
        )


def _restoring() -> list[zoo.Entry]:
    """The shipped models that `restore infer` applies."""
    return [entry for entry in zoo.entries() if entry.task in zoo.TASKS]


def memory() -> Iterator[Row]:
    """Peak memory of the whole command on a 6000x4000 photo."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.jpg"
        pixels = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
        Picture(pixels=np.ascontiguousarray(pixels.repeat(10, 0).repeat(10, 1))).write(path)
        start = time.perf_counter()
        _restore("infer", "--task", "denoise", "--device", "cpu", "--quiet", str(path))
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    yield "6000x4000 photo, whole command, CPU", f"{peak:.2f} GB peak", f"in {seconds:.0f} s"


def start_up() -> Iterator[Row]:
    """`restore --help` against importing torch."""
    seconds = median_seconds(lambda: _restore("--help"), times=9)
    heavy = median_seconds(
        lambda: subprocess.run([sys.executable, "-c", "import torch"], check=True)
    )
    yield "`restore --help`", f"{seconds:.2f} s", f"`import torch`: {heavy:.2f} s"


def overlap() -> Iterator[Row]:
    """Whole command on 40 small photos against the network's own time."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        rng = np.random.default_rng(0)
        for index in range(40):
            coarse = rng.integers(0, 256, (81, 121, 3), dtype=np.uint8)
            pixels = np.ascontiguousarray(coarse.repeat(4, 0).repeat(4, 1)[:321, :481])
            Picture(pixels=pixels).write(photos / f"{index:02d}.png")
        command = ("infer", "--task", "derain", "--device", "cpu", "--quiet", "--json")
        begin = time.perf_counter()
        _restore(*command, str(photos / "00.png"))
        single = time.perf_counter() - begin
        begin = time.perf_counter()
        _restore(*command, str(photos))
        whole = time.perf_counter() - begin
    network = zoo.load("derain").network.to(memory_format=torch.channels_last)
    picture = _picture(8)
    with torch.inference_mode():
        each = median_seconds(lambda: network(picture), times=9)
    launch = single - each
    ratio = (whole - launch) / (40 * each)
    yield (
        "40 photos 481x321, `restore infer`",
        f"{whole:.1f} s, of that {launch:.1f} s start-up",
        f"network alone: {40 * each:.1f} s; ratio without start-up {ratio:.2f}",
    )


def alignment(rounds: int = 25) -> Iterator[Row]:
    """What photometric alignment (PAL) adds to a training step of the shipped U-Net.

    Steps with and without it alternate, so that both meet the same machine; medians.
    """
    torch.manual_seed(0)
    network = UNet(widths=(24, 48, 96, 144)).to(memory_format=torch.channels_last)
    batch = Batch.of(torch.rand(8, 3, 96, 96), torch.rand(8, 3, 96, 96))
    seconds: dict[float, list[float]] = {0.0: [], 0.5: []}
    for _ in range(rounds):
        for alpha, taken in seconds.items():
            begin = time.perf_counter()
            for step in Supervised(network, pal=alpha).steps(batch):
                step.loss.backward()
            network.zero_grad()
            taken.append(time.perf_counter() - begin)
    plain, both = (statistics.median(taken[3:]) for taken in seconds.values())
    added = f"{100 * (both / plain - 1):+.1f} %"
    yield "PAL in a training step, 8 crops of 96 px", added, f"step without it: {plain:.2f} s"


PARTS = {
    "start-up": start_up,
    "networks": networks,
    "all-in-one": all_in_one,
    "overlap": overlap,
    "memory": memory,
    "tiles": tiles,
    "alignment": alignment,
}


def main() -> None:
    """Measure, print, and with --write replace the committed numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--write", action="store_true", help="replace the CSV and the documents' table"
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="measure only this")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for name, part in PARTS.items():
        if arguments.only and name not in arguments.only:
            continue
        for row in part():
            rows.append(row)
            print(" | ".join(row), flush=True)
    if not arguments.write:
        return
    if arguments.only:  # the other parts keep their rows
        with RESULTS.open(newline="", encoding="utf-8") as file:
            kept = {row[0]: (row[0], row[1], row[2]) for row in list(csv.reader(file))[1:]}
        rows = list((kept | {row[0]: row for row in rows}).values())
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("what", "measured", "beside it"), *rows])
    text = markdown_table(("what", "measured", "beside it in the same run"), rows)
    text += f"\n\n{hardware()}, torch {torch.__version__}."
    replace_block(ROOT / "docs" / "results.md", "timed", text)


def _restore(*words: str) -> str:
    done = subprocess.run([RESTORE, *words], check=True, capture_output=True, text=True)
    return done.stdout


if __name__ == "__main__":
    main()
