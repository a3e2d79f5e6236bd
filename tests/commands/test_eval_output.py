import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eval_sets import sets

from restore_cli.commands.console import Console
from restore_cli.commands.eval_output import (
    Comparison,
    compare,
    picture_record,
    show,
    summary_record,
)
from restore_cli.evaluation.gate import Bounds, Check, Verdict
from restore_cli.evaluation.measurement import Measurement, MetricInfo, Row
from restore_cli.evaluation.metrics import build
from restore_cli.evaluation.pairing import Pair
from restore_cli.evaluation.statistics import Difference

Evaluate = Callable[..., tuple[int, list[dict[str, Any]], str]]
INFOS = {
    "psnr": MetricInfo("psnr", "dB", True, True, "PSNR; range 1"),
    "delta-e": MetricInfo("delta-e", "", False, True, "CIEDE2000"),
    "fid": MetricInfo("fid", "", False, False, "FID; Inception"),
}
COLORS = (0.5, 1.25, 0.75)
NOTHING = Comparison({}, [])


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def row(label: str, name: str, **values: float) -> Row:
    pair = Pair(name, Path(label, f"{name}.png"), Path("truth", f"{name}.png"))
    return Row(pair, width=24, height=20, values=values)


def measured(label: str, *psnr: float, fid: float = 12.3456) -> Measurement:
    """Up to three pictures of these PSNR."""
    rows = [
        row(label, f"{index} [red]", **{"psnr": value, "delta-e": color})
        for index, (value, color) in enumerate(zip(psnr, COLORS, strict=False))
    ]
    finite = [value for value in psnr if math.isfinite(value)]
    mean = sum(finite) / len(finite) if finite else math.inf
    return Measurement(label, rows, INFOS, {"psnr": mean, "delta-e": 1.0, "fid": fid})


def strict(record: dict[str, object], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What a program reads of it; NaN and Infinity are not JSON."""
    Console(json=True).emit(record)
    return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def table(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The lines on stdout, in cells."""
    out, err = capsys.readouterr()
    assert err == ""
    lines = [line.split("  ") for line in out.splitlines()]
    return [[cell.strip() for cell in line if cell.strip()] for line in lines]


def test_the_record_of_a_picture_has_its_numbers_and_what_they_mean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics = build(["psnr", "ssim"], border=2, device=torch.device("cpu"))
    one = row("out", "sub/ä", psnr=math.inf, ssim=math.nan)
    assert strict(picture_record("out", one, metrics), capsys) == {
        "set": "out",
        "name": "sub/ä",
        "output": "out/sub/ä.png",
        "reference": "truth/sub/ä.png",
        "width": 24,
        "height": 20,
        "values": {"psnr": None, "ssim": None},
        "identical": ["psnr"],
        "protocols": {metric.name: metric.protocol for metric in metrics},
        "notes": [],
    }


def test_the_summary_has_each_set_and_metric(capsys: pytest.CaptureFixture[str]) -> None:
    read = strict(summary_record([measured("out", 30.0, math.inf, 40.0)], NOTHING, None), capsys)
    assert (read["event"], read["differences"]) == ("summary", [])
    assert not {"passed", "falls"} & set(read)
    (one,) = read["sets"]
    assert (one["set"], one["pictures"]) == ("out", 3)
    assert one["metrics"]["psnr"] == {
        "mean": 35.0, "median": 40.0, "tail": pytest.approx(31.0), "worst": 30.0,
        "worst_name": "0 [red]", "identical": 1, "count": 3, "unit": "dB",
        "protocol": "PSNR; range 1",
    }  # fmt: skip
    # Of an error the worst is the largest.
    assert one["metrics"]["delta-e"]["worst_name"] == "1 [red]"
    assert one["metrics"]["fid"] == {"value": 12.3456, "unit": "", "protocol": "FID; Inception"}


def test_what_is_infinite_or_undefined_is_null_in_the_summary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = measured("out", math.inf, math.inf, fid=math.nan)
    metrics = strict(summary_record([one], NOTHING, None), capsys)["sets"][0]["metrics"]
    assert metrics["psnr"]["mean"] is metrics["fid"]["value"] is None
    assert metrics["psnr"]["identical"] == metrics["psnr"]["count"] == 2


def test_the_summary_has_differences_and_falls(capsys: pytest.CaptureFixture[str]) -> None:
    sets = [measured("a", 30.0), measured("b", 31.0)]
    differences = {("a", "b", "psnr"): Difference(1.0, math.nan, math.nan, 1, 0, 0)}
    compared = Comparison(differences, [])
    lost = Check("psnr", "0 [red]", math.inf, 30.0, math.inf, 0.05, True)
    verdict = Verdict("then", Bounds({"psnr": 0.05}), [lost])
    read = strict(summary_record(sets, compared, verdict), capsys)
    assert read["differences"] == [
        {
            "first": "a", "second": "b", "metric": "psnr", "mean": 1.0, "low": None, "high": None,
            "better": 1, "worse": 0, "equal": 0, "left_out": 0,
        }
    ]  # fmt: skip
    assert read["passed"] is False
    assert read["falls"] == [
        {
            "metric": "psnr", "name": "0 [red]", "before": None, "now": 30.0, "drop": None,
            "allowed": 0.05, "gates": True,
        }
    ]  # fmt: skip
    passed = Verdict("then", Bounds({"psnr": 0.05}), [])
    assert strict(summary_record(sets, compared, passed), capsys)["passed"] is True


def test_the_table_has_a_line_for_each_metric(capsys: pytest.CaptureFixture[str]) -> None:
    show(Console(), [measured("out", 30.0, math.inf, 40.0)], NOTHING)
    heading, psnr, color, fid, *protocols = table(capsys)
    assert heading == [
        "output", "metric", "mean", "median", "worst 5 %", "worst", "file", "identical",
    ]  # fmt: skip
    assert psnr == [
        "out", "psnr dB", "35.00", "40.00", "31.00", "30.00", "0 [red]", "1",
    ]  # fmt: skip
    assert color[2:] == ["0.8333", "0.7500", "1.2000", "1.2500", "1 [red]"]
    assert fid == ["out", "fid", "12.35"]
    assert [line[0] for line in protocols] == [
        "psnr: PSNR; range 1", "delta-e: CIEDE2000", "fid: FID; Inception",
    ]  # fmt: skip


def test_one_metric_has_the_same_decimals_in_all_sets(capsys: pytest.CaptureFixture[str]) -> None:
    show(Console(), [measured("a", 30.0, fid=1.5), measured("b", 31.0, fid=2.5)], NOTHING)
    values = [line[2] for line in table(capsys) if "fid" in line]
    assert values == ["1.50", "2.50"]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.01, 0.05, "clear"), (-0.01, 0.07, "within chance"), (math.nan, math.nan, "within chance")],
)
def test_differences_are_told_from_chance(
    capsys: pytest.CaptureFixture[str], low: float, high: float, words: str
) -> None:
    found = Difference(0.03, low, high, better=60, worse=8, equal=1)
    both = [measured("before", 30.0), measured("after", 30.03)]
    show(Console(), both, Comparison({("before", "after", "psnr"): found}, []))
    line = table(capsys)[-1]
    assert line[:3] == ["after - before", "psnr", "+0.030"]
    assert line[4:] == ["60", "8", "1", words]


