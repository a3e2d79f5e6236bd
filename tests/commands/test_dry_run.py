"""`--dry-run` says what would happen, and nothing happens."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.__main__ import main
from restore_cli.commands.dry_run import duration


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("img").mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((50, 80, 3), np.uint8)).save(f"img/{name}")


def test_writes_skips_and_failures_are_foreseen(
    tiny_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["infer", "img", "--model", tiny_model, "--device", "cpu", "--json"]
    assert main([*words[:1], "img/a.png", *words[2:], "-o", "img-denoise"]) == 0
    Path("img/broken.png").write_text("text")
    capsys.readouterr()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert main([*words, "--skip-existing", "--dry-run"]) == 1
    *lines, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert {Path(line["input"]).name: line["status"] for line in lines} == {
        "a.png": "would skip",
        "b.png": "would write",
        "broken.png": "would fail",
    }
    assert (summary["would_write"], summary["would_skip"], summary["would_fail"]) == (1, 1, 1)
    assert summary["megapixels"] == 0.0
    assert summary["bytes"] > 2**28
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_people_read_it_on_stdout(tiny_model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infer", "img", "--model", tiny_model, "--device", "cpu", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "would write  img/a.png -> img-denoise/a.png" in out
    assert "GiB of memory; nothing was written" in out
    assert not Path("img-denoise").exists()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (59.6, "60 s"), (720, "12 min"), (12600, "3.5 h")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_where_nothing_would_be_written_nothing_is_tried(
    tiny_model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["infer", "img", "--model", tiny_model, "--device", "cpu"]
    assert main(words) == 0
    capsys.readouterr()
    monkeypatch.setattr("restore_cli.commands.restoring.restorer_of", pytest.fail)
    assert main([*words, "--dry-run"]) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "0 to write, 2 would fail; nothing was written"
    assert main([*words, "--dry-run", "--skip-existing", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["would_skip"], summary["seconds"], summary["bytes"]) == (2, 0.0, 0)


def test_a_watch_is_not_dry_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infer", "--watch", "img", "--task", "derain", "--dry-run"]) == 2
    assert "restore infer img --dry-run" in capsys.readouterr().err
    assert not Path("img-derain").exists()


def test_standard_streams_are_told_as_such(
    start: Callable[..., "subprocess.Popen[str]"], tiny_model: str
) -> None:
    words = f"- --model {tiny_model} --device cpu -o - --dry-run"
    command = [*start("--version").args[:-1], "infer", *words.split()]  # type: ignore[index]
    with Path("img/a.png").open("rb") as picture:
        done = subprocess.run(command, stdin=picture, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "would write  - -> -"
