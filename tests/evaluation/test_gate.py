"""What stops a gate, and what is told of the rest."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from made_measurements import INF, INFOS, judged, measured

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.evaluation.baseline import load, save
from restore_cli.evaluation.gate import Bounds, Check, judge, parse_max_drop
from restore_cli.evaluation.pairing import Pair


def test_the_same_numbers_pass(tmp_path: Path) -> None:
    same = measured({"fid": 3.0}, psnr=[30.0, INF], delta_e=[1.0, 0.0])
    assert judged(tmp_path, same, same, {"psnr": 0.0, "delta-e": 0.0, "fid": 0.0}).fallen == []


def test_a_mean_that_fell_too_far_lists_its_pictures_worst_first(tmp_path: Path) -> None:
    before, now = measured(psnr=[30.0, 31.0, 32.0, 33.0]), measured(psnr=[29.9, 31.0, 31.5, 33.0])
    verdict = judged(tmp_path, before, now, {"psnr": 0.05})
    found = verdict.fallen
    assert not verdict.passed
    assert verdict.failed == found[:1], "the pictures explain, and stop nothing"
    assert [(fall.metric, fall.name) for fall in found] == [
        ("psnr", None),
        ("psnr", "sub/img 02"),
        ("psnr", "sub/img 00"),
    ]
    assert (found[0].before, found[0].now) == (31.5, pytest.approx(31.35))
    assert found[1] == Check("psnr", "sub/img 02", 32.0, 31.5, 0.5, None, True)
    assert (found[0].subject, found[0].words) == (
        "psnr (mean)", "31.5000 -> 31.3500, may fall by 0.05",
    )  # fmt: skip
    assert found[1].words == "32.0000 -> 31.5000, worse by 0.5000"


def test_a_fall_within_the_bound_passes_also_at_its_very_edge(tmp_path: Path) -> None:
    before = measured(psnr=[30.05, 31.05])
    assert judged(tmp_path, before, measured(psnr=[30.0, 31.0]), {"psnr": 0.05}).passed
    assert judged(tmp_path, before, measured(psnr=[29.9, 31.15]), {"psnr": 0.05}).passed
    assert not judged(tmp_path, before, measured(psnr=[29.999, 31.0]), {"psnr": 0.05}).passed


def test_rising_is_falling_where_lower_is_better(tmp_path: Path) -> None:
    before = measured({"fid": 10.0}, delta_e=[1.0, 2.0])
    worse, better = (
        measured({"fid": 10.5}, delta_e=[1.2, 2.0]),
        measured({"fid": 9.0}, delta_e=[0.0, 0.0]),
    )
    bounds = {"delta-e": 0.05, "fid": 0.2}
    assert [(f.metric, f.name) for f in judged(tmp_path, before, worse, bounds).fallen] == [
        ("delta-e", None),
        ("delta-e", "sub/img 00"),
        ("fid", None),
    ]
    assert judged(tmp_path, before, better, bounds).fallen == []


def test_losing_identity_fails_although_the_mean_rose(tmp_path: Path) -> None:
    before, now = measured(psnr=[INF, 30.0, 31.0]), measured(psnr=[70.0, 30.0, 31.0])
    assert now.totals["psnr"] > before.totals["psnr"]
    assert judged(tmp_path, before, now, {"psnr": 0.05}).failed == [
        Check("psnr", "sub/img 00", INF, 70.0, INF, 0.05, True)
    ]


def test_becoming_identical_is_no_fall_although_the_mean_sank(tmp_path: Path) -> None:
    before, now = measured(psnr=[60.0, 30.0]), measured(psnr=[INF, 30.0])
    assert now.totals["psnr"] < before.totals["psnr"]
    assert judged(tmp_path, before, now, {"psnr": 0.0}).fallen == []


def test_losing_a_value_fails(tmp_path: Path) -> None:
    before, now = (
        measured({"fid": 3.0}, psnr=[30.0, 31.0]),
        measured({"fid": math.nan}, psnr=[math.nan, 31.0]),
    )
    found = judged(tmp_path, before, now, {"psnr": 1.0, "fid": 1.0}).failed
    assert [(fall.metric, fall.name) for fall in found] == [("psnr", "sub/img 00"), ("fid", None)]


def test_other_pictures_are_refused_and_listed(tmp_path: Path) -> None:
    save(tmp_path / "b.json", measured(psnr=[30.0, 31.0]))
    now = measured(psnr=[30.0, 31.0])
    moved = replace(now.rows[1], pair=Pair("new", Path("o"), Path("r")))
    changed = replace(now, rows=[now.rows[0], moved])
    with pytest.raises(RestoreError) as caught:
        judge(changed, load(tmp_path / "b.json"), Bounds({"psnr": 0.1}))
    assert "sub/img 01 is in the baseline, but was not measured" in caught.value.message
    assert "new was measured, but is not in the baseline" in caught.value.message
    assert caught.value.exit_code == ExitCode.USAGE


def test_other_protocols_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "b.json", measured(psnr=[30.0]))
    now = measured(psnr=[30.0])
    other = replace(INFOS["psnr"], protocol="PSNR; RGB; range 1; border 4 px cropped")
    changed = replace(now, metrics={"psnr": other})
    with pytest.raises(RestoreError, match=r"border 4 px cropped.*now.*whole frame"):
        judge(changed, load(tmp_path / "b.json"), Bounds({"psnr": 0.1}))


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"ssim": 0.1}, "ssim, which was not measured"),
        ({"delta-e": 0.1}, "delta-e, which is not in the baseline"),
        ({}, "nothing says how much may fall"),
    ],
)
def test_bounds_without_numbers_are_refused(
    tmp_path: Path, bounds: dict[str, float], said: str
) -> None:
    before, now = measured(psnr=[30.0]), measured(psnr=[30.0], delta_e=[1.0])
    with pytest.raises(RestoreError, match=said):
        judged(tmp_path, before, now, bounds)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("psnr=0.05,ssim=0.001", {"psnr": 0.05, "ssim": 0.001}),
        (" psnr = 1e-2 , delta-e=0", {"psnr": 0.01, "delta-e": 0.0}),
    ],
)
def test_bounds_are_read(text: str, bounds: dict[str, float]) -> None:
    assert parse_max_drop(text) == bounds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not NAME=NUMBER"),
        ("psnr", "'psnr' is not NAME=NUMBER"),
        ("psnr=", "'psnr=' is not NAME=NUMBER"),
        ("=0.1", "'=0.1' is not NAME=NUMBER"),
        ("psnr=0.1,", "'' is not NAME=NUMBER"),
        ("psnr=much", "'much' for psnr is not a number"),
        ("psnr=0,05", "'05' is not NAME=NUMBER"),
        ("psnr=-0.1", "-0.1 for psnr is not zero or a positive"),
        ("psnr=nan", "'nan' for psnr is not a number"),
        ("psnr=1e400", "'1e400' for psnr is not a number"),
        ("psnr=0.1,ssim=1,psnr=0.2", "names psnr twice"),
        ("psnr=0.1=0.2", "'0.1=0.2' for psnr is not a number"),
    ],
)
def test_nonsense_bounds_are_refused(text: str, said: str) -> None:
    with pytest.raises(RestoreError, match=said) as caught:
        parse_max_drop(text)
    assert caught.value.hint


def test_a_bound_for_each_picture_stops_one_that_the_mean_hides(tmp_path: Path) -> None:
    before, now = measured(psnr=[30.0, 31.0, 32.0]), measured(psnr=[29.0, 31.9, 32.9])
    assert judged(tmp_path, before, now, {"psnr": 0.05}).passed
    verdict = judged(tmp_path, before, now, each={"psnr": 0.5})
    assert [(one.subject, one.words) for one in verdict.failed] == [
        ("psnr sub/img 00", "30.0000 -> 29.0000, may fall by 0.5")
    ]
    assert judged(tmp_path, before, now, each={"psnr": 1.0}).passed
    both = judged(tmp_path, before, now, {"psnr": 0.0}, {"psnr": 0.1})
    assert [one.name for one in both.failed] == ["sub/img 00"]


def test_only_pictures_gate_where_only_they_have_a_bound(tmp_path: Path) -> None:
    before, now = measured(psnr=[30.0, 31.0]), measured(psnr=[29.5, 30.5])
    verdict = judged(tmp_path, before, now, each={"psnr": 0.6})
    assert verdict.passed
    assert [one.name for one in verdict.fallen] == [None, "sub/img 00", "sub/img 01"]


def test_what_is_lost_stops_either_kind_of_gate(tmp_path: Path) -> None:
    before, now = measured(psnr=[INF, 30.0]), measured(psnr=[70.0, 30.0])
    for bounds in ({"means": {"psnr": 9.0}}, {"each": {"psnr": 9.0}}):
        (lost,) = judged(tmp_path, before, now, **bounds).failed
        assert lost.words == "identical -> 70.0000, may fall by 9"


def test_metrics_stand_in_the_order_of_the_bounds(tmp_path: Path) -> None:
    before = measured(psnr=[30.0], delta_e=[1.0])
    now = measured(psnr=[29.0], delta_e=[2.0])
    found = judged(tmp_path, before, now, {"delta-e": 0.1}, {"psnr": 0.1}).failed
    assert [one.subject for one in found] == ["delta-e (mean)", "psnr sub/img 00"]
    assert found[0].words == "1.0000 -> 2.0000, may rise by 0.1"


def test_a_number_of_the_whole_set_has_no_picture_to_bound(tmp_path: Path) -> None:
    one = measured({"fid": 3.0}, psnr=[30.0])
    with pytest.raises(RestoreError, match="fid, which is one number for the whole set") as caught:
        judged(tmp_path, one, one, each={"fid": 1.0})
    assert caught.value.hint == "name it in --max-drop instead"


def test_the_option_is_named_in_what_is_refused() -> None:
    with pytest.raises(RestoreError, match="--max-drop-each: 'much' for psnr"):
        parse_max_drop("psnr=much", "--max-drop-each")