def test_long_names_are_not_cut_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    label = "a folder of results with a rather long name, made in the second week"
    show(Console(), [measured(label, 30.0, 31.0)], NOTHING)
    out = capsys.readouterr().out
    assert label in out
    assert "30.50" in out


def test_json_and_a_file_on_stdout_replace_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    for console in (Console(json=True), Console(stdout_is_taken=True), Console(quiet=True)):
        show(console, [measured("out", 30.0)], NOTHING)
        assert capsys.readouterr() == ("", "")


def test_three_outputs_are_ranked_and_each_compared_with_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    three = [measured(name, *values) for name, values in {
        "a": (30.0, 31.0, 32.0), "b": (33.0, 34.0, 35.0), "c": (31.0, 32.0, 33.0),
    }.items()]  # fmt: skip
    compared = compare(three, seed=0)
    assert [pair[:2] for pair in compared.differences if pair[2] == "psnr"] == [
        ("a", "b"), ("a", "c"), ("b", "c"),
    ]  # fmt: skip
    assert [metric for metric, _ in compared.ranking] == ["psnr", "delta-e"], "fid has no pictures"
    ranking = strict(summary_record(three, compared, None), capsys)["ranking"]
    assert [(one["set"], one["place"], one["best"], one["worst"]) for one in ranking[:3]] == [
        ("b", 1, 1, 1), ("c", 2, 2, 2), ("a", 3, 3, 3),
    ]  # fmt: skip
    show(Console(), three, compared)
    lines = table(capsys)
    start = next(index for index, line in enumerate(lines) if line and line[0] == "ranking")
    assert [line[:3] for line in lines[start + 1 : start + 4]] == [
        ["psnr", "1", "b"], ["psnr", "2", "c"], ["psnr", "3", "a"],
    ]  # fmt: skip
    assert compare(three[:2], seed=0).ranking == []


def test_identical_pictures_are_null_in_json_and_said(evaluate: Evaluate) -> None:
    sets()
    shutil.copy("truth/b.png", "good/b.png")
    code, records, _ = evaluate("good", "truth")
    psnr = records[-1]["sets"][0]["metrics"]["psnr"]
    assert code == 0
    assert [one["identical"] for one in records[:-1]] == [[], ["psnr"], []]
    assert records[1]["values"] == {"psnr": None, "ssim": 1.0}
    assert psnr["identical"] == 1
    expected = [records[index]["values"]["psnr"] for index in (0, 2)]
    assert psnr["mean"] == pytest.approx(np.mean(expected))
    _, records, _ = evaluate("truth", "truth")
    assert records[-1]["sets"][0]["metrics"]["psnr"]["mean"] is None


def test_several_outputs_are_compared_second_less_first(evaluate: Evaluate) -> None:
    sets()
    code, records, _ = evaluate("good", "worse", "--reference", "truth")
    assert code == 0
    assert [one["set"] for one in records[:-1]] == ["good"] * 3 + ["worse"] * 3
    psnr, ssim = records[-1]["differences"]
    assert (psnr["first"], psnr["second"], psnr["metric"]) == ("good", "worse", "psnr")
    assert psnr["mean"] == pytest.approx(-0.1, abs=1e-3)
    assert psnr["low"] <= psnr["mean"] <= psnr["high"] < 0
    assert (psnr["better"], psnr["worse"], psnr["equal"]) == (0, 3, 0)
    assert ssim["mean"] < 0
    _, records, _ = evaluate("worse", "good", "--reference", "truth", "--metrics", "psnr,delta-e")
    psnr, color = records[-1]["differences"]
    assert psnr["mean"] == pytest.approx(0.1, abs=1e-3)
    # Of an error less is better, and the sign is still that of the number.
    assert color["mean"] < 0
    assert color["better"] == psnr["better"] == 3
