"""How good the shipped models are: every number that README and cards quote comes from here.

    python benchmarks/quality.py PHOTOS --write

PHOTOS is a folder of clean photos that no model was trained on (the committed numbers: the 20 of
photos/val, BSDS500). All degraded inputs are rounded to 8 bits, as files are, and so are the
outputs. With --write the CSV, the cards' tables and README's table are replaced.
"""

import argparse
import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from blocks import markdown_table, replace_block
from torch import Tensor

from restore_cli import zoo
from restore_cli.degradations.blur import CameraShake, Defocus
from restore_cli.degradations.haze import Haze
from restore_cli.degradations.lowlight import LowLight
from restore_cli.degradations.noise import GaussianNoise, SensorNoise
from restore_cli.degradations.rain import Rain
from restore_cli.degradations.sample import Degradation, Sample
from restore_cli.evaluation.metrics import psnr, ssim
from restore_cli.imaging.picture import READABLE_SUFFIXES, Picture
from restore_cli.inference.restorer import Restorer

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "quality.csv"
COLUMNS = (
    "model", "case", "pictures", "input_psnr", "input_ssim", "psnr", "ssim", "worst_psnr",
    "identical",
)  # fmt: skip
SEED = 20_000  # apart from the seeds of training and validation


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        model: a shipped model's name.
        name: what the row says.
        degrade: clean picture and generator in, degraded picture out.
        sigma: what `--sigma` gets; None is blind.
        target: "clean" compares with the photo; "input" with what went in.
    """

    model: str
    name: str
    degrade: Callable[[Tensor, np.random.Generator], Tensor]
    sigma: float | None = None
    target: str = "clean"


def cases() -> Iterator[Case]:
    """All rows, by model."""
    for sigma in (15, 25, 50):
        noise = _with(GaussianNoise(sigma=(sigma, sigma)))
        yield Case("denoise", f"Gaussian {sigma}, --sigma {sigma}", noise, sigma=sigma)
        yield Case("denoise", f"Gaussian {sigma}, blind", noise)
    yield Case("denoise", "clean photo, blind (against itself)", _dry, target="input")
    # Ranges apart from training's: every training recipe draws from wider or other ones.
    light = Rain(
        layers=(1, 2), angle=(-30, 30), spread=(0, 6), length=(10, 40), width=(1, 2.5),
        density=(10, 60), grains=(1e-3, 5e-3), brightness=(0.3, 0.7), mist_probability=0.0,
    )  # fmt: skip
    heavy = Rain(
        layers=(3, 5), angle=(-60, 60), spread=(5, 30), length=(30, 130), width=(1, 3),
        density=(30, 90), grains=(1e-3, 4e-3), brightness=(0.4, 0.9), mist_probability=0.0,
    )  # fmt: skip
    misty = Rain(
        layers=(2, 3), angle=(-40, 40), length=(10, 60), brightness=(0.3, 0.8),
        mist=(0.1, 0.3), mist_probability=1.0,
    )  # fmt: skip
    yield Case("derain", "light rain", _with(light))
    yield Case("derain", "heavy rain", _with(heavy))
    yield Case("derain", "rain and mist", _with(misty))
    yield Case("derain", "rain by another generator", other_rain)
    yield Case("derain", "dry photo (against itself)", _dry, target="input")
    yield from _cases_of_blur()
    yield from _cases_of_light()
    yield Case("vae-small", "photo through the autoencoder and back", _dry, target="input")


def _cases_of_blur() -> Iterator[Case]:
    grain = GaussianNoise(sigma=(0.5, 2.5))
    shake = CameraShake(extent=(4, 14), jitter=(0.2, 0.7), glow=(1, 1.5))
    defocus = Defocus(radius=(1.2, 3.5), edge=(0.4, 0.8), glow=(1, 1.5))
    short = CameraShake(extent=(2, 4), jitter=(0.2, 0.7), glow=(1, 1.5))
    yield Case("deblur", "camera shake", _with(shake, grain))
    yield Case("deblur", "short camera shake", _with(short, grain))
    yield Case("deblur", "out of focus", _with(defocus, grain))
    yield Case("deblur", "sharp photo (against itself)", _dry, target="input")


def _cases_of_light() -> Iterator[Case]:
    for name, thickness in (("thin", (0.2, 0.5)), ("dense", (0.7, 1.5))):
        haze = Haze(
            thickness=thickness, relief=(0.3, 0.8), airlight=(0.7, 0.95), uneven=(0, 0.2),
            far_probability=0.0,
        )  # fmt: skip
        yield Case("dehaze", f"{name} haze", _with(haze))
    yield Case("dehaze", "clear photo (against itself)", _dry, target="input")
    sensor = SensorNoise(shot=(1e-4, 8e-4), read=(2e-4, 1.5e-3), smear=(0, 0.8), chroma=(1, 1.5))
    for stops in ((1, 2), (2, 4)):
        dark = LowLight(
            stops=stops, uneven=(0.0, 0.6), cast=(1.0, 1.25), gamma=(0.9, 1.2),
            lit_probability=0.0, lamp_probability=0.0,
        )  # fmt: skip
        name = f"{stops[0]} to {stops[1]} stops too dark, noisy"
        yield Case("lowlight", name, _with(dark, sensor))
    yield Case("lowlight", "well-lit photo (against itself)", _dry, target="input")


def other_rain(clean: Tensor, rng: np.random.Generator) -> Tensor:
    """Rain as image-editing tutorials make it, sharing no code with training's generator.

    Thresholded Gaussian noise, smeared by a rotated bar, stretched to the full range, screened.
    """
    height, width = clean.shape[-2:]
    grains = rng.normal(size=(height, width))
    share = rng.uniform(0.005, 0.03)
    spots = np.where(grains > np.quantile(grains, 1 - share), grains, 0).astype(np.float32)
    length = int(rng.integers(15, 60)) | 1
    bar = np.zeros((length, length), np.float32)
    bar[:, length // 2] = 1
    turn = cv2.getRotationMatrix2D((length // 2, length // 2), rng.uniform(-40, 40), 1)
    bar = cv2.warpAffine(bar, turn, (length, length))
    streaks = cv2.GaussianBlur(cv2.filter2D(spots, cv2.CV_32F, bar), (3, 3), 0)
    streaks = np.clip(streaks / np.quantile(streaks, 0.995), 0, 1) * rng.uniform(0.4, 0.9)
    return 1 - (1 - clean) * (1 - torch.from_numpy(streaks.astype(np.float32)))


def measure(case: Case, photos: list[Tensor], restorer: Restorer) -> dict[str, str]:
    """Means over the photos of PSNR and SSIM, before and after; RGB, whole frame, 8-bit values.

    A picture identical to its target has no finite PSNR: those outputs are counted, and left out
    of the mean PSNR.
    """
    values: list[list[float]] = []
    for index, clean in enumerate(photos):
        rng = np.random.default_rng([SEED, index])
        degraded = as_file(case.degrade(clean, rng))
        output = as_file(restorer(degraded, sigma=case.sigma).image)
        target = degraded if case.target == "input" else clean
        values.append([
            float(metric(picture[None], target[None]))
            for picture in (degraded, output)
            for metric in (psnr, ssim)
        ])  # fmt: skip
    keys = ("input_psnr", "input_ssim", "psnr", "ssim")
    columns = zip(keys, zip(*values, strict=True), strict=True)
    finite = {key: [v for v in column if math.isfinite(v)] for key, column in columns}
    text = {k: f"{np.mean(column):.4f}" if column else "" for k, column in finite.items()}
    worst = f"{min(finite['psnr']):.4f}" if finite["psnr"] else ""
    return {
        "model": case.model,
        "case": case.name,
        "pictures": str(len(photos)),
        **text,
        "worst_psnr": worst,
        "identical": str(len(values) - len(finite["psnr"])),
    }


def table(rows: list[dict[str, str]], *, with_model: bool) -> str:
    """Markdown of the measured rows."""
    head = ["what", "input PSNR / SSIM", "restored PSNR / SSIM", "worst picture"]
    lines: list[list[str]] = []
    for row in rows:
        before = _pair(row["input_psnr"], row["input_ssim"])
        after = _pair(row["psnr"], row["ssim"])
        if row["psnr"] and int(row["identical"] or 0):
            after += f", {row['identical']} identical"
        worst = f"{float(row['worst_psnr']):.2f} dB" if row["worst_psnr"] else "identical"
        cells = [row["case"], before, after, worst]
        lines.append(([f"`{row['model']}`"] if with_model else []) + cells)
    return markdown_table((["model"] if with_model else []) + head, lines)


def main() -> None:
    """Measure, print, and with --write replace the committed numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, help="folder of clean photos")
    parser.add_argument("--write", action="store_true", help="replace CSV, cards and README table")
    parser.add_argument("--model", action="append", help="only this model; may be repeated")
    parser.add_argument("--folder", type=Path, help="measure this model folder instead")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    photos = read_photos(arguments.photos)
    rows: list[dict[str, str]] = []
    restorers: dict[str, Restorer] = {}
    wanted = arguments.model or [entry.name for entry in zoo.entries()]
    for case in cases():
        if case.model not in wanted:
            continue
        if case.model not in restorers:
            model = zoo.load(str(arguments.folder or case.model))
            restorers[case.model] = Restorer(model.network, device=arguments.device, tile="none")
        rows.append(measure(case, photos, restorers[case.model]))
        print(table(rows[-1:], with_model=True).splitlines()[-1], flush=True)
    if arguments.write:
        _write(rows)


