import csv
import json
import math
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eval_sets import save, sets

from restore_cli.__main__ import main
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
    assert err == ""


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
    code, records, _ = evaluate("good", "truth", "--metrics", "psnr-y, psnr-gtmean,delta-e")
    assert code == 0
    assert list(records[0]["values"]) == ["psnr-y", "psnr", "psnr-gtmean", "delta-e"]
    assert records[0]["values"]["psnr-gtmean"] >= records[0]["values"]["psnr"] - 0.01
    assert "BT.601" in records[0]["protocols"]["psnr-y"]


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
    code, records, _ = evaluate(
        "small.png", "large.png", "--resize-reference", "--metrics", "psnr,ssim,delta-e",
        "--csv", "numbers.csv",
    )  # fmt: skip
    assert code == 0
    assert (records[0]["width"], records[0]["height"]) == (32, 24)
    assert len(records[0]["protocols"]) == 3
    assert all("resized" in text for text in records[0]["protocols"].values())
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
    assert err == ""


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


def test_tables_asked_for_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    sets()
    assert main(["eval", "good", "truth"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("output")
    assert "PSNR; RGB or grey; range 1; whole frame" in out
    assert err == ""


def test_csv_can_go_to_stdout_alone(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    sets()
    assert main(["eval", "good", "truth", "--csv", "numbers.csv", "--quiet"]) == 0
    assert main(["eval", "good", "truth", "--csv", "-"]) == 0
    assert capsysbinary.readouterr() == (Path("numbers.csv").read_bytes(), b"")


def test_three_outputs_are_ranked(evaluate: Evaluate) -> None:
    sets()
    shutil.copytree("worse", "third")
    _, records, _ = evaluate("worse", "good", "third", "--reference", "truth")
    psnr = [one for one in records[-1]["ranking"] if one["metric"] == "psnr"]
    assert [(one["set"], one["place"]) for one in psnr] == [("good", 1), ("worse", 2), ("third", 2)]
    assert len(records[-1]["differences"]) == 6
