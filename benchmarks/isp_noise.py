"""What `restore isp --denoise` is worth: off, auto, and told the truth, through the whole command.

    python benchmarks/isp_noise.py ../shared/data/photos/val --write

Photos become DNG files of three sensors at ISO 100 to 25600, as in `isp.py` (`camera`), without a
NoiseProfile. They are developed with the noise told to be none (`off`), with noise untold (`auto`),
and told as it was made (by the true NoiseProfile). PSNR in dB at 8 bits; the rank correlation is
that of auto's numbers with the true ones, over all files of a sensor.
"""

import argparse
import csv
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from blocks import markdown_table, replace_block
from isp import ROOT, compare, develop, show

from restore_cli.degradations.cameras import Camera, Noise
from restore_cli.degradations.mosaic import Pattern, Sensor, expose, record
from restore_cli.images.ifd import Field
from restore_cli.images.picture import Picture
from restore_cli.images.profile import decode_srgb
from restore_cli.raw.dng import DngTags, write_dng
from restore_cli.training.hardware import hardware

RESULTS = ROOT / "benchmarks" / "results" / "isp_noise.csv"
ISOS = (100, 400, 1600, 3200, 6400, 25600)
MODES: dict[str, tuple[str, tuple[str, ...]]] = {
    "off": ("untold", ("--denoise", "off")),
    "auto": ("untold", ()),
    "told": ("told", ()),
}
FIELDS = ("sensor", "iso", "sigma", "estimated", *MODES, "auto_to_told", "ranks")


@dataclass(frozen=True)
class Body:
    """A camera's sensor: its colours, area (1 is APS-C), bits, black level and pattern."""

    name: str
    camera: str
    area: float
    bits: int
    black: int
    pattern: Pattern


BODIES = (
    Body("full frame, 14 bits", "Nikon D700", 2.4, 14, 600, "RGGB"),
    Body("APS-C, 12 bits", "Canon EOS 40D", 1.0, 12, 128, "GBRG"),
    Body("small, 10 bits", "Panasonic GH2", 0.25, 10, 64, "BGGR"),
)


def shoot(photo: np.ndarray, folder: Path, name: str, body: Body, iso: float, seed: int) -> None:
    """Write a photo (H, W, 3) in [0, 1] as DNG files: the noise told, and untold."""
    camera, noise = Camera.named(body.camera), Noise.of_iso(iso, size=body.area)
    balanced = expose(decode_srgb(photo), camera)
    sensor = Sensor(pattern=body.pattern, bits=body.bits, black=body.black, noise=noise)
    frame = record(balanced, camera, sensor, np.random.default_rng(seed))
    tags = DngTags(
        pattern=body.pattern,
        black=body.black,
        white=sensor.saturation,
        xyz_to_camera=camera.xyz_to_camera,
        forward=camera.forward(),
        neutral=camera.neutral,
    )
    write_dng(folder / "untold" / f"{name}.dng", frame, tags)
    profile = np.array([noise.shot, noise.read**2], "<f8").tobytes()
    told = replace(tags, more=(Field(51041, 12, 2, profile),))
    write_dng(folder / "told" / f"{name}.dng", frame, told)


def measure(photos: list[Path], body: Body) -> list[dict[str, object]]:
    """One row for each ISO number."""
    rows: list[dict[str, object]] = []
    every: list[tuple[float, float]] = []
    for iso in ISOS:
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            for told in ("told", "untold"):
                (folder / told).mkdir()
            for number, path in enumerate(photos):
                photo = Picture.read(path).to_srgb()
                shoot(photo, folder, path.stem, body, iso, number)
            sigma = {
                mode: _levels(folder / raws, folder / "made" / mode, *options)
                for mode, (raws, options) in MODES.items()
            }
            every += zip(sigma["told"], sigma["auto"], strict=True)
            psnr = {
                name: float(str(compare(photos, folder / "made" / name)["psnr"])) for name in MODES
            }
        rows.append(
            {
                "sensor": body.name,
                "iso": iso,
                "sigma": round(statistics.mean(sigma["told"]), 2),
                "estimated": round(statistics.mean(sigma["auto"]), 2),
                **psnr,
                "auto_to_told": round(psnr["auto"] - psnr["told"], 2),
            }
        )
        show(rows[-1])
    ranks = [np.argsort(np.argsort(values)) for values in zip(*every, strict=True)]
    return [row | {"ranks": round(float(np.corrcoef(*ranks)[0, 1]), 3)} for row in rows]


def _levels(raws: Path, out: Path, *options: str) -> list[float]:
    """Develop a folder; the noise levels that the network was told, in the order of the files."""
    lines, _ = develop(raws, "-o", out, "--look", "none", "--bits", "16", *options)
    told: dict[str, float] = {str(line["input"]): line["noise"]["sigma"] for line in lines[:-1]}
    return [told[name] for name in sorted(told)]


def main() -> None:
    """Measure and print; with --write keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder of photos that no model has seen")
    parser.add_argument("--most", type=int, default=8, help="photos")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    photos = sorted(p for p in given.photos.iterdir() if p.suffix.lower() in (".png", ".jpg"))
    photos = photos[:: max(1, len(photos) // given.most)][: given.most]
    print(hardware())
    rows = [row for body in BODIES for row in measure(photos, body)]
    table = markdown_table(FIELDS, [[str(row[name]) for name in FIELDS] for row in rows])
    print(table)
    if given.write:
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        note = f"{len(photos)} photos of photos/val; `benchmarks/isp_noise.py`."
        replace_block(ROOT / "docs" / "raw.md", "isp-noise", f"{table}\n\n{note}")


if __name__ == "__main__":
    main()
