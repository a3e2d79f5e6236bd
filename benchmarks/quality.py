"""How good the shipped models are: every number that results and cards quote comes from here.

    python benchmarks/quality.py PHOTOS ... --pairs REAL --write

PHOTOS are folders of clean photos that no model was trained on (the committed numbers: the 20 of
photos/val, BSDS500, and the 11 of photos_cc/val). All degraded inputs are rounded to 8 bits, as
files are, and so are the outputs. REAL is a folder with real pairs: lowlight_pairs/dark and
/reference, noise_pairs/noisy and /reference. With --write the CSV, the cards' tables and the
documents' table are replaced.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from blocks import markdown_table, replace_block
from quality_cases import Case, cases
from quality_measure import Restoring, Values, as_file, compared, means, read_photos
from quality_pairs import measure_pairs
from torch import Tensor

from restore_cli.engine.restorer import Restorer
from restore_cli.models import zoo

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "quality.csv"
COLUMNS = (
    "model", "case", "photos", "pictures", "input_psnr", "input_ssim", "psnr", "ssim", "worst_psnr",
    "identical",
)  # fmt: skip
SEED = 20_000  # apart from the seeds of training and validation


def measure(case: Case, photos: list[Tensor], restorer: Restoring) -> dict[str, str]:
    """Means over the photos of PSNR and SSIM, before and after; RGB, whole frame, 8-bit values.

    A picture identical to its target has no finite PSNR: those outputs are counted, and left out
    of the mean PSNR.
    """
    values: list[Values] = []
    for index, clean in enumerate(photos):
        rng = np.random.default_rng([SEED, index])
        degraded = as_file(case.degrade(clean, rng))
        target = degraded if case.target == "input" else clean
        if case.turned:
            degraded, target = (x.rot90(1, (1, 2)).contiguous() for x in (degraded, target))
        output = as_file(restorer(degraded, level=case.sigma).image)
        values.append(compared(degraded, output, target))
    return {"model": case.model, "case": case.name} | means(values)


def table(rows: list[dict[str, str]], *, with_model: bool) -> str:
    """Markdown of the measured rows."""
    head = ["what", "photos", "input PSNR / SSIM", "restored PSNR / SSIM", "worst picture"]
    lines: list[list[str]] = []
    for row in rows:
        before = _pair(row["input_psnr"], row["input_ssim"])
        after = _pair(row["psnr"], row["ssim"])
        if row["psnr"] and int(row["identical"] or 0):
            after += f", {row['identical']} identical"
        worst = f"{float(row['worst_psnr']):.2f} dB" if row["worst_psnr"] else "identical"
        cells = [row["case"], f"{row['photos']} ({row['pictures']})", before, after, worst]
        lines.append(([f"`{row['model']}`"] if with_model else []) + cells)
    return markdown_table((["model"] if with_model else []) + head, lines)


def main() -> None:
    """Measure, print, and with --write replace the committed numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, nargs="*", help="folders of clean photos")
    parser.add_argument("--pairs", type=Path, help="folder of real pairs")
    parser.add_argument(
        "--write", action="store_true", help="replace CSV, cards and the documents' table"
    )
    parser.add_argument("--model", action="append", help="only this model; may be repeated")
    parser.add_argument("--folder", type=Path, help="measure this model folder instead")
    parser.add_argument("--first", type=int, help="only so many pictures of each folder")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    rows: list[dict[str, str]] = []
    for model in arguments.model or [entry.name for entry in zoo.entries()]:
        loaded = zoo.load(str(arguments.folder or model))
        restorer = Restorer(loaded.network, device=arguments.device, overlap=loaded.overlap)
        for row in _rows(model, restorer, arguments):
            rows.append(row)
            print(row["photos"], table([row], with_model=True).splitlines()[-1], flush=True)
    if arguments.write:
        _write(rows)


def _rows(model: str, restorer: Restorer, chosen: argparse.Namespace) -> Iterator[dict[str, str]]:
    """All rows of one model."""
    for folder in chosen.photos:
        photos = read_photos(folder)[: chosen.first]
        for case in cases():
            if case.model == model:
                yield measure(case, photos, restorer) | {"photos": _name(folder)}
    if chosen.pairs:
        for row in measure_pairs(model, chosen.pairs, restorer, first=chosen.first):
            yield row | {"model": model}


def _name(folder: Path) -> str:
    return "/".join(folder.resolve().parts[-2:])


def _write(rows: list[dict[str, str]]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    measured = {row["model"] for row in rows}
    if RESULTS.exists():  # with --model, the other models keep their rows
        with RESULTS.open(newline="", encoding="utf-8") as file:
            kept = [row for row in csv.DictReader(file) if row["model"] not in measured]
            rows += kept
    rows.sort(key=lambda row: row["model"])
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(COLUMNS), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    replace_block(ROOT / "docs" / "results.md", "measured", table(rows, with_model=True))
    for name in measured:
        own = [row for row in rows if row["model"] == name]
        note = "RGB, whole frame, 8-bit in and out; `benchmarks/quality.py`."
        text = table(own, with_model=False) + f"\n\n{note}"
        replace_block(ROOT / "models" / name / zoo.CARD, "measured", text)


def _pair(decibel: str, similarity: str) -> str:
    return f"{float(decibel):.2f} dB / {float(similarity):.3f}" if decibel else "identical"


if __name__ == "__main__":
    main()
