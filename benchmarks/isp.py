"""How well and how fast RAW files are developed: through true DNG files and the whole command.

    python benchmarks/isp.py ../shared/data/photos/val --write
    python benchmarks/isp.py KODAK_FOLDER --engine learned --model runs/isp/model

Photos become mosaics by the simulation in `restore_cli.degradations.mosaic`, DNG files by
`restore_cli.raw.dng`, and pictures by `restore isp`; then they are compared with the photos.

`plain` is the published protocol: the photo's 8-bit values are taken for the sensor's, no colours
are converted, PSNR over all three channels (LibRaw's AHD stands near 37 dB on Kodak). `camera` is
the end-to-end one: linear light, the matrix and white balance of a camera, `--look none`.
"""

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from blocks import markdown_table, replace_block

from restore_cli.degradations.cameras import Camera, Noise
from restore_cli.degradations.mosaic import Pattern, Sensor, expose, record
from restore_cli.evaluation.delta_e import mean_ciede2000
from restore_cli.images.picture import Picture
from restore_cli.images.profile import decode_srgb
from restore_cli.models import zoo
from restore_cli.raw.dng import DngTags, write_dng
from restore_cli.training.hardware import hardware

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "isp.csv"
RESTORE = str(Path(sys.executable).parent / "restore")
PATTERNS: tuple[Pattern, ...] = ("RGGB", "GRBG", "GBRG", "BGGR")
CAMERAS = ("Nikon D700", "Canon EOS 5D Mark II", "Sony A7", "Olympus E-M5")
QUALITY = ("pictures", "psnr", "psnr_worst", "delta_e", "bias")
COST = ("seconds", "computing", "command", "gigabytes")
FIELDS = ("set", "engine", *QUALITY, *COST)


@dataclass(frozen=True)
class Protocol:
    """How photos become RAW files.

    Attributes:
        plain: take their values for the sensor's.
        iso: of the noise; 0 is none.
    """

    plain: bool
    iso: float

    @property
    def name(self) -> str:
        """For tables."""
        return ("plain" if self.plain else "camera") + (f", ISO {self.iso:g}" if self.iso else "")


PROTOCOLS = tuple(Protocol(plain, iso) for plain in (True, False) for iso in (0.0, 3200.0, 6400.0))


def shoot(photo: np.ndarray, path: Path, protocol: Protocol, number: int) -> None:
    """Write the DNG file of a photo (H, W, 3) in [0, 1]; the pattern goes through all four."""
    camera = Camera.plain() if protocol.plain else Camera.named(CAMERAS[number % len(CAMERAS)])
    balanced = photo if protocol.plain else expose(decode_srgb(photo), camera)
    noise = Noise.of_iso(protocol.iso) if protocol.iso else None
    black = 1024 if noise else 0
    sensor = Sensor(pattern=PATTERNS[number % 4], bits=16, black=black, noise=noise)
    frame = record(balanced, camera, sensor, np.random.default_rng(number))
    tags = DngTags(
        pattern=sensor.pattern,
        black=black,
        white=sensor.saturation,
        xyz_to_camera=camera.xyz_to_camera,
        forward=camera.forward(),
        neutral=camera.neutral,
    )
    write_dng(path, frame, tags)


def measure(
    photos: list[Path], protocol: Protocol, engines: dict[str, list[str]]
) -> Iterator[dict[str, object]]:
    """One row for each engine."""
    with tempfile.TemporaryDirectory() as folder:
        raws = Path(folder) / "raws"
        raws.mkdir()
        for number, path in enumerate(photos):
            shoot(Picture.read(path).to_srgb(), raws / f"{path.stem}.dng", protocol, number)
        words = ["--linear"] if protocol.plain else ["--look", "none", "--bits", "16"]
        for engine, options in engines.items():
            out = Path(folder) / engine.replace(" ", "-")
            develop(raws, "-o", out, *words, *options)
            yield {"set": protocol.name, "engine": engine, **compare(photos, out)}


def compare(photos: list[Path], out: Path) -> dict[str, object]:
    """PSNR in dB, CIEDE2000 and the mean error of the channels (1/255), at 8 bits."""
    psnr: list[float] = []
    delta: list[float] = []
    bias = np.zeros(3)
    for path in photos:
        truth = Picture.read(path).pixels.astype(np.float64)
        made = np.floor(Picture.read(out / f"{path.stem}.png").pixels / 257.0 + 0.5)
        error = made - truth
        psnr.append(10 * np.log10(255**2 / max(np.square(error).mean(), 1e-9)))
        pair = (torch.from_numpy(p / 255).permute(2, 0, 1)[None].float() for p in (made, truth))
        delta.append(float(mean_ciede2000(*pair)))
        bias += error.mean((0, 1)) / len(photos)
    return {
        "pictures": len(photos),
        "psnr": round(statistics.mean(psnr), 2),
        "psnr_worst": round(min(psnr), 2),
        "delta_e": round(statistics.mean(delta), 3),
        "bias": " ".join(f"{value:+.2f}" for value in bias),
    }


