import csv
import json
import math
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eval_sets import CASES, build, save, sets

from restore_cli.__main__ import main
from restore_cli.evaluation import inception, perceptual
from restore_cli.images.picture import Picture

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def plain_psnr(output: str, reference: str) -> float:
    first, second = (Picture.read(Path(path)).pixels / 65535 for path in (output, reference))
    return float(-10 * math.log10(np.square(first - second).mean()))


Answer = tuple[int, list[dict[str, Any]], str]
Evaluate = Callable[..., Answer]


def test_numbers_and_their_protocols(evaluate: Evaluate) -> None:
    sets()
    code, records, err = evaluate("good", "truth")
    *pictures, summary = records
    assert code == 0
    assert [(one["set"], one["name"]) for one in pictures] == [("good", name) for name in "abc"]
    for one in pictures:
        assert (one["output"], one["reference"]) == (
            f"good/{one['name']}.png", f"truth/{one['name']}.png",
        )  # fmt: skip
        assert (one["width"], one["height"], one["identical"]) == (32, 24, [])
        assert one["values"]["psnr"] == pytest.approx(
            plain_psnr(one["output"], one["reference"]), abs=1e-4
        )
        assert list(one["values"]) == list(one["protocols"]) == ["psnr", "ssim"]
        assert one["protocols"]["psnr"] == "PSNR; RGB or grey; range 1; whole frame"
    (measured,) = summary["sets"]
    psnr = measured["metrics"]["psnr"]
    values = [one["values"]["psnr"] for one in pictures]
    assert summary["event"] == "summary"
    assert summary["differences"] == []
    assert "passed" not in summary
    assert (measured["pictures"], psnr["count"], psnr["identical"]) == (3, 3, 0)
    assert psnr["mean"] == pytest.approx(np.mean(values))
    assert psnr["median"] == pytest.approx(np.median(values))
    assert psnr["worst"] == min(values)
    assert f"{psnr['mean']:.2f}" in err
    assert "PSNR; RGB or grey; range 1; whole frame" in err


def test_csv_has_every_number_with_its_protocol(evaluate: Evaluate) -> None:
    sets()
    shutil.copy("truth/b.png", "good/b.png")
    _, records, _ = evaluate("good", "truth", "--csv", "numbers.csv")
    with Path("numbers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["picture"], row["metric"]) for row in rows] == [
        (name, metric) for name in "abc" for metric in ("psnr", "ssim")
    ]
    for row, one in zip(rows[::2], records, strict=False):
        assert float(row["value"]) == (one["values"]["psnr"] or math.inf)
        assert (row["unit"], row["protocol"]) == ("dB", one["protocols"]["psnr"])


def test_report_shows_every_picture_and_its_photometric_share(evaluate: Evaluate) -> None:
    sets()
    code, records, err = evaluate("good", "worse", "--reference", "truth", "--report", "it.html")
    page = Path("it.html").read_text(encoding="utf-8")
    assert code == 0
    assert "report: it.html" in err
    assert "photometric-share" in records[-1]["sets"][0]["metrics"]
    assert page.startswith("<!")
    assert "photometric" in page
    assert "worse" in page
    assert "data:image/" in page
    small = evaluate("good", "truth", "--report", "none.html", "--report-pictures", "0")
    assert small[0] == 0
    assert "data:image/" not in Path("none.html").read_text(encoding="utf-8")


def test_outputs_of_one_name_are_told_apart(evaluate: Evaluate) -> None:
    sets()
    for run in ("first", "second"):
        shutil.copytree("good", f"{run}/out")
    _, records, _ = evaluate("first/out", "second/out", "--reference", "truth")
    assert [one["set"] for one in records[-1]["sets"]] == ["first/out", "second/out"]
    assert records[-1]["differences"][0]["equal"] == 3


def test_metrics_are_chosen_and_psnr_stands_beside_gtmean(evaluate: Evaluate) -> None:
    sets()
    code, records, err = evaluate("good", "truth", "--metrics", "psnr-y, psnr-gtmean,delta-e")
    assert code == 0
    assert list(records[0]["values"]) == ["psnr-y", "psnr", "psnr-gtmean", "delta-e"]
    assert records[0]["values"]["psnr-gtmean"] >= records[0]["values"]["psnr"] - 0.01
    assert "BT.601" in err


def test_crop_border_is_cropped_and_said(evaluate: Evaluate) -> None:
    sets("a")
    pixels = Picture.read(Path("truth/a.png")).pixels.copy()
    pixels[:2] = 0
    save("good/a.png", pixels)
    assert evaluate("good", "truth")[1][0]["identical"] == []
    _, records, _ = evaluate("good", "truth", "--crop-border", "2")
    assert records[0]["identical"] == ["psnr"]
    assert all("border 2 px cropped" in text for text in records[0]["protocols"].values())


