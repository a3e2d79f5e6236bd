"""How near the hardware's limit inference is: ratios of things measured in one run.

    python benchmarks/speed_limits.py                # everything; nothing else should run meanwhile
    python benchmarks/speed_limits.py --quick --only restart

Writes `results/speed_limits.csv` and its table in docs/results.md: each row says its target and
the processor, its cores and its features, since a ratio of one machine says nothing of another.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from blocks import markdown_table, replace_block
from prenet import PReNet
from rows import read_rows, write_rows
from timing import median_seconds
from torch.utils.flop_counter import FlopCounterMode

from restore_cli.engine.backend import TorchBackend
from restore_cli.engine.restorer import Restorer
from restore_cli.images.picture import Picture
from restore_cli.models import zoo
from restore_cli.networks.base import Network

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "examples" / "photos"
FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")


@dataclass(frozen=True)
class Row:
    """One ratio, and where it was measured."""

    what: str
    found: str
    target: str
    beside: str
    processor: str
    cores: int
    features: str


@dataclass(frozen=True)
class Found:
    """One ratio, its target, and what it was made of."""

    what: str
    found: str
    target: str
    beside: str


@dataclass(frozen=True)
class Amount:
    """How much is measured: `--quick` divides it."""

    times: int
    share: float

    def of(self, count: int) -> int:
        """Some of so many things, two at least."""
        return max(2, round(count * self.share))


def arithmetic(amount: Amount) -> Iterator[Found]:
    """Share of the arithmetic limit: a large matrix product over the network's multiply-adds."""
    side = 2048
    rates: dict[torch.dtype, float] = {}
    for kind in (torch.float32, torch.bfloat16):
        left, right = (torch.rand(side, side).to(kind) for _ in range(2))
        rates[kind] = 2 * side**3 / median_seconds(lambda a=left, b=right: a @ b, amount.times)
    for entry in _restoring():
        network = zoo.load(entry.name).network
        work = _operations(network) * 1080 * 1920
        picture = torch.rand(3, 1080, 1920)
        kinds = {"auto": ("auto", max(rates.values())), "fp32": ("torch", rates[torch.float32])}
        for precision, (backend, rate) in kinds.items():
            restorer = Restorer(network, device="cpu", backend=backend, precision=precision)  # pyright: ignore[reportArgumentType]
            seconds = median_seconds(partial(restorer, picture), amount.times)
            share = work / rate / seconds
            name = f"share of the arithmetic limit, {entry.name}, 1080p, {backend} {precision}"
            yield Found(name, f"{share:.2f}", ">= 0.60", f"{seconds:.2f} s")


def backends(amount: Amount) -> Iterator[Found]:
    """Derain at 480x320, `auto` against torch in fp32."""
    picture = torch.rand(3, 320, 480)
    network = zoo.load("derain").network
    exact = Restorer(network, device="cpu", backend="torch", precision="fp32")
    auto = Restorer(network, device="cpu", backend="auto")
    slow, fast = (median_seconds(lambda r=r: r(picture), 3 * amount.times) for r in (exact, auto))
    how = auto(picture)
    target = ">= 4 with matrix units, >= 2 with AVX-512 bf16, >= 1.4 without"
    beside = f"{1e3 * fast:.0f} ms ({how.backend} {how.precision}), torch fp32 {1e3 * slow:.0f} ms"
    yield Found("derain 480x320, auto against torch fp32", f"{slow / fast:.1f}", target, beside)
    peer = PReNet().eval()
    with torch.inference_mode():
        seconds = median_seconds(lambda: peer(picture[None]), amount.times)
    beside = (
        f"{1e3 * fast:.0f} ms, PReNet in torch {1e3 * seconds:.0f} ms; no weights here: no PSNR"
    )
    yield Found("derain 480x320, auto beside PReNet", f"{seconds / fast:.0f}x", ">= 20x", beside)


def equality(amount: Amount) -> Iterator[Found]:
    """PSNR between the backends on photos."""
    for entry in _restoring():
        network = zoo.load(entry.name).network
        exact = Restorer(network, device="cpu", backend="torch", precision="fp32")
        auto = Restorer(network, device="cpu", backend="auto")
        least = float("inf")
        for path in sorted(PHOTOS.glob("*.jpg"))[: amount.of(4)]:
            image = torch.from_numpy(Picture.read(path).to_srgb().transpose(2, 0, 1).copy())
            error = float((auto(image).image - exact(image).image).square().mean())
            least = min(least, -10 * float(np.log10(max(error, 1e-12))))
        yield Found(f"auto against torch fp32, {entry.name}", f"{least:.1f} dB", ">= 55 dB", "")


