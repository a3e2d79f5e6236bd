"""The report's tables."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from report_samples import METRICS, gathered

from restore_cli.evaluation.measurement import Measurement, MetricInfo, Row
from restore_cli.evaluation.pairing import Pair
from restore_cli.evaluation.report.tables import differences, headline
from restore_cli.evaluation.statistics import Difference

PLACES = {"psnr": 2, "ssim": 4, "photometric-share": 4, "fid": 2}
FID = MetricInfo("fid", "", False, False, "FID; Inception v3")


def _measurement(label: str, psnrs: list[float]) -> Measurement:
    rows = [
        Row(
            Pair(f"p{index}", Path("a"), Path("b")),
            8,
            8,
            {"psnr": value, "ssim": 0.5, "photometric-share": 0.25},
        )
        for index, value in enumerate(psnrs)
    ]
    return gathered(label, rows)


def _cells(html: str) -> list[list[str]]:
    """The words of each cell, by row."""
    return [
        [
            re.sub(r"<[^>]*>", "", cell).strip()
            for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)
        ]
        for row in re.findall(r"<tr.*?>(.*?)</tr>", html)
    ]


def test_the_headline_gives_mean_median_tail_and_worst() -> None:
    cells = _cells(headline([_measurement("a", [30.0, 20.0, 40.0, math.inf])], PLACES))
    assert cells[0] == [
        "Mean", "Median", "Worst 5 %", "Worst", "Worst picture", "Identical", "Pictures",
    ]  # fmt: skip
    assert cells[1] == ["psnr dB higher is betterPSNR; RGB; range 1; whole frame"]
    assert cells[2] == ["30.00", "35.00", "21.50", "20.00", "p1", "1", "4"]
    assert cells[4] == ["0.5000", "0.5000", "0.5000", "0.5000", "p0", "0", "4"]


def test_every_output_has_its_line_and_colour() -> None:
    html = headline([_measurement("a", [30.0]), _measurement("b", [31.0])], PLACES)
    assert [row[:2] for row in _cells(html)[2:4]] == [["a", "30.00"], ["b", "31.00"]]
    assert html.count("swatch output-1") == len(METRICS)


def test_all_identical() -> None:
    cells = _cells(headline([_measurement("a", [math.inf, math.inf])], PLACES))
    assert cells[2] == ["identical"] * 4 + ["p0", "2", "2"]


def test_a_metric_of_the_whole_set_has_one_number() -> None:
    one = _measurement("a", [30.0])
    one = replace(one, metrics={**one.metrics, "fid": FID}, totals={**one.totals, "fid": 12.345})
    cells = _cells(headline([one], PLACES))
    assert cells[-1] == ["12.35", "one number for the whole set", "1"]


@pytest.mark.parametrize(
    ("difference", "metric", "words"),
    [
        (Difference(0.5, 0.25, 0.75, 9, 1, 0), "psnr", "b is better"),
        (Difference(-0.5, -0.75, -0.25, 1, 9, 0), "psnr", "a is better"),
        (Difference(-0.5, -0.75, -0.25, 9, 1, 0), "photometric-share", "b is better"),
        (Difference(0.1, -0.25, 0.75, 6, 4, 0), "psnr", "not told from chance"),
        (Difference(0.1, math.nan, math.nan, 1, 0, 0), "psnr", "not told from chance"),
    ],
)
def test_a_difference_is_put_in_words(difference: Difference, metric: str, words: str) -> None:
    cells = _cells(differences({("a", "b", metric): difference}, METRICS, PLACES))
    assert cells[1][-1] == words


def test_a_difference_gives_its_interval_and_counts() -> None:
    found = {("a", "b", "psnr"): Difference(0.5, -0.25, 0.75, 9, 1, 2)}
    html = differences(found, METRICS, PLACES)
    row = _cells(html)[1]
    assert row[:4] == ["psnr", "b less a", "+0.500 dB", "−0.250 to +0.750"]
    assert row[5:8] == ["9", "1", "2"]
    # Drawn from -0.25 to 0.75 around a zero in the middle (72): 66 px are 0.75.
    assert 'class="span" x1="50.0" x2="138.0"' in html


def test_one_picture_has_no_interval() -> None:
    found = {("a", "b", "psnr"): Difference(0.5, math.nan, math.nan, 1, 0, 0)}
    row = _cells(differences(found, METRICS, PLACES))[1]
    assert row[3] == "too few pictures"


def test_pictures_that_the_mean_leaves_out_are_counted() -> None:
    found = {("a", "b", "psnr"): Difference(0.5, 0.25, 0.75, 3, 1, 0, left_out=2)}
    row = _cells(differences(found, METRICS, PLACES))[1]
    assert row[-1] == "b is better (mean without 2 pictures)"


def test_labels_and_names_are_escaped() -> None:
    one = _measurement("<a>", [30.0])
    found = {("<a>", "&", "psnr"): Difference(0.5, 0.25, 0.75, 9, 1, 0)}
    html = headline([one, one], PLACES) + differences(found, METRICS, PLACES)
    assert "<a>" not in html
    assert "&lt;a&gt;" in html
    assert "&amp; is better" in html
