"""What `--task auto` names: right, sure, and as often right as it is sure.

    python benchmarks/names.py PHOTOS ... --real REAL --write

PHOTOS are folders of clean photos, degraded as in `quality_cases.py`; REAL holds folders of real
ones, `noise`, `rain`, `haze`, `lowlight`, and the references of pairs, which are clean. Half of the
answers of a confidence of .5 should be right, and nine in ten of those of .9. With --write
results/names.csv is replaced.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quality_cases import cases
from quality_measure import as_file, read_photos
from rows import write_rows
from torch import Tensor

from restore_cli.api.auto import EARLIER, THRESHOLD, mended_from
from restore_cli.api.looking import Looker
from restore_cli.models import zoo
from restore_cli.models.entries import CARD, naming_model
from restore_cli.training.card import MEASURED_BEGIN, MEASURED_END

SIMULATED = {
    "Gaussian": "noise", "noise of": "noise", "clean": "clean", "light rain": "rain",
    "heavy rain": "rain", "rain by": "rain", "camera shake": "blur", "out of focus": "blur",
    "thin haze": "haze", "dense haze": "haze", "indoor haze": "haze", "haze by": "haze",
    "1 to 2 stops": "low light", "2 to 4 stops": "low light", "5 to 7 stops": "low light",
    "dark with": "low light",
}  # fmt: skip
REAL = {
    "noise": "noise",
    "noise_pairs/noisy": "noise",
    "noise_pairs/reference": "clean",
    "rain": "rain",
    "haze": "haze",
    "lowlight": "low light",
    "lowlight_pairs/dark": "low light",
    "lowlight_pairs/reference": "clean",
}
MOST = 1600  # px of a side that are looked at


@dataclass(frozen=True)
class Row:
    """How a kind of picture is named.

    Attributes:
        what: the kind.
        expected: its name.
        pictures: how many.
        right: share whose likeliest name is that.
        confidence: mean confidence in the likeliest name.
        sure: share named surely enough for `--task auto` to mend it, "clean" left out.
        sure_wrong: share of all that is sure and wrong.
        mostly: the commonest name.
    """

    what: str
    expected: str
    pictures: int
    right: float
    confidence: float
    sure: float
    sure_wrong: float
    mostly: str


def named(look: Looker, what: str, expected: str, pictures: list[Tensor]) -> Row:
    """Look at pictures (3, H, W) of one kind."""
    likeliest: list[tuple[str, float]] = []
    for picture in pictures:
        seen = look(picture[:, :MOST, :MOST].numpy())
        name = max(seen, key=seen.__getitem__)
        likeliest.append((name, seen[name]))
    sure = [name for name, share in likeliest if share >= mended_from(name) and name != "clean"]
    number = len(likeliest)
    row = Row(
        what=what,
        expected=expected,
        pictures=number,
        right=round(sum(name == expected for name, _ in likeliest) / number, 4),
        confidence=round(sum(share for _, share in likeliest) / number, 4),
        sure=round(len(sure) / number, 4),
        sure_wrong=round(sum(name != expected for name in sure) / number, 4),
        mostly=Counter(name for name, _ in likeliest).most_common(1)[0][0],
    )
    print(row, flush=True)
    return row


def table(rows: list[Row]) -> str:
    """The rows as a card shows them."""
    lines = [
        "| what | is | pictures | named so | mean confidence | sure | sure and wrong |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        shares = (row.right, row.confidence, row.sure, row.sure_wrong)
        cells = [row.what, row.expected, str(row.pictures), *(f"{share:.2f}" for share in shares)]
        lines.append(f"| {' | '.join(cells)} |")
    sure = ", ".join(f"{name} from {share}" for name, share in EARLIER.items())
    lines += [
        "",
        f"Sure is what is mended: {sure}, all else from {THRESHOLD}; `benchmarks/names.py`.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and with --write replace the committed numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, nargs="+", help="folders of clean photos")
    parser.add_argument("--real", type=Path, help="folder of the real ones")
    parser.add_argument("--write", action="store_true", help="replace results/names.csv")
    chosen = parser.parse_args()
    look = Looker(zoo.load(naming_model()).network)
    rows: list[Row] = []
    for folder in chosen.photos:
        photos = read_photos(folder)
        for case in cases():
            expected = next((v for k, v in SIMULATED.items() if case.name.startswith(k)), None)
            if case.model != "auto" or expected is None or "and" in case.name.split():
                continue
            degraded = [
                as_file(case.degrade(photo, np.random.default_rng(number)))
                for number, photo in enumerate(photos)
            ]
            rows.append(
                named(look, f"{folder.parent.name}/{folder.name}: {case.name}", expected, degraded)
            )
    for name, expected in REAL.items() if chosen.real else ():
        rows.append(named(look, f"real {name}", expected, read_photos(chosen.real / name)))
    if chosen.write:
        write_rows("names.csv", rows)
        card = Path(naming_model()) / CARD
        text = card.read_text(encoding="utf-8")
        before, rest = text.split(MEASURED_BEGIN)
        after = rest.split(MEASURED_END)[1]
        written = f"{before}{MEASURED_BEGIN}\n{table(rows)}\n{MEASURED_END}{after}"
        card.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
