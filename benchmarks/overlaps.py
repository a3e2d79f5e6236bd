"""The least overlap of tiles at which no seam shows, for each shipped model.

    python benchmarks/overlaps.py --write

Every picture is computed whole and in tiles of 192 px, the smallest that `--tile auto` takes, in
fp32 by torch. A seam shows where the two differ by more than 1/255 anywhere. Writes
`results/overlaps.csv`, and with --write `[infer] overlap` of the models' recipes.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from rows import write_rows
from torch import Tensor

from restore_cli.engine.restorer import Restorer
from restore_cli.images.picture import Picture
from restore_cli.models import entries, zoo

ROOT = Path(__file__).parents[1]
OVERLAPS = (16, 24, 32, 48, 64, 80, 96, 128)
HEIGHT, WIDTH = 256, 320
TILE = 192


@dataclass(frozen=True)
class Row:
    """Largest difference between tiled and whole, of 255."""

    model: str
    overlap: int
    photo: float
    noisy: float
    dark: float
    flat: float


def pictures(mosaic: bool) -> dict[str, Tensor]:
    """A photo, the same with noise and rain-like lines, the same dark, and a flat field."""
    path = sorted((ROOT / "examples" / "photos").glob("*.*"))[0]
    photo = torch.from_numpy(Picture.read(path).to_srgb().transpose(2, 0, 1).copy())
    photo = photo[:, :HEIGHT, :WIDTH].contiguous()
    generator = torch.Generator().manual_seed(0)
    noisy = photo + 0.1 * torch.randn(photo.shape, generator=generator)
    noisy[:, :, ::37] += 0.3
    made = {"photo": photo, "noisy": noisy.clamp(0, 1), "dark": photo**2 / 8}
    made["flat"] = torch.full_like(photo, 0.5)
    if mosaic:
        kept = torch.zeros_like(photo)
        for colour, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
            kept[colour, row::2, column::2] = 1
        made = {name: picture * kept for name, picture in made.items()}
    return made


def rows(name: str) -> Iterator[Row]:
    """From small overlaps on, until two in a row show no seam."""
    network = zoo.load(name).network
    seen = pictures(network.info.input == "mosaic")
    whole = {
        kind: Restorer(network, device="cpu", precision="fp32", tile="none")(picture).image
        for kind, picture in seen.items()
    }
    good = 0
    for overlap in OVERLAPS:
        restorer = Restorer(network, device="cpu", precision="fp32", tile=TILE, overlap=overlap)
        worst = {
            kind: round(255 * float((restorer(picture).image - whole[kind]).abs().max()), 3)
            for kind, picture in seen.items()
        }
        yield Row(name, overlap, **worst)
        good = good + 1 if max(worst.values()) <= 1 else 0
        if good == 2:
            return


def chosen(found: list[Row]) -> int:
    """One step above the first overlap from which on no seam shows: one photo is not all."""
    bad = [row.overlap for row in found if max(row.photo, row.noisy, row.dark, row.flat) > 1]
    good = [row.overlap for row in found if row.overlap > max(bad, default=0)]
    return good[1] if len(good) > 1 else OVERLAPS[-1]


def write_recipe(folder: Path, overlap: int) -> None:
    """Change one number of a model's recipe, which also lies in its weights' metadata.

    The tensors stay as they are: fp16 that was read as fp32 is written as the same fp16.
    """
    path = folder / entries.RECIPE
    text = path.read_text(encoding="utf-8")
    told = f"[infer]\noverlap = {overlap}\n"
    pattern = r"\[infer\]\noverlap = \d+\n"
    text = re.sub(pattern, told, text) if re.search(pattern, text) else f"{text}\n{told}"
    path.write_text(text, encoding="utf-8")
    (folder / entries.SUMS).unlink()  # of the old recipe; `export` writes new ones
    model = zoo.load(str(folder))
    assert model.recipe is not None
    card = (folder / entries.CARD).read_text(encoding="utf-8")
    zoo.export(folder, model.network, model.recipe, card)


def main() -> None:
    """Measure, print, write the CSV and with --write the recipes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="change the models' recipes")
    arguments = parser.parse_args()
    found: list[Row] = []
    for entry in entries.entries():
        if entry.task == "vae":
            continue
        own: list[Row] = []
        for row in rows(entry.name):
            own.append(row)
            print(row, flush=True)
        if arguments.write:
            write_recipe(entry.folder, chosen(own))
        found += own
        write_rows("overlaps.csv", found)


if __name__ == "__main__":
    main()
