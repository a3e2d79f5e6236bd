"""Each method's claims, measured again: same network, data, steps and seeds for all of its arms.

    python benchmarks/methods.py DATA --method deep-ot --write
    python benchmarks/methods.py DATA --method odcr --for 6h --runs runs/odcr --write
    python benchmarks/methods.py DATA --method odcr --for 10m --seed 1     # to try it out

DATA holds photos/train and photos/val; for `pal` also photos_cc/train and real/lowlight_pairs. With
--for the steps of all arms are the same number, chosen so that the whole takes about that long on
this machine; without it they are the recipe's. Finished runs in --runs are only measured again.
`results/methods.csv` keeps the numbers of every method, one a line; --write replaces those of the
arms and cases that were measured, and the method's table on its page in docs/methods.
"""

import argparse
import importlib
import re
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, cast

from blocks import markdown_table, replace_block
from method_rows import CSV, Row, Settings
from rows import read_rows, write_rows

ROOT = Path(__file__).parents[1]
SEEDS = (1, 2, 3)
METHODS = {
    "deep-ot": ("methods_deep_ot", "deep-ot.md"),
    "odcr": ("methods_odcr", "cut-odcr.md"),
    "eguot": ("methods_eguot", "eguot.md"),
    "baryir": ("methods_baryir", "baryir.md"),
    "pal": ("methods_pal", "pal.md"),
}
"""The module that measures each, and its page in docs/methods."""


class Measured(Protocol):
    """What a method's module offers.

    Attributes:
        METRICS: each metric with the decimals that it is told with.
    """

    METRICS: dict[str, int]

    def measure(self, settings: Settings) -> Iterable[Row]:
        """Train what is to be trained, and measure."""
        ...


def summary(rows: Sequence[Row], metrics: dict[str, int]) -> str:
    """Markdown: one line an arm and case, mean and standard deviation over the seeds."""
    lines: list[list[str]] = []
    for case, arm in dict.fromkeys((row.case, row.arm) for row in rows):
        cells = []
        for metric, digits in metrics.items():
            values = [r.value for r in rows if (r.case, r.arm, r.metric) == (case, arm, metric)]
            spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{statistics.fmean(values):.{digits}f}{spread}" if values else "")
        lines.append([case, arm, *cells])
    return markdown_table(("case", "arm", *metrics), lines)


def table(method: str) -> str:
    """The method's table as its page shows it, from the committed CSV."""
    module = cast("Measured", importlib.import_module(METHODS[method][0]))
    return summary([row for row in read_rows(CSV, Row) if row.method == method], module.METRICS)


def seconds(text: str) -> float:
    """Seconds of "90s", "10m", "2h30m"."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    if not text or not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 90s, 10m, 2h30m")
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return 3600.0 * hours + 60 * minutes + rest


def main() -> None:
    """Measure, print, and keep the rows with --write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder that holds photos/train and photos/val")
    parser.add_argument("--method", required=True, choices=METHODS)
    parser.add_argument("--for", dest="time", type=seconds, help="about how long, e.g. 2h30m")
    parser.add_argument("--runs", type=Path, default=Path("runs/methods"), help="keeps the runs")
    parser.add_argument("--seed", action="append", type=int, help="only this one")
    parser.add_argument("--arm", action="append", help="only this one")
    parser.add_argument("--case", action="append", help="only this one")
    parser.add_argument("--set", action="append", default=[], help="change recipes, as in train")
    parser.add_argument("--write", action="store_true", help="keep CSV and table")
    given = parser.parse_args()
    settings = Settings(
        data=given.data,
        runs=given.runs.resolve() / given.method,
        seeds=tuple(given.seed or SEEDS),
        arms=tuple(given.arm or ()),
        cases=tuple(given.case or ()),
        changes=tuple(given.set),
        seconds=given.time,
    )
    module = cast("Measured", importlib.import_module(METHODS[given.method][0]))
    rows: list[Row] = []
    for row in module.measure(settings):
        rows.append(row)
        print(",".join(map(str, (row.arm, row.case, row.seed, row.metric, row.value))), flush=True)
    print(summary(rows, module.METRICS))
    if given.write:
        new = {(row.method, row.arm, row.case) for row in rows}
        before = read_rows(CSV, Row)
        kept = [row for row in before if (row.method, row.arm, row.case) not in new]
        write_rows(CSV, sorted([*kept, *rows], key=lambda row: row.method))
        replace_block(
            ROOT / "docs" / "methods" / METHODS[given.method][1], "measured", table(given.method)
        )


if __name__ == "__main__":
    main()
