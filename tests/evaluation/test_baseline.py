import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.evaluation.baseline import Fall, falls, load, parse_max_drop, save
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
    tmp_path: Path, before: Measurement, now: Measurement, max_drop: dict[str, float]
) -> list[Fall]:
    save(tmp_path / "baseline.json", before)
    return falls(now, load(tmp_path / "baseline.json"), max_drop)


def test_baseline_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    measurement = measured({"fid": 12.25}, psnr=[30.123456789012345, INF], delta_e=[math.nan, 0.0])
    save(path, measurement)
    back = load(path)
    assert back.label == "out"
    assert back.pictures == ["sub/img 00", "sub/img 01"]
    assert back.metrics == measurement.metrics
    assert back.totals == measurement.totals
    assert back.values["psnr"] == {"sub/img 00": 30.123456789012345, "sub/img 01": INF}
    assert math.isnan(back.values["delta-e"]["sub/img 00"])
    assert back.values["fid"] == {}


def test_file_is_strict_json_and_marks_identical_pictures(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    save(path, measured(psnr=[INF, 30.0]))

    def refuse(text: str) -> None:
        raise AssertionError(text)

    raw = json.loads(path.read_text(encoding="ascii"), parse_constant=refuse)
    assert (raw["format"], raw["version"]) == ("restore-eval-baseline", 1)
    psnr = raw["metrics"]["psnr"]
    assert psnr["values"] == {"sub/img 00": None, "sub/img 01": 30.0}
    assert psnr["identical"] == ["sub/img 00"]
    assert psnr["mean"] == 30.0
    assert psnr["protocol"] == INFOS["psnr"].protocol


def test_all_identical_survives(tmp_path: Path) -> None:
    save(tmp_path / "b.json", measured(psnr=[INF, INF]))
    assert json.loads((tmp_path / "b.json").read_text())["metrics"]["psnr"]["mean"] is None
    assert load(tmp_path / "b.json").totals == {"psnr": INF}


def test_any_unicode_name_survives(tmp_path: Path) -> None:
    measurement = measured(psnr=[30.0])
    name = 'Grüße, "日本"\n\U0001f600'
    row = replace(measurement.rows[0], pair=Pair(name, Path("o"), Path("r")))
    save(tmp_path / "b.json", replace(measurement, rows=[row]))
    assert load(tmp_path / "b.json").values == {"psnr": {name: 30.0}}


def test_the_same_numbers_pass(tmp_path: Path) -> None:
    same = measured({"fid": 3.0}, psnr=[30.0, INF], delta_e=[1.0, 0.0])
    assert judged(tmp_path, same, same, {"psnr": 0.0, "delta-e": 0.0, "fid": 0.0}) == []


def test_a_mean_that_fell_too_far_lists_its_pictures_worst_first(tmp_path: Path) -> None:
    before, now = measured(psnr=[30.0, 31.0, 32.0, 33.0]), measured(psnr=[29.9, 31.0, 31.5, 33.0])
    found = judged(tmp_path, before, now, {"psnr": 0.05})
    assert [(fall.metric, fall.name) for fall in found] == [
        ("psnr", None),
        ("psnr", "sub/img 02"),
        ("psnr", "sub/img 00"),
    ]
    assert (found[0].before, found[0].now) == (31.5, pytest.approx(31.35))
    assert found[1] == Fall("psnr", "sub/img 02", 32.0, 31.5, 0.05)


def test_a_fall_within_the_bound_passes_also_at_its_very_edge(tmp_path: Path) -> None:
    before = measured(psnr=[30.05, 31.05])
    assert judged(tmp_path, before, measured(psnr=[30.0, 31.0]), {"psnr": 0.05}) == []
    assert judged(tmp_path, before, measured(psnr=[29.9, 31.15]), {"psnr": 0.05}) == []
    assert judged(tmp_path, before, measured(psnr=[29.999, 31.0]), {"psnr": 0.05}) != []


def test_rising_is_falling_where_lower_is_better(tmp_path: Path) -> None:
    before = measured({"fid": 10.0}, delta_e=[1.0, 2.0])
    worse, better = (
        measured({"fid": 10.5}, delta_e=[1.2, 2.0]),
        measured({"fid": 9.0}, delta_e=[0.0, 0.0]),
    )
    bounds = {"delta-e": 0.05, "fid": 0.2}
    assert [(f.metric, f.name) for f in judged(tmp_path, before, worse, bounds)] == [
        ("delta-e", None),
        ("delta-e", "sub/img 00"),
        ("fid", None),
    ]
    assert judged(tmp_path, before, better, bounds) == []


def test_losing_identity_fails_although_the_mean_rose(tmp_path: Path) -> None:
    before, now = measured(psnr=[INF, 30.0, 31.0]), measured(psnr=[70.0, 30.0, 31.0])
    assert now.totals["psnr"] > before.totals["psnr"]
    assert judged(tmp_path, before, now, {"psnr": 0.05}) == [
        Fall("psnr", "sub/img 00", INF, 70.0, 0.05)
    ]


def test_becoming_identical_is_no_fall_although_the_mean_sank(tmp_path: Path) -> None:
    before, now = measured(psnr=[60.0, 30.0]), measured(psnr=[INF, 30.0])
    assert now.totals["psnr"] < before.totals["psnr"]
    assert judged(tmp_path, before, now, {"psnr": 0.0}) == []


def test_losing_a_value_fails(tmp_path: Path) -> None:
    before, now = (
        measured({"fid": 3.0}, psnr=[30.0, 31.0]),
        measured({"fid": math.nan}, psnr=[math.nan, 31.0]),
    )
    found = judged(tmp_path, before, now, {"psnr": 1.0, "fid": 1.0})
    assert [(fall.metric, fall.name) for fall in found] == [("psnr", "sub/img 00"), ("fid", None)]


def test_other_pictures_are_refused_and_listed(tmp_path: Path) -> None:
    save(tmp_path / "b.json", measured(psnr=[30.0, 31.0]))
    now = measured(psnr=[30.0, 31.0])
    moved = replace(now.rows[1], pair=Pair("new", Path("o"), Path("r")))
    with pytest.raises(RestoreError) as caught:
        falls(replace(now, rows=[now.rows[0], moved]), load(tmp_path / "b.json"), {"psnr": 0.1})
    assert "sub/img 01 is in the baseline, but was not measured" in caught.value.message
    assert "new was measured, but is not in the baseline" in caught.value.message
    assert caught.value.exit_code == ExitCode.USAGE


def test_other_protocols_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "b.json", measured(psnr=[30.0]))
    now = measured(psnr=[30.0])
    other = replace(INFOS["psnr"], protocol="PSNR; RGB; range 1; border 4 px cropped")
    with pytest.raises(RestoreError, match=r"border 4 px cropped.*now.*whole frame"):
        falls(replace(now, metrics={"psnr": other}), load(tmp_path / "b.json"), {"psnr": 0.1})


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


