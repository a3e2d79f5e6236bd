import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from infer_cases import finish, names, read, save, save_noise
from PIL import Image

from restore_cli.__main__ import main

Start = Callable[..., "subprocess.Popen[str]"]
FIELDS = ["input", "output", "status", "error", "model", "task", "tile", "device", "precision"]
FIELDS += ["seconds", "width", "height", "notes", "backend", "steps", "change"]
OFFSET = 26  # what the tiny model adds to each 8-bit value


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Answer(NamedTuple):
    code: int
    records: list[dict[str, Any]]
    summary: dict[str, Any]
    err: str


class Infer:
    """Runs the command in this process, through `main`."""

    def __init__(self, model: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.model = model
        self.capsys = capsys

    def __call__(self, *arguments: str) -> Answer:
        words = ["infer", "--json", *arguments]
        if "--device" not in arguments:
            words += ["--device", "cpu"]
        if not {"--model", "--task"} & set(arguments):
            words += ["--model", self.model]
        code = main(words)
        out, err = self.capsys.readouterr()
        lines = [json.loads(line) for line in out.splitlines()]
        summary = lines.pop() if lines else {}
        return Answer(code, lines, summary, err)


@pytest.fixture
def infer(tiny_model: str, capsys: pytest.CaptureFixture[str]) -> Infer:
    return Infer(tiny_model, capsys)


def bad_folder(folder: Path) -> None:
    """All the bad pictures, and a few unusual good ones, beside ordinary ones."""
    save(str(folder / "ordinary 雨 ☔.png"))
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("hello")
    save_noise(str(folder / "truncated.jpg"), 64)
    whole = (folder / "truncated.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    frames = [Image.new("P", (8, 8), color) for color in (0, 1, 2)]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "folder.png").mkdir()
    (folder / "notes.txt").write_text("not a picture, and not meant as one")
    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    grey.convert("P").save(folder / "palette.png")
    Image.merge("CMYK", [grey] * 4).save(folder / "cmyk.jpg")


def test_users_2_bad_inputs_are_named_and_the_rest_is_done(
    start: Start, tiny_model: str, tmp_path: Path
) -> None:
    bad_folder(tmp_path / "my photos")
    (tmp_path / "bare").mkdir()
    arguments = ["my photos", "bare", "not there.png", "--model", tiny_model, "--json"]
    code, records, err = finish(start("infer", *arguments))
    *records, summary = records
    status = {Path(r["input"]).name: r["status"] for r in records}
    good = ["cmyk.jpg", "ordinary 雨 ☔.png", "palette.png"]
    bad = ["bare", "empty.png", "gone.png", "not there.png"]
    bad += ["text.png", "truncated.jpg"]
    assert sorted(n for n, s in status.items() if s == "done") == good
    assert sorted(n for n, s in status.items() if s == "failed") == bad
    assert code == 1
    assert names("my photos-denoise") == ["cmyk.png", "ordinary 雨 ☔.png", "palette.png"]
    closing = err[err.index("error:") :]
    assert all(name in closing for name in bad)
    assert "1 picture file passed over (1 .gif)" in err
    assert "unexpected" not in err
    assert "Traceback" not in err
    assert {k: summary[k] for k in ("event", "done", "skipped", "failed", "left")} == {
        "event": "summary",
        "done": 3,
        "skipped": 0,
        "failed": 6,
        "left": 0,
    }


def test_users_22_people_read_stderr_and_stdout_stays_empty(start: Start, tiny_model: str) -> None:
    save("img/a.png")
    save("img/b [red].png")
    code, lines, err = finish(start("infer", "img", "--model", tiny_model))
    assert (code, lines) == (0, [])
    assert "img/b [red].png -> img-denoise/b [red].png" in err
    assert "2 done in" in err


def test_quiet(tiny_model: str, capsys: pytest.CaptureFixture[str]) -> None:
    save("img/a.png")
    assert main(["infer", "img", "--model", tiny_model, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_json_fields_are_the_contract(infer: Infer) -> None:
    save("photo.jpg", side=20)
    answer = infer("photo.jpg")
    assert answer.code == 0
    (record,) = answer.records
    assert list(record) == FIELDS
    assert record.pop("seconds") > 0
    # What is faster on this machine.
    assert record.pop("precision") in ("fp32", "bf16")
    assert record.pop("backend") in ("torch", "openvino")
    assert record.pop("notes") == []
    assert (record.pop("change")["share"], record.pop("steps")) == (1.0, ["denoise"])
    assert record == {
        "input": "photo.jpg",
        "output": "photo-denoise.png",
        "status": "done",
        "error": None,
        "model": "tiny",
        "task": "denoise",
        "tile": None,
        "device": "cpu",
        "width": 24,
        "height": 20,
    }
    assert answer.summary["event"] == "summary"
    assert answer.summary["done"] == 1
    assert answer.summary["model_seconds"] <= answer.summary["seconds"]


def test_users_21_one_file_and_a_folder_go_through_the_same_code(infer: Infer) -> None:
    save("img/a.png")
    assert infer("img/a.png").code == infer("img").code == 0
    assert np.array_equal(read("img/a-denoise.png"), read("img-denoise/a.png"))
    assert np.array_equal(read("img/a.png"), np.full((16, 20, 3), 100))
    assert np.abs(read("img-denoise/a.png").astype(int) - (100 + OFFSET)).max() <= 1


def test_users_28_strength(infer: Infer) -> None:
    save("a.png")
    infer("a.png", "--strength", "0", "-o", "none.png")
    infer("a.png", "--strength", "0.5", "-o", "half.png")
    assert np.array_equal(read("none.png"), read("a.png"))
    assert np.abs(read("half.png").astype(int) - (100 + OFFSET // 2)).max() <= 1


def test_users_29_recursion_mirrors_the_tree(infer: Infer) -> None:
    save("img/a.jpg")
    save("img/x/y/b.tif")
    assert infer("img", "-r", "--format", "same", "-o", "out").code == 0
    assert Path("out/a.jpg").exists()
    assert Path("out/x/y/b.tif").exists()


def test_users_29_collisions_are_refused_before_anything_is_written(infer: Infer) -> None:
    save("img/a.jpg")
    save("img/a.png")
    save("img/b.png")
    answer = infer("img")
    assert answer.code == 2
    assert "img/a.jpg and img/a.png" in answer.err
    assert "hint:" in answer.err
    assert not Path("img-denoise").exists()


def test_users_30_any_name_and_patterns(infer: Infer) -> None:
    save("my photos/дождь 雨 (1).png")
    save("my photos/b.png")
    assert infer("my photos/*1*.png", "-i", "my photos/b.png", "-o", "new folder").code == 0
    assert names("new folder") == ["b.png", "дождь 雨 (1).png"]


def test_existing_outputs(infer: Infer) -> None:
    save("img/a.png")
    save("img/b.png")
    assert infer("img/a.png", "-o", "img-denoise").code == 0
    before = Path("img-denoise/a.png").stat().st_mtime_ns
    answer = infer("img")
    assert answer.code == 1
    assert [r["status"] for r in sorted(answer.records, key=lambda r: r["input"])] == [
        "failed",
        "done",
    ]
    assert "already exists" in answer.err
    assert "--overwrite" in answer.err
    assert Path("img-denoise/a.png").stat().st_mtime_ns == before
    assert infer("img", "--overwrite").summary["done"] == 2


def test_users_5_skip_existing(infer: Infer, tiny_sigma_model: str) -> None:
    save("img/a.png")
    save("img/b.png")
    assert infer("img", "--skip-existing").summary["done"] == 2
    assert infer("img", "--skip-existing", "--batch-size", "2").summary["skipped"] == 2
    assert infer("img", "--skip-existing", "--strength", "0.5").summary["done"] == 2
    answer = infer("img", "--skip-existing", "--strength", "0.5", "--model", tiny_sigma_model)
    assert answer.summary["done"] == 2
    answer = infer("img", "--skip-existing", "--overwrite")
    assert answer.code == 2


def test_a_level_is_told_to_a_model_that_takes_it(infer: Infer, tiny_sigma_model: str) -> None:
    save("a.png")
    assert infer("a.png", "--sigma", "25", "--model", tiny_sigma_model).code == 0
    told = ("--overwrite", "--model", tiny_sigma_model, "--level")
    assert [infer("a.png", *told, level).code for level in ("25", "auto", "0")] == [0, 0, 0]
    assert "outside 0..255" in infer("a.png", *told, "300").err


def test_the_tile_that_was_used_is_told(infer: Infer) -> None:
    save("a.png", side=200)
    assert infer("a.png", "--tile", "none", "-o", "whole.png").records[0]["tile"] is None
    assert infer("a.png", "-t", "96", "--overlap", "32", "-o", "t.png").records[0]["tile"] == 96
    assert np.abs(read("whole.png").astype(int) - read("t.png")).max() <= 1


def test_fail_fast(infer: Infer) -> None:
    for index in range(30):
        save(f"img/{index:02}.png")
    Path("img/02.png").write_text("broken")
    answer = infer("img", "--fail-fast", "-j", "1")
    assert answer.code == 1
    assert answer.summary["left"] > 20


def test_single_failure_is_told_once(infer: Infer) -> None:
    Path("x.png").write_text("broken")
    answer = infer("x.png")
    assert answer.code == 1
    assert answer.err.count("x.png") == 1
    assert answer.records[0]["status"] == "failed"


def test_seed_model_file_and_task_that_differs(infer: Infer, tiny_model: str) -> None:
    save("a.png")
    file = str(Path(tiny_model) / "model.safetensors")
    answer = infer("a.png", "--model", file, "--task", "derain", "--seed", "3")
    assert answer.code == 0
    assert answer.records[0]["output"] == "a-derain.png"
    assert "trained for denoise" in answer.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "no input given"),
        ("bare", "bare holds no pictures"),
        ("gone.png", "gone.png does not exist"),
        ("img -o img", "is the input img/a.png"),
        ("a.png img -o c.png", "not a single file"),
        ("a.png -o c.png --format jpg", "--format says jpg"),
        ("a.png --model no-such-model", "no-such-model"),
        ("a.png --tile 0", "auto, none"),
        ("a.png --device tpu", "tpu"),
        ("a.png --sigma 25", "takes no level"),
        (
            "a.png --sigma 25 --model derain",
            "--sigma is of noise, and the model derain takes a level",
        ),
        ("a.png --level 1.5 --model dehaze", "haze 1.5 is outside 0..1"),
        ("a.png --level much", "neither auto nor a number"),
        ("a.png --level 1 --sigma 1", "say the same"),
        ("a.png --strength 2", "--strength"),
        ("a.png --colour", "--colour"),
    ],
)
def test_wrong_usage_exits_2_and_writes_nothing(
    infer: Infer, tmp_path: Path, arguments: str, words: str
) -> None:
    save("a.png")
    save("img/a.png")
    Path("bare").mkdir()
    before = sorted(tmp_path.rglob("*"))
    answer = infer(*arguments.split())
    assert answer.code == 2
    assert words in answer.err
    assert sorted(tmp_path.rglob("*")) == before


def test_neither_task_nor_model(capsys: pytest.CaptureFixture[str]) -> None:
    save("a.png")
    assert main(["infer", "a.png"]) == 2
    assert "neither --task nor --model" in capsys.readouterr().err
