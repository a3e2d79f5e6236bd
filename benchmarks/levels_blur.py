"""What `--level` does for `deblur`, where somebody knows how wide the blur is, or nearly.

    python benchmarks/levels_blur.py PHOTOS [--first N] --write

PHOTOS is a folder of clean photos: their middles of 256 px are blurred and told the true width in
px, less, and more. With --write results/levels_blur.csv and the table in
docs/results.md are replaced.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from blocks import markdown_table, replace_block
from quality import SEED
from quality_measure import as_file, compared, means, read_photos
from rows import write_rows
from torch import Tensor

from restore_cli.degradations.blur import CameraShake, Defocus
from restore_cli.degradations.noise import GaussianNoise
from restore_cli.degradations.sample import Degradation, Sample
from restore_cli.engine.restorer import Restorer
from restore_cli.models import zoo

BLURS: dict[str, Degradation] = {
    "out of focus": Defocus(radius=(1.2, 3.5), edge=(0.4, 0.8), glow=(1, 1.5)),
    "far out of focus": Defocus(radius=(3.5, 6), edge=(0.4, 0.8), glow=(1, 1.5)),
    "short camera shake": CameraShake(extent=(2, 4), jitter=(0.2, 0.7), glow=(1, 1.5)),
    "camera shake": CameraShake(extent=(4, 14), jitter=(0.2, 0.7), glow=(1, 1.5)),
    "long camera shake": CameraShake(extent=(14, 25), jitter=(0.2, 0.7), glow=(1, 1.5)),
}
GRAIN = GaussianNoise(sigma=(0.5, 2.5))
TOLD: dict[str, float | None] = {"auto": None, "true": 1.0, "0.7 of it": 0.7, "1.4 of it": 1.4}
SIDE = 256


@dataclass(frozen=True)
class Row:
    """What one kind of blur becomes, told one thing.

    Attributes:
        case: the kind of blur.
        width: its mean, px.
        told: of the true width.
        pictures: how many.
        input_psnr: mean before, dB.
        psnr: mean after.
        worst: the least of these.
        better: pictures that come out nearer to the truth than blind.
    """

    case: str
    width: str
    told: str
    pictures: int
    input_psnr: str
    psnr: str
    worst: str
    better: int


def main() -> None:
    """Measure, print, and with --write replace what is committed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, help="folder of clean photos")
    parser.add_argument("--first", type=int, help="only so many pictures")
    parser.add_argument("--write", action="store_true", help="replace CSV and table")
    arguments = parser.parse_args()
    photos = [middle(photo) for photo in read_photos(arguments.photos)[: arguments.first]]
    loaded = zoo.load("deblur")
    restorer = Restorer(loaded.network, usual_overlap=loaded.overlap)
    rows: list[Row] = []
    for name in BLURS:
        rows += measured(restorer, name, photos)
        print(*(" | ".join(cells(row)) for row in rows[-len(TOLD) :]), sep="\n", flush=True)
    if arguments.write:
        write_rows("levels_blur.csv", rows)
        head = ["blur", "mean width", "`--level`", "blurred", "restored", "worst", "above auto"]
        text = markdown_table(head, [cells(row) for row in rows])
        replace_block(Path(__file__).parents[1] / "docs" / "results.md", "levels-blur", text)


def measured(restorer: Restorer, name: str, photos: list[Tensor]) -> list[Row]:
    """The rows of one kind of blur."""
    made = [blurred(BLURS[name], photo, index) for index, photo in enumerate(photos)]
    rows: list[Row] = []
    blind: list[float] = []
    for told, share in TOLD.items():
        outputs = [
            as_file(restorer(image, level=None if share is None else share * width).image)
            for image, width in made
        ]
        inputs = [image for image, _ in made]
        values = [compared(*three) for three in zip(inputs, outputs, photos, strict=True)]
        after = [one[2] for one in values]
        blind = blind or after
        of_all = means(values)
        rows.append(
            Row(
                case=name,
                width=f"{np.mean([width for _, width in made]):.1f}",
                told=told,
                pictures=len(photos),
                input_psnr=of_all["input_psnr"],
                psnr=of_all["psnr"],
                worst=of_all["worst_psnr"],
                better=sum(one > other for one, other in zip(after, blind, strict=True)),
            )
        )
    return rows


def blurred(blur: Degradation, photo: Tensor, index: int) -> tuple[Tensor, float]:
    """A photo as a blurred file, and how wide the blur is, px."""
    rng = np.random.default_rng([SEED, index])
    sample = Sample(image=photo, target=photo, noise=torch.zeros(1, *photo.shape[-2:]))
    sample = blur(sample, rng)
    return as_file(GRAIN(sample, rng).image), sample.level


def middle(photo: Tensor) -> Tensor:
    """The middle of a photo, `SIDE` px at most along each side."""
    top, left = (max(0, size - SIDE) // 2 for size in photo.shape[1:])
    return photo[:, top : top + SIDE, left : left + SIDE].contiguous()


def cells(row: Row) -> list[str]:
    """What the table says of a row."""
    quality = [f"{float(value):.2f} dB" for value in (row.input_psnr, row.psnr, row.worst)]
    better = "" if row.told == "auto" else f"{row.better} of {row.pictures}"
    return [row.case, f"{row.width} px", row.told, *quality, better]


if __name__ == "__main__":
    main()
