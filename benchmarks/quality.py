"""How good the shipped models are: every number that results and cards quote comes from here.

    python benchmarks/quality.py PHOTOS --write

PHOTOS is a folder of clean photos that no model was trained on (the committed numbers: the 20 of
photos/val, BSDS500). All degraded inputs are rounded to 8 bits, as files are, and so are the
outputs. With --write the CSV, the cards' tables and the documents' table are replaced.
"""

import argparse
import csv
import math
from pathlib import Path

import numpy as np
import torch
from blocks import markdown_table, replace_block
from quality_cases import Case, cases
from torch import Tensor

from restore_cli.engine.restorer import Restorer
from restore_cli.evaluation.metrics import psnr, ssim
from restore_cli.images.picture import READABLE_SUFFIXES, Picture
from restore_cli.models import zoo

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "quality.csv"
COLUMNS = (
    "model", "case", "pictures", "input_psnr", "input_ssim", "psnr", "ssim", "worst_psnr",
    "identical",
)  # fmt: skip
SEED = 20_000  # apart from the seeds of training and validation


def measure(case: Case, photos: list[Tensor], restorer: Restorer) -> dict[str, str]:
    """Means over the photos of PSNR and SSIM, before and after; RGB, whole frame, 8-bit values.

    A picture identical to its target has no finite PSNR: those outputs are counted, and left out
    of the mean PSNR.
    """
    values: list[list[float]] = []
    for index, clean in enumerate(photos):
        rng = np.random.default_rng([SEED, index])
        degraded = as_file(case.degrade(clean, rng))
        output = as_file(restorer(degraded, level=case.sigma).image)
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
    parser.add_argument(
        "--write", action="store_true", help="replace CSV, cards and the documents' table"
    )
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
    replace_block(ROOT / "docs" / "results.md", "measured", table(rows, with_model=True))
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


def as_file(image: Tensor) -> Tensor:
    """Clamped and rounded to the values of an 8-bit file."""
    return (image.clamp(0, 1) * 255 + 0.5).floor() / 255


if __name__ == "__main__":
    main()
