"""What `--level` does where the network's own judgement is overruled.

    python benchmarks/levels.py PHOTOS [--real REAL] [--first N] --write

PHOTOS is a folder of clean photos, degraded as in `quality_cases.py`; REAL holds `rain` and `haze`,
real photos without a truth: of these the mean change in levels of 255 says whether they are left
alone. With --write results/levels.csv and the table in docs/results.md are replaced.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from blocks import markdown_table, replace_block
from quality import SEED
from quality_cases import cases
from quality_measure import as_file, compared, means, read_photos
from rows import write_rows
from torch import Tensor

from restore_cli.engine.restorer import Restorer
from restore_cli.models import zoo

TOLD: dict[str, tuple[str, Sequence[float | None]]] = {
    "derain": ("rain", (None, 0.003, 0.01, 0.03, 0.1)),
    "dehaze": ("haze", (None, 0.1, 0.25, 0.45, 0.65)),
}


@dataclass(frozen=True)
class Row:
    """What one level does to one kind of picture.

    Attributes:
        model: a shipped model's name.
        case: the kind of picture.
        level: told; "auto" lets the network judge.
        pictures: how many.
        psnr: mean against the clean photo, dB; empty for real photos, which have none.
        worst: the least of these.
        change: mean absolute difference from the input, levels of 255.
        untouched: pictures that changed by less than half a level.
    """

    model: str
    case: str
    level: str
    pictures: int
    psnr: str
    worst: str
    change: str
    untouched: int


def main() -> None:
    """Measure, print, and with --write replace what is committed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, help="folder of clean photos")
    parser.add_argument("--real", type=Path, help="folder of real photos")
    parser.add_argument("--first", type=int, help="only so many pictures of each kind")
    parser.add_argument("--model", action="append", help="only this model; may be repeated")
    parser.add_argument("--write", action="store_true", help="replace CSV and table")
    arguments = parser.parse_args()
    photos = read_photos(arguments.photos)[: arguments.first]
    rows: list[Row] = []
    for model in arguments.model or TOLD:
        kind, levels = TOLD[model]
        loaded = zoo.load(model)
        restorer = Restorer(loaded.network, usual_overlap=loaded.overlap)
        kinds: dict[str, tuple[list[Tensor], list[Tensor]]] = {}
        for case in (one for one in cases() if one.model == model and not one.turned):
            inputs = [
                as_file(case.degrade(photo, np.random.default_rng([SEED, index])))
                for index, photo in enumerate(photos)
            ]
            kinds[case.name] = inputs, inputs if case.target == "input" else photos
        if arguments.real:
            kinds[f"real {kind}"] = read_photos(arguments.real / kind)[: arguments.first], []
        for name, (inputs, targets) in kinds.items():
            for level in levels:
                rows.append(measured(restorer, model, name, level, inputs, targets))
                print(*cells(rows[-1]), sep=" | ", flush=True)
    if arguments.write:
        write_rows("levels.csv", rows)
        head = ["model", "pictures", "`--level`", "restored", "worst", "mean change, of 255"]
        text = markdown_table(head, [cells(row) for row in rows])
        results = Path(__file__).parents[1] / "docs" / "results.md"
        replace_block(results, "levels", text)


def measured(
    restorer: Restorer,
    model: str,
    case: str,
    level: float | None,
    inputs: list[Tensor],
    targets: list[Tensor],
) -> Row:
    """One row; without targets only the changes are known."""
    outputs = [as_file(restorer(image, level=level).image) for image in inputs]
    changes = [
        255 * float((after - before).abs().mean())
        for before, after in zip(inputs, outputs, strict=True)
    ]
    values = [compared(*three) for three in zip(inputs, outputs, targets, strict=False)]
    of_all = means(values) if values else {"psnr": "", "worst_psnr": ""}
    return Row(
        model=model,
        case=case,
        level="auto" if level is None else f"{level:g}",
        pictures=len(inputs),
        psnr=of_all["psnr"],
        worst=of_all["worst_psnr"],
        change=f"{np.mean(changes):.2f}",
        untouched=sum(change < 0.5 for change in changes),
    )


def cells(row: Row) -> list[str]:
    """What the table says of a row."""
    untouched = f" ({row.untouched} of {row.pictures} below 0.5)" if not row.psnr else ""
    quality = [f"{float(value):.2f} dB" if value else "" for value in (row.psnr, row.worst)]
    kind = f"{row.case} ({row.pictures})"
    return [f"`{row.model}`", kind, row.level, *quality, row.change + untouched]


if __name__ == "__main__":
    main()
