"""How much faster `restore isp --proof` is, on a card as a camera fills it.

    python benchmarks/isp_proof.py ../shared/data/photos/val --write

A folder `DCIM/100TEST` gets RAW files of 6 megapixels (photos side by side, ISO 400) and a JPEG
file of the same name beside each. The whole folder is developed, and proofed, one after the other
in each round; both as PNG (what is written if nothing is said) and as JPEG, which is what one looks
through. Seconds of the clock, and of processors, which other programs change less. The ratio is
that of the rounds' medians.
"""

import argparse
import csv
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from blocks import markdown_table
from isp import ROOT, Protocol, run, shoot, show
from PIL import Image

from restore_cli.images.picture import Picture
from restore_cli.training.hardware import hardware

RESULTS = ROOT / "benchmarks" / "results" / "isp_proof.csv"
FIELDS = ("format", "files", "megapixels", "seconds", "proofs", "faster", "cpu", "proofs_cpu")
HEIGHT, WIDTH = 2000, 3000


def card(photos: list[Path], folder: Path, files: int) -> None:
    """Write the pairs."""
    folder.mkdir(parents=True)
    pictures = [Picture.read(path).to_srgb() for path in photos]
    for number in range(files):
        lines = []
        for row in range(-(-HEIGHT // 321)):
            line = [pictures[(number + 3 * row + i) % len(pictures)] for i in range(12)]
            lines.append(np.hstack([p if p.shape[0] == 321 else np.rot90(p) for p in line]))
        photo = np.vstack([line[:, :WIDTH] for line in lines])[:HEIGHT]
        name = f"DSC{number:05}"
        shoot(photo, folder / f"{name}.DNG", Protocol(plain=False, iso=400), number)
        small = np.round(255 * photo[::4, ::4]).astype(np.uint8)
        Image.fromarray(small).save(folder / f"{name}.JPG")


def seconds(folder: Path, out: Path, files: int, *options: str) -> tuple[float, float]:
    """Of a clock and of processors, for the whole command; every RAW file and no JPEG.

    Raises:
        SystemExit: other files than these were made.
    """
    begun = time.perf_counter()
    lines, usage = run(folder, "-r", "-o", out, "--overwrite", *options)
    taken = time.perf_counter() - begun
    if lines[-1]["done"] != files or len(list(out.rglob("*.??g"))) != files:
        raise SystemExit(f"{files} pictures were expected in {out}")
    return taken, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print; with --write keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--files", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    print(hardware())
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        photos = sorted(p for p in given.photos.iterdir() if p.suffix.lower() in (".png", ".jpg"))
        card(photos, folder / "DCIM" / "100TEST", given.files)
        for kind in ("png", "jpg"):
            taken: dict[str, list[tuple[float, float]]] = {"whole": [], "proof": []}
            for _ in range(given.rounds):
                for name, options in (("whole", ()), ("proof", ("--proof",))):
                    words = ("--format", kind, *options)
                    out = folder / f"{name}-{kind}"
                    taken[name].append(seconds(folder / "DCIM", out, given.files, *words))
            whole, proof = (
                [statistics.median(values) for values in zip(*taken[name], strict=True)]
                for name in ("whole", "proof")
            )
            rows.append(
                {
                    "format": kind,
                    "files": given.files,
                    "megapixels": HEIGHT * WIDTH / 1e6,
                    "seconds": round(whole[0], 1),
                    "proofs": round(proof[0], 1),
                    "faster": f"{whole[0] / proof[0]:.1f}, cpu {whole[1] / proof[1]:.1f}",
                    "cpu": round(whole[1], 1),
                    "proofs_cpu": round(proof[1], 1),
                }
            )
            show(rows[-1])
    if given.write:
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        table = markdown_table(FIELDS, [[str(row[name]) for name in FIELDS] for row in rows])
        note = f"Seconds of the whole command, by the clock and of processors; {hardware()}."
        print(f"{table}\n\n{note}")


if __name__ == "__main__":
    main()