def speed(engines: dict[str, list[str]]) -> Iterator[dict[str, object]]:
    """Seconds for 1 and 24 megapixels, and the peak memory of the whole command."""
    rng = np.random.default_rng(0)
    for width, height in ((1152, 864), (6000, 4000)):
        small = rng.random((height // 16 + 1, width // 16 + 1, 3))
        photo = small.repeat(16, 0).repeat(16, 1)[:height, :width]
        with tempfile.TemporaryDirectory() as folder:
            shoot(photo, Path(folder) / "a.dng", Protocol(plain=False, iso=0), 0)
            for engine, options in engines.items():
                begun = time.perf_counter()
                lines, peak = develop(Path(folder) / "a.dng", "-o", Path(folder) / "b.png",
                                      "--overwrite", *options)  # fmt: skip
                yield {
                    "set": f"{width}x{height}",
                    "engine": engine,
                    "seconds": round(lines[0]["seconds"], 2),
                    "computing": round(lines[-1]["model_seconds"], 2),
                    "command": round(time.perf_counter() - begun, 1),
                    "gigabytes": round(peak / 2**30, 2),
                }


def develop(*words: str | Path) -> tuple[list[dict[str, float]], int]:
    """Run the command; its JSON lines, and its peak memory in bytes."""
    lines, usage = run(*words)
    return lines, usage.ru_maxrss * 1024


def run(*words: str | Path) -> tuple[list[dict[str, float]], resource.struct_rusage]:
    """Run the command; its JSON lines, and what it used."""
    call = [RESTORE, "isp", "--json", "--quiet", *map(str, words)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [json.loads(line) for line in process.stdout]
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(call)} failed")
    return lines, usage


def show(row: dict[str, object]) -> None:
    """Print what a row holds."""
    print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)


def main() -> None:
    """Measure and print; with --write keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder of photos that no model has seen")
    parser.add_argument("--model", help="model for the learned engine instead of the shipped one")
    parser.add_argument("--engine", action="append", choices=("learned", "ahd", "aahd"))
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    known = {
        "learned": ["--model", given.model] if given.model else [],
        "ahd": ["--engine", "libraw"],
        "aahd": ["--engine", "libraw", "--demosaic", "aahd"],
    }
    engines = {name: known[name] for name in given.engine or known}
    photos = sorted(
        p for p in given.photos.iterdir() if p.suffix.lower() in (".png", ".jpg", ".tif")
    )
    rows: list[dict[str, object]] = []
    print(hardware())
    for protocol in PROTOCOLS:
        for row in measure(photos, protocol, engines):
            rows.append(row)
            show(row)
    for row in () if given.no_speed else speed(engines):
        rows.append(row)
        show(row)
    if given.write:
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        note = f"{len(photos)} photos of photos/val, 8 bits; {hardware()}; `benchmarks/isp.py`."
        replace_block(ROOT / "docs" / "results.md", "developed", f"{tables(rows)}\n\n{note}")
        replace_block(ROOT / "models" / "isp" / zoo.CARD, "measured", f"{tables(rows)}\n\n{note}")


def tables(rows: list[dict[str, object]]) -> str:
    """Markdown: quality, an engine a column, and cost."""
    engines = list(dict.fromkeys(str(row["engine"]) for row in rows))
    sets: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        sets.setdefault(str(row["set"]), []).append(row)
    quality = [
        [
            name,
            *(
                f"{row['psnr']:.2f} dB ({row['psnr_worst']:.2f}), {row['delta_e']:.2f}"
                for row in of
            ),
        ]
        for name, of in sets.items()
        if "psnr" in of[0]
    ]
    cost = [
        [name, *(f"{row['seconds']} s, {row['gigabytes']} GB" for row in of)]
        for name, of in sets.items()
        if "seconds" in of[0]
    ]
    head = ["RAW files: PSNR (worst), CIEDE2000", *engines]
    text = markdown_table(head, quality)
    if cost:
        text += "\n\n" + markdown_table(["time of a file, peak memory", *engines], cost)
    return text


if __name__ == "__main__":
    main()
