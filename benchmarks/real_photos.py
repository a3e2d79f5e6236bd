"""Real photographs, restored and looked at: how much they change, and what a person saw.

    python benchmarks/real_photos.py REAL [--model derain] [--sheets DIR] --write

REAL holds `rain`, `haze`, `lowlight` and `noise`, photos without a truth; which ones, and what was
seen, stands in `real_photos.toml`. --sheets writes each model's photos before and after, to be
looked at: they are not ours to pass on. With --write results/real_photos.csv and the table in
docs/results.md are replaced; what was seen is written by hand, after looking, and must be mended
when a model changes: the table says of which weights it speaks.
"""

import argparse
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blocks import markdown_table, replace_block
from contact_sheet import as_row, stacked
from quality_measure import as_file, read_picture
from rows import read_rows, write_rows
from torch import Tensor

from restore_cli.engine.restorer import Restorer
from restore_cli.images.picture import Picture
from restore_cli.models import zoo

ROOT = Path(__file__).parents[1]
CSV = "real_photos.csv"
SEEN = Path(__file__).with_suffix(".toml")
VISIBLE = 2 / 255


@dataclass(frozen=True)
class Row:
    """What one model does to one photo.

    Attributes:
        model: a shipped model's name.
        weights: the beginning of its file's SHA-256.
        photo: name without its ending.
        level: told, or "auto".
        change: mean absolute difference from the input, levels of 255.
        touched: per cent of the values that change by more than 2 levels.
        before: mean of the input, levels of 255.
        after: mean of the output.
    """

    model: str
    weights: str
    photo: str
    level: str
    change: float
    touched: float
    before: float
    after: float


def measured(model: str, table: dict[str, Any], real: Path, sheets: Path | None) -> list[Row]:
    """Restore a model's photos by its own judgement, and as told where the table tells a level."""
    loaded = zoo.load(model)
    restorer = Restorer(loaded.network, usual_overlap=loaded.overlap)
    levels: list[float | None] = [None, *table.get("levels", ())]
    rows: list[Row] = []
    pictures: list[list[Any]] = []
    for photo in table["photos"]:
        path = next(iter(sorted((real / table["folder"]).glob(f"{photo}.*"))))
        image = read_picture(path)
        outputs = [as_file(restorer(image, level=level).image) for level in levels]
        rows += [
            _row(loaded, photo, level, image, output)
            for level, output in zip(levels, outputs, strict=True)
        ]
        pictures.append(as_row([image, *outputs], 320))
        print(rows[-len(levels)], flush=True)
    if sheets:
        sheets.mkdir(parents=True, exist_ok=True)
        Picture(pixels=stacked(pictures)).write(sheets / f"{model}.jpg")
    return rows


def _row(model: zoo.Model, photo: str, level: float | None, before: Tensor, after: Tensor) -> Row:
    difference = (after - before).abs()
    return Row(
        model=model.name,
        weights=model.sha256[:8],
        photo=photo,
        level="auto" if level is None else f"{level:g}",
        change=round(255 * float(difference.mean()), 2),
        touched=round(100 * float((difference > VISIBLE).float().mean()), 1),
        before=round(255 * float(before.mean()), 1),
        after=round(255 * float(after.mean()), 1),
    )


def table(rows: list[Row], seen: dict[str, Any]) -> str:
    """One line a photo: numbers at auto, and told; what was seen."""
    lines: list[list[str]] = []
    for model, photo in dict.fromkeys((row.model, row.photo) for row in rows):
        own = [row for row in rows if (row.model, row.photo) == (model, photo)]
        changes = "; ".join(
            f"{row.change:.1f}" if row.level == "auto" else f"{row.level}: {row.change:.1f}"
            for row in own
        )
        light = f"{own[0].before:.0f} to {own[0].after:.0f}"
        lines.append([f"`{model}`", photo, changes, light, seen[model]["photos"][photo]])
    return markdown_table(
        ("model", "photo", "mean change at auto; told, of 255", "mean", "seen"), lines
    )


def main() -> None:
    """Measure, print, and with --write replace what is committed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("real", type=Path, help="folder of real photos")
    parser.add_argument("--model", action="append", help="only this model; may be repeated")
    parser.add_argument("--sheets", type=Path, help="folder for pictures of before and after")
    parser.add_argument("--write", action="store_true", help="replace CSV and table")
    arguments = parser.parse_args()
    seen = tomllib.loads(SEEN.read_text(encoding="utf-8"))
    rows = [] if not arguments.model else read_rows(CSV, Row)
    for model in arguments.model or seen:
        new = measured(model, seen[model], arguments.real, arguments.sheets)
        rows = [row for row in rows if row.model != model] + new
    rows.sort(key=lambda row: list(seen).index(row.model))
    text = table(rows, seen)
    print(text)
    if arguments.write:
        write_rows(CSV, rows)
        replace_block(ROOT / "docs" / "results.md", "real-photos", text)


if __name__ == "__main__":
    main()
