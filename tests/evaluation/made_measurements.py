"""Measurements made of plain numbers, and gates over them."""

import math
from collections.abc import Mapping
from pathlib import Path

from restore_cli.evaluation.baseline import load, save
from restore_cli.evaluation.gate import Bounds, Verdict, judge
from restore_cli.evaluation.measurement import Measurement, MetricInfo, Row
from restore_cli.evaluation.pairing import Pair

INF = math.inf
INFOS = {
    "psnr": MetricInfo("psnr", "dB", True, True, "PSNR; RGB; range 1; whole frame"),
    "delta-e": MetricInfo("delta-e", "", False, True, "CIEDE2000; D65"),
    "fid": MetricInfo("fid", "", False, False, "FID; Inception v3"),
}


def measured(totals: Mapping[str, float] | None = None, **values: list[float]) -> Measurement:
    """A measurement of one row per value; `delta_e` stands for delta-e."""
    named = {name.replace("_", "-"): numbers for name, numbers in values.items()}
    count = len(next(iter(named.values())))
    rows = [
        Row(
            Pair(f"sub/img {i:02}", Path("o"), Path("r")),
            4,
            4,
            {name: numbers[i] for name, numbers in named.items()},
        )
        for i in range(count)
    ]
    means: dict[str, float] = {}
    for name, numbers in named.items():
        finite = [number for number in numbers if math.isfinite(number)]
        means[name] = sum(finite) / len(finite) if finite else numbers[0]
    means |= totals or {}
    return Measurement("out", rows, {name: INFOS[name] for name in means}, means)


def judged(
    folder: Path,
    before: Measurement,
    now: Measurement,
    means: Mapping[str, float] | None = None,
    each: Mapping[str, float] | None = None,
) -> Verdict:
    """Keep the one as a baseline, and judge the other by it."""
    save(folder / "baseline.json", before)
    return judge(now, load(folder / "baseline.json"), Bounds(means or {}, each or {}))