def test_resized_references_are_said_in_every_protocol(evaluate: Evaluate) -> None:
    sets("a")
    save("large.png", np.full((48, 64, 3), 100, np.uint8))
    save("small.png", np.full((24, 32, 3), 100, np.uint8))
    code, records, err = evaluate(
        "small.png", "large.png", "--resize-reference", "--metrics", "psnr,ssim,delta-e",
        "--csv", "numbers.csv",
    )  # fmt: skip
    assert code == 0
    assert (records[0]["width"], records[0]["height"]) == (32, 24)
    assert len(records[0]["protocols"]) == 3
    assert all("resized" in text for text in records[0]["protocols"].values())
    assert err.count("reference resized") == 3
    assert Path("numbers.csv").read_text(encoding="utf-8").count("resized") == 3


def test_subfolders(evaluate: Evaluate) -> None:
    sets("a", "x/y/b")
    _, records, _ = evaluate("good", "truth", "-r")
    assert [one["name"] for one in records[:-1]] == ["a", "x/y/b"]
    assert len(evaluate("good", "truth")[1]) == 2


def test_grey_deep_and_suffixed_outputs_are_fine(evaluate: Evaluate) -> None:
    grey = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32, 1)
    save("truth/photo.jpg", np.repeat(grey // 4, 3, axis=2).astype(np.uint8))
    save("good/photo_derain-denoise.tif", grey * 64)
    code, records, _ = evaluate("good", "truth")
    assert code == 0
    assert records[0]["name"] == "photo"
    assert records[0]["values"]["psnr"] > 25


def test_batches_and_threads_do_not_change_numbers(evaluate: Evaluate) -> None:
    sets(*"abcdefg")
    one = evaluate("good", "truth", "--batch-size", "1", "-j", "1")[1]
    many = evaluate("good", "truth", "--batch-size", "4", "-j", "3")[1]
    assert [record["name"] for record in many[:-1]] == list("abcdefg")
    for first, second in zip(one[:-1], many[:-1], strict=True):
        assert first["values"] == pytest.approx(second["values"], rel=1e-9)


def test_the_gate_passes_the_same_and_stops_a_tenth_of_a_decibel(evaluate: Evaluate) -> None:
    sets()
    assert evaluate("good", "truth", "--save-baseline", "quality.json")[0] == 0
    gate = ("--baseline", "quality.json", "--max-drop", "psnr=0.05,ssim=0.001")
    code, records, err = evaluate("good", "truth", *gate)
    assert code == 0
    assert (records[-1]["passed"], records[-1]["falls"]) == (True, [])
    assert "nothing fell" in err
    code, records, err = evaluate("worse", "truth", *gate)
    assert code == 3
    summary = records[-1]
    assert summary["passed"] is False
    assert {fall["metric"] for fall in summary["falls"]} == {"psnr"}
    assert summary["falls"][0]["name"] is None
    assert {fall["name"] for fall in summary["falls"][1:]} == set("abc")
    mean = summary["falls"][0]
    assert mean["before"] - mean["now"] == pytest.approx(0.1, abs=1e-3)
    closing = err[err.index("error:") :]
    assert f"psnr (mean): {mean['before']:.4f} -> {mean['now']:.4f}, may fall by 0.05" in closing
    assert "hint:" in closing
    assert "Traceback" not in err
    wide = ("--baseline", "quality.json", "--max-drop", "psnr=0.15")
    assert evaluate("worse", "truth", *wide)[0] == 0


def test_a_lost_identity_falls_and_errors_rise(evaluate: Evaluate) -> None:
    sets()
    names = ("--metrics", "psnr,delta-e")
    evaluate("truth", "truth", *names, "--save-baseline", "quality.json")
    gate = ("--baseline", "quality.json", "--max-drop", "psnr=1,delta-e=0.01")
    code, records, err = evaluate("good", "truth", *names, *gate)
    assert code == 3
    assert "psnr a: identical -> " in err
    assert "may rise by 0.01" in err
    assert records[-1]["falls"][0]["before"] is None


def test_a_failed_gate_keeps_the_baseline_and_still_writes_numbers(evaluate: Evaluate) -> None:
    sets()
    evaluate("good", "truth", "--save-baseline", "quality.json")
    before = Path("quality.json").read_bytes()
    both = ("--baseline", "quality.json", "--save-baseline", "quality.json", "--max-drop")
    code, _, err = evaluate("worse", "truth", *both, "psnr=0.05", "--csv", "numbers.csv")
    assert code == 3
    assert "baseline: quality.json" not in err
    assert Path("quality.json").read_bytes() == before
    assert "worse" in Path("numbers.csv").read_text(encoding="utf-8")
    assert evaluate("worse", "truth", *both, "psnr=0.15")[0] == 0
    assert Path("quality.json").read_bytes() != before


def test_many_falls_are_counted(evaluate: Evaluate) -> None:
    sets(*(f"{index:02}" for index in range(25)), height=12, width=12)
    evaluate("good", "truth", "--save-baseline", "quality.json")
    code, records, err = evaluate(
        "worse", "truth", "--baseline", "quality.json", "--max-drop", "psnr=0.05"
    )
    assert code == 3
    assert len(records[-1]["falls"]) == 26
    assert "and 6 more" in err


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    sets()
    words = ["eval", "good", "truth", "--quiet", "--csv", "numbers.csv"]
    assert main(words) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("numbers.csv").exists()


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def test_programs_read_stdout_and_people_stderr_whatever_the_names(start: Start) -> None:
    sets("дождь 雨 (1)", "b [red]")
    shutil.move("good", "my results ☔")
    code, out, err = finish(start("eval", "my results ☔", "truth", "--json"))
    *pictures, summary = [json.loads(line) for line in out.splitlines()]
    assert code == 0, err
    assert {one["name"] for one in pictures} == {"дождь 雨 (1)", "b [red]"}
    assert summary["sets"][0]["set"] == "my results ☔"
    assert "my results ☔" in err
    assert "{" not in err


def test_the_programs_exit_code_is_the_gates(start: Start) -> None:
    sets()
    assert main(["eval", "good", "truth", "--save-baseline", "quality.json", "--quiet"]) == 0
    gate = ("--baseline", "quality.json", "--max-drop", "psnr=0.05", "--quiet")
    code, out, err = finish(start("eval", "worse", "truth", *gate))
    assert (code, out) == (3, "")
    assert err.startswith("error: worse than the baseline")


def test_interruption_exits_130_and_writes_nothing(start: Start) -> None:
    sets("0", height=400, width=500)
    for folder in ("good", "truth"):
        for index in range(1, 200):
            os.link(f"{folder}/0.png", f"{folder}/{index}.png")
    wanted = ("--csv", "numbers.csv", "--report", "it.html", "--save-baseline", "quality.json")
    process = start("eval", "good", "truth", "--json", *wanted)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    until = time.monotonic()
    code, out, err = finish(process)
    assert code == 130
    assert time.monotonic() - until < 60
    assert first["name"] == "0"
    assert "summary" not in out
    assert "interrupted" in err
    assert "Traceback" not in err
    assert sorted(path.name for path in Path().iterdir()) == ["good", "truth", "worse"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that can be wrong; nothing may change in it."""
    folder = tmp_path_factory.mktemp("world")
    build(folder)
    return folder


def refused(evaluate: Evaluate, folder: Path, words: str, *named: str) -> None:
    """Run; nothing may be measured or written, and the error names what is wrong and the cure."""
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
    code, records, err = evaluate(*shlex.split(words))
    assert code == 2, err
    assert records == []
    assert err.startswith("error: ")
    message, separator, hint = err.partition("\n\nhint: ")
    for text in named:
        assert text in message
    assert separator
    assert hint.strip()
    assert "Traceback" not in err
    assert "unexpected" not in err
    assert {path: path.lstat().st_mtime_ns for path in folder.rglob("*")} == before


def test_there_are_forty_cases_and_none_twice() -> None:
    assert len(CASES) >= 40
    assert len({words for words, *_ in CASES.values()}) == len(CASES)


@pytest.mark.parametrize("case", CASES)
def test_bad_sets_are_refused(
    evaluate: Evaluate, world: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(world)
    words, *named = CASES[case]
    refused(evaluate, world, words, *named)


def test_a_missing_extra_is_named(
    evaluate: Evaluate, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    for module in ("torchvision", "torch_fidelity"):
        monkeypatch.setitem(sys.modules, module, None)
    refused(evaluate, world, "good truth --metrics psnr,fid", "fid", "which is not installed")
    code, _, err = evaluate("good", "truth", "--metrics", "lpips")
    assert code == 2
    assert "restore-cli[perceptual]" in err


@pytest.mark.parametrize("metric", ["dists", "fid", "kid"])
def test_missing_weights_are_named(
    evaluate: Evaluate, world: Path, monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    monkeypatch.chdir(world)
    # As if the extra was installed: the weights are looked for before its networks are built.
    for module in (inception, perceptual):
        monkeypatch.setattr(module, "require", lambda *_, **__: None)
    words = f"good truth --metrics psnr,{metric} --weights bare"
    refused(evaluate, world, words, f"{metric} needs the weights", "not in bare")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there(
    evaluate: Evaluate, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    refused(evaluate, world, "good truth --device cuda", "no device 'cuda'")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all files")
def test_files_that_may_not_be_read(evaluate: Evaluate, tmp_path: Path) -> None:
    sets("a")
    Path("good/a.png").chmod(0)
    refused(evaluate, tmp_path, "good truth", "good/a.png: no permission")


def test_everything_wrong_is_told_at_once(
    evaluate: Evaluate, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    refused(
        evaluate, world, "swapped larger --reference truth",
        "swapped/x.png", "truth/b.png", "a: output 32x30",
    )  # fmt: skip