def edited(tmp_path: Path, **changes: object) -> Path:
    path = tmp_path / "b.json"
    save(path, measured(psnr=[30.0, INF]))
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"\x89PNG\r\n\x1a\n", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not a baseline of this program"),
        (b'{"psnr": 31.0}', "not a baseline of this program"),
        (b'{"format": "restore-eval-baseline", "version": 1, "a": NaN}', "not JSON.*NaN"),
        (b'{"format": "restore-eval-baseline", "version": 1}', "damaged: label"),
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(content)
    with pytest.raises(RestoreError, match=said) as caught:
        load(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == ExitCode.USAGE


def test_newer_and_changed_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="version 2; this program reads up to 1"):
        load(edited(tmp_path, version=2))
    with pytest.raises(RestoreError, match="damaged: surprise"):
        load(edited(tmp_path, surprise=1))
    with pytest.raises(
        RestoreError, match=r"damaged: metrics\.psnr\.values: not one value for each"
    ):
        load(edited(tmp_path, pictures=["a", "b", "c"]))
    with pytest.raises(RestoreError, match="there is no baseline"):
        load(tmp_path / "gone.json")
    with pytest.raises(RestoreError, match="cannot be read"):
        load(tmp_path)


def test_baseline_is_written_atomically(tmp_path: Path) -> None:
    (tmp_path / "b.json").mkdir()
    with pytest.raises(RestoreError, match="cannot be written"):
        save(tmp_path / "b.json", measured(psnr=[30.0]))
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


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
        ("psnr=nan", "nan for psnr is not zero or a positive"),
        ("psnr=inf", "inf for psnr is not zero or a positive"),
        ("psnr=0.1,ssim=1,psnr=0.2", "names psnr twice"),
        ("psnr=0.1=0.2", "'0.1=0.2' for psnr is not a number"),
    ],
)
def test_nonsense_bounds_are_refused(text: str, said: str) -> None:
    with pytest.raises(RestoreError, match=said) as caught:
        parse_max_drop(text)
    assert caught.value.hint