def large(amount: Amount) -> Iterator[Found]:
    """12 MP through each task: whole time over the network's, and peak memory."""
    height, width = (round(side * amount.share**0.5) for side in (3000, 4000))
    peak = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = _photo(Path(folder) / "big.jpg", height, width)
        for entry in _restoring():
            *told, kib = _watched("infer", "--task", entry.task, "--json", "--overwrite", str(path))
            peak = max(peak, int(kib) / 2**20)
            line, last = json.loads(told[0]), json.loads(told[-1])
            ratio = last["seconds"] / last["model_seconds"]
            name = f"{height * width / 1e6:.0f} MP, {entry.name}, time over network time"
            beside = f"{last['seconds']:.1f} s, tile {line['tile']}, {line['backend']}"
            yield Found(name, f"{ratio:.2f}", "<= 1.10", beside)
    yield Found("largest peak memory of these", f"{peak:.2f} GB", "<= 1.5 GB", "")


def mosaic(amount: Amount) -> Iterator[Found]:
    """Demosaicing and denoising 24 MP with the learned engine."""
    height, width = (round(side * amount.share**0.5) // 8 * 8 for side in (4000, 6000))
    model = zoo.load("isp")
    restorer = Restorer(model.network, device="cpu", backend="auto", usual_overlap=model.overlap)
    picture = torch.rand(3, height, width)
    restorer(picture[:, :256, :256])
    seconds = median_seconds(lambda: restorer(picture), 1)
    name = f"demosaic and denoise {height * width / 1e6:.0f} MP, learned"
    yield Found(name, f"{seconds:.1f} s", "24 MP: <= 12 s with matrix units, <= 25 s without", "")


def folders(amount: Amount) -> Iterator[Found]:
    """A folder of photos against the network alone, and small pictures against few large ones."""
    each: dict[int, float] = {}
    for count, height, width in ((200, 480, 640), (2000, 64, 64)):
        many = amount.of(count)
        with tempfile.TemporaryDirectory() as folder:
            for index in range(many):
                _photo(Path(folder) / "in" / f"{index}.png", height, width)
            told = _restore("infer", "--task", "derain", "--json", f"{folder}/in")
        last = json.loads(told[-1])
        each[height] = last["seconds"] / (many * height * width)
        if height == 480:
            ratio = last["seconds"] / last["model_seconds"]
            name = f"{many} pictures of 640x480, command without start-up over network"
            yield Found(name, f"{ratio:.2f}", "<= 1.05", f"{last['seconds']:.1f} s")
    name = f"{amount.of(2000)} pictures of 64x64, time a pixel over that of 640x480"
    yield Found(name, f"{each[64] / each[480]:.2f}", "<= 2", f"{1e9 * each[64]:.0f} ns a pixel")


def restart(amount: Amount) -> Iterator[Found]:
    """A restarted command with a warm cache on one picture."""
    with tempfile.TemporaryDirectory() as folder:
        path = _photo(Path(folder) / "one.png", 320, 480)
        command = ("infer", "--task", "derain", "--overwrite", "--quiet", str(path))
        seconds = median_seconds(lambda: _restore(*command), amount.times)
        bare = median_seconds(lambda: _python("import torch"), amount.times)
        many = Path(folder) / "many"
        for index in range(amount.of(200)):
            _photo(many / f"{index}.png", 64, 64)
        again = ("infer", "--task", "derain", "--skip-existing", "--quiet", str(many))
        skipped = median_seconds(lambda: _restore(*again), amount.times)  # once before: not skipped
    name = "restarted command, cache warm, one 480x320 picture"
    yield Found(name, f"{seconds:.2f} s", "<= 1.0 s", f"import torch alone {bare:.2f} s")
    yield Found(
        f"a folder of {amount.of(200)} that is all skipped", f"{skipped:.2f} s", "<= 0.3 s", ""
    )
    for words in (("--help",), ("models", "list"), ("infer", "--task", "derain", "missing.jpg")):
        seconds = median_seconds(lambda w=words: _restore(*w, check=False), amount.times)
        yield Found(f"`restore {' '.join(words)}`", f"{seconds:.2f} s", "<= 0.3 s", "")


def company(amount: Amount) -> Iterator[Found]:
    """Derain of 20 pictures beside two busy loops, against alone."""
    pictures = [torch.rand(3, 320, 480) for _ in range(amount.of(20))]
    restorer = Restorer(zoo.load("derain").network, device="cpu", backend="auto")
    alone = median_seconds(lambda: [restorer(picture) for picture in pictures], amount.times)
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        beside = median_seconds(lambda: [restorer(picture) for picture in pictures], amount.times)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    name = f"derain of {len(pictures)} pictures beside two busy loops, against alone"
    yield Found(name, f"{beside / alone:.2f}", "<= 2.5", f"alone {alone:.1f} s")


def deterministic(amount: Amount) -> Iterator[Found]:
    """Outputs of runs with other workers and batches, compared byte by byte."""
    seen: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for backend in ("torch", "openvino"):
            for workers, batch in ((1, 1), (1, 1), (4, 1), (2, 4)):
                out = Path(folder) / f"{backend}-{workers}-{batch}"
                words = ("--workers", str(workers), "--batch-size", str(batch), "--tile", "256")
                photos = [str(path) for path in sorted(PHOTOS.glob("*.jpg"))[: amount.of(4)]]
                _restore(
                    *("infer", "--task", "derain", "--overwrite", "--backend", backend, *words),
                    *(*photos, "-o", f"{out}/"),
                )
                digest = hashlib.sha256()
                for path in sorted(out.glob("*.png")):
                    digest.update(path.read_bytes())
                seen.setdefault(backend, set()).add(digest.hexdigest())
    for backend, digests in seen.items():
        same = "same bytes" if len(digests) == 1 else f"{len(digests)} kinds of outputs"
        yield Found(f"two runs, any workers and batch, {backend}", same, "same bytes", "")


PARTS: dict[str, Callable[[Amount], Iterator[Found]]] = {
    "arithmetic": arithmetic,
    "backends": backends,
    "equality": equality,
    "large": large,
    "mosaic": mosaic,
    "folders": folders,
    "restart": restart,
    "company": company,
    "deterministic": deterministic,
}


def main() -> None:
    """Measure, print, and write the CSV; other parts and other machines keep their rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=PARTS, action="append", help="measure only this")
    parser.add_argument("--quick", action="store_true", help="little of each, nothing is written")
    arguments = parser.parse_args()
    amount = Amount(times=1, share=0.02) if arguments.quick else Amount(times=5, share=1.0)
    processor, features = _machine()
    rows: list[Row] = []
    for name, part in PARTS.items():
        if arguments.only and name not in arguments.only:
            continue
        for found in part(amount):
            print(f"{found.what}: {found.found} (target {found.target}) {found.beside}", flush=True)
            told = (found.what, found.found, found.target, found.beside)
            rows.append(Row(*told, processor, len(os.sched_getaffinity(0)), features))
    if not arguments.quick:
        before = read_rows("speed_limits.csv", Row)
        told = list({_of(row): row for row in [*before, *rows]}.values())
        write_rows("speed_limits.csv", told)
        replace_block(ROOT / "docs" / "results.md", "limits", _table(told))


def _of(row: Row) -> tuple[str, str, int, str]:
    """What was measured, and on which machine."""
    return row.what, row.processor, row.cores, row.features


def _table(rows: list[Row]) -> str:
    """Markdown: every ratio beside its target, by machine."""
    lines: list[str] = []
    for machine in dict.fromkeys(_of(row)[1:] for row in rows):
        own = [r for r in rows if _of(r)[1:] == machine]
        cells = [(r.what, str(r.found), r.target, r.beside) for r in own]
        lines += ["{}, {} cores ({}):".format(*machine), ""]
        lines += [markdown_table(("what", "measured", "aimed at", "beside"), cells)]
    return "\n".join(lines)


def _restoring() -> list[zoo.Entry]:
    """The shipped models that `restore infer` applies."""
    return [entry for entry in zoo.entries() if entry.task in zoo.TASKS]


def _operations(network: Network) -> float:
    """Multiplications and additions for each pixel."""
    side = 256
    picture = torch.rand(1, 3, side, side)
    counter = FlopCounterMode(display=False)
    with torch.no_grad():
        context = TorchBackend(network).context(picture)
        with counter:
            network(picture, context=context)
    return counter.get_total_flops() / side**2


def _machine() -> tuple[str, str]:
    """The processor's name, and those of its features that matter here."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    said = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    flags = said.get("flags", said.get("Features", "")).split()
    return said.get("model name", "unknown"), " ".join(f for f in FEATURES if f in flags)


def _photo(path: Path, height: int, width: int) -> Path:
    """Write a picture with something in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(height * width)
    small = rng.integers(0, 256, (height // 10 + 1, width // 10 + 1, 3), dtype=np.uint8)
    pixels = small.repeat(10, 0).repeat(10, 1)[:height, :width]
    Picture(pixels=np.ascontiguousarray(pixels)).write(path)
    return path


def _restore(*words: str, check: bool = True) -> list[str]:
    """Lines of a command's standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "restore_cli", *words],
        check=check, capture_output=True, text=True, env=_environment(),
    )  # fmt: skip
    return done.stdout.splitlines()


_WATCH = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "restore_cli", *sys.argv[1:]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _watched(*words: str) -> list[str]:
    """Lines of a command's standard output, and its peak memory in KiB.

    Started by a small process: the peak of a child counts what its parent held as it began, here
    all that was measured before.
    """
    done = subprocess.run(
        [sys.executable, "-c", _WATCH, *words],
        check=True, capture_output=True, text=True, env=_environment(),
    )  # fmt: skip
    return done.stdout.splitlines()


def _environment() -> dict[str, str]:
    """As with users: an installed program is compiled to bytecode once, and not at every start."""
    kept = {name: one for name, one in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "bytecode"), **kept}


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    main()