def _write(rows: list[dict[str, str]]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    measured = {row["model"] for row in rows}
    if RESULTS.exists():  # with --model, the other models keep their rows
        with RESULTS.open(newline="", encoding="utf-8") as file:
            kept = [row for row in csv.DictReader(file) if row["model"] not in measured]
            rows += [{"identical": "0"} | row for row in kept]
    rows.sort(key=lambda row: row["model"])
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    replace_block(ROOT / "README.md", "measured", table(rows, with_model=True))
    for name in measured:
        own = [row for row in rows if row["model"] == name]
        note = f"{own[0]['pictures']} photos of photos/val, RGB, whole frame, 8-bit in and out"
        text = table(own, with_model=False) + f"\n\n{note}; `benchmarks/quality.py`."
        replace_block(ROOT / "models" / name / zoo.CARD, "measured", text)


def _pair(decibel: str, similarity: str) -> str:
    return f"{float(decibel):.2f} dB / {float(similarity):.3f}" if decibel else "identical"


def read_photos(folder: Path) -> list[Tensor]:
    """The pictures of a folder by name, each (3, H, W) in [0, 1], sRGB."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in READABLE_SUFFIXES)
    return [torch.from_numpy(Picture.read(p).to_srgb()).permute(2, 0, 1) for p in paths]


def _with(*steps: Degradation) -> Callable[[Tensor, np.random.Generator], Tensor]:
    def degrade(clean: Tensor, rng: np.random.Generator) -> Tensor:
        sample = Sample(image=clean, target=clean, noise=torch.zeros(1, *clean.shape[-2:]))
        for step in steps:
            sample = step(sample, rng)
        return sample.image

    return degrade


def _dry(clean: Tensor, rng: np.random.Generator) -> Tensor:
    return clean


def as_file(image: Tensor) -> Tensor:
    """Clamped and rounded to the values of an 8-bit file."""
    return (image.clamp(0, 1) * 255 + 0.5).floor() / 255


if __name__ == "__main__":
    main()
