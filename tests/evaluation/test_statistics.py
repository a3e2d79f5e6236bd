import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from restore_cli.evaluation.measurement import MetricInfo, Row
from restore_cli.evaluation.pairing import Pair
from restore_cli.evaluation.statistics import paired_difference, summarise

PSNR = MetricInfo("psnr", "dB", True, True, "PSNR; range 1")
DELTA_E = MetricInfo("delta-e", "", False, True, "CIEDE2000")


def rows(values: list[float], name: str = "psnr") -> list[Row]:
    return [
        Row(Pair(f"img_{i}", Path("o"), Path("r")), 4, 4, {name: value})
        for i, value in enumerate(values)
    ]


def test_summary_of_plain_values() -> None:
    values = [30.0, 28.0, 35.0, 31.0]
    summary = summarise(rows(values), PSNR)
    assert summary.mean == pytest.approx(31.0)
    assert summary.median == pytest.approx(30.5)
    assert (summary.worst, summary.worst_name) == (28.0, "img_1")
    assert (summary.identical, summary.count) == (0, 4)


@pytest.mark.parametrize(("info", "percent"), [(PSNR, 5), (DELTA_E, 95)])
@pytest.mark.parametrize("count", [1, 2, 19, 20, 101])
def test_tail_points_to_the_bad_end_as_numpy_has_it(
    info: MetricInfo, percent: int, count: int
) -> None:
    values = np.random.default_rng(count).normal(30, 3, count).tolist()
    summary = summarise(rows(values, info.name), info)
    assert summary.tail == pytest.approx(np.percentile(values, percent), rel=1e-12)
    assert summary.median == pytest.approx(np.median(values), rel=1e-12)
    assert summary.worst == (min(values) if info.higher_is_better else max(values))


def test_identical_pictures_count_but_leave_the_mean_finite() -> None:
    summary = summarise(rows([math.inf, 30.0, math.inf, 40.0, math.inf]), PSNR)
    assert summary.mean == 35.0
    assert summary.median == math.inf
    assert summary.tail == pytest.approx(32.0)
    assert (summary.worst, summary.worst_name) == (30.0, "img_1")
    assert (summary.identical, summary.count) == (3, 5)


def test_all_identical_is_infinite_throughout() -> None:
    summary = summarise(rows([math.inf] * 3), PSNR)
    assert (summary.mean, summary.median, summary.tail, summary.worst) == (math.inf,) * 4
    assert (summary.worst_name, summary.identical) == ("img_0", 3)


def test_values_that_are_not_defined_do_not_count() -> None:
    summary = summarise(rows([math.nan, 30.0, 32.0]), PSNR)
    assert (summary.mean, summary.worst_name, summary.count) == (31.0, "img_1", 2)
    nothing = summarise(rows([math.nan]), PSNR)
    assert nothing.count == 0
    assert math.isnan(nothing.mean)
    assert summarise(rows([1.0], "other"), PSNR).count == 0


def test_sign_of_the_difference_and_who_is_better() -> None:
    a, b = [30.0, 31.0, 32.0, 33.0], [30.5, 31.5, 31.0, 33.0]
    up = paired_difference(a, b, higher_is_better=True)
    assert up.mean == pytest.approx(0.0)
    assert (up.better, up.worse, up.equal) == (2, 1, 1)
    down = paired_difference(a, b, higher_is_better=False)
    assert (down.mean, down.better, down.worse) == (up.mean, 1, 2)
    assert paired_difference([30.0] * 3, [31.0] * 3, higher_is_better=True).mean == 1.0


def test_small_gain_within_noise_is_not_told_from_it() -> None:
    rng = np.random.default_rng(0)
    gains = rng.normal(0, 1, 20)
    gains = 0.03 + 0.5 * (gains - gains.mean()) / gains.std()
    a = rng.uniform(25, 35, 20)
    difference = paired_difference(a.tolist(), (a + gains).tolist(), higher_is_better=True)
    assert difference.mean == pytest.approx(0.03)
    assert difference.low < 0 < difference.high
    assert not difference.is_clear
    # About 0.5 / sqrt(20) * 1.96 to either side.
    assert difference.high - difference.low == pytest.approx(2 * 1.96 * 0.5 / 20**0.5, rel=0.15)


def test_the_same_gain_on_every_picture_is_clear_however_unlike_they_are() -> None:
    a = np.random.default_rng(1).uniform(20, 45, 20)
    difference = paired_difference(a.tolist(), (a + 0.03).tolist(), higher_is_better=True)
    assert difference.is_clear
    assert difference.low == pytest.approx(0.03)
    assert difference.high == pytest.approx(0.03)
    assert difference.better == 20


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    truth, hits, runs = 0.1, 0, 400
    for seed in range(runs):
        a = rng.normal(30, 4, 50)
        b = a + rng.normal(truth, 0.5, 50)
        found = paired_difference(
            a.tolist(), b.tolist(), higher_is_better=True, seed=seed, resamples=1000
        )
        hits += found.low <= truth <= found.high
    # 95 % less the known narrowness at 50 pictures; two and a half standard errors to either side.
    assert 0.91 <= hits / runs <= 0.975


def test_infinite_values_count_in_the_signs_and_are_left_out_of_the_mean() -> None:
    inf, nan = math.inf, math.nan
    a = [inf, inf, 30.0, 30.0, 30.0, nan]
    b = [inf, 30.0, inf, 31.0, 33.0, 30.0]
    found = paired_difference(a, b, higher_is_better=True)
    assert (found.better, found.worse, found.equal) == (3, 1, 1)
    assert found.mean == 2.0
    assert found.left_out == 3
    same = paired_difference([inf, inf], [inf, inf], higher_is_better=True)
    assert (same.equal, same.left_out) == (2, 0)
    assert math.isnan(same.mean)
    assert not same.is_clear


def test_differences_of_rounding_are_none() -> None:
    found = paired_difference([0.1 + 0.2, 30.0], [0.3, 30.0 + 4e-15], higher_is_better=True)
    assert (found.better, found.worse, found.equal) == (0, 0, 2)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pictures_give_no_interval(count: int) -> None:
    found = paired_difference([30.0] * count, [31.0] * count, higher_is_better=True)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert not found.is_clear


def test_seed_decides_the_interval() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(30, 1, 15).tolist(), rng.normal(30, 1, 15).tolist()
    first = paired_difference(a, b, higher_is_better=True, seed=1)
    assert paired_difference(a, b, higher_is_better=True, seed=1) == first
    other = paired_difference(a, b, higher_is_better=True, seed=2)
    assert (other.low, other.high) != (first.low, first.high)


def test_sets_of_unlike_length_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="2 and 1 values"):
        paired_difference([1.0, 2.0], [1.0], higher_is_better=True)


def test_memory_stays_bounded_with_many_pictures() -> None:
    values = np.random.default_rng(4).normal(0, 1, 20_000)
    tracemalloc.start()
    paired_difference([0.0] * values.size, values.tolist(), higher_is_better=True, resamples=500)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All at once would be 80 MB for the draws and 80 MB for what they pick.
    assert peak < 40e6
