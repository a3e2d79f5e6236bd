import contextlib
import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO, cast

import numpy as np
import pytest
import torch
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images import leftovers
from restore_cli.recipe import Recipe
from restore_cli.training import runs
from restore_cli.training.runs import Clock, Run

Parse = Callable[..., Recipe]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_checkpoint_comes_back_as_it_was(parse: Parse, tmp_path: Path) -> None:
    run = Run(tmp_path / "deep" / "run", parse(), resume=True)
    assert run.load_checkpoint() is None
    run.save_checkpoint({"step": 3, "weights": {"a": torch.arange(4.0)}})
    saved = run.load_checkpoint()
    assert saved is not None
    assert saved["step"] == 3
    assert torch.equal(saved["weights"]["a"], torch.arange(4.0))
    assert {path.name for path in run.folder.iterdir()} == {"checkpoint.pt", "recipe.toml"}


def test_a_failed_save_keeps_the_old_checkpoint(
    parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, parse(), resume=True)
    run.save_checkpoint({"step": 1})

    def full(state: object, file: BinaryIO) -> None:
        file.write(b"half of it")
        raise RuntimeError("PytorchStreamWriter failed writing file: no space left")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(RestoreError, match="no space left") as caught:
        run.save_checkpoint({"step": 2})
    assert caught.value.exit_code == 1
    assert run.load_checkpoint() == {"step": 1}
    assert not list(tmp_path.glob("*.tmp"))


def test_a_damaged_checkpoint_is_named(parse: Parse, tmp_path: Path) -> None:
    run = Run(tmp_path, parse(), resume=True)
    run.save_checkpoint({"step": 1})
    run.checkpoint_path.write_bytes(run.checkpoint_path.read_bytes()[:100])
    with pytest.raises(RestoreError, match=r"cannot read the checkpoint .*checkpoint\.pt"):
        run.load_checkpoint()


@pytest.mark.parametrize(
    ("change", "section"),
    [
        ("optim.lr=0.1", "optim"),
        ("optim.seed=5", "optim"),
        ("data.crop=32", "data"),
        ("network.widths=[4, 16]", "network"),
        ("objective.loss=charbonnier", "objective"),
    ],
)
def test_another_recipes_folder_is_refused_and_left_alone(
    change: str, section: str, parse: Parse, tmp_path: Path
) -> None:
    Run(tmp_path, parse(), resume=True).save_checkpoint({"step": 1})
    before = (tmp_path / "recipe.toml").read_text()
    with pytest.raises(RestoreError, match=rf"another recipe: \[{section}\] differs"):
        Run(tmp_path, parse(change), resume=True)
    assert (tmp_path / "recipe.toml").read_text() == before


@pytest.mark.parametrize(
    "change", ["optim.steps=99", "optim.cooldown=1", "data.root=.", "data.workers=3", "log.every=1"]
)
def test_a_run_may_be_prolonged_moved_and_logged_otherwise(
    change: str, parse: Parse, tmp_path: Path
) -> None:
    Run(tmp_path, parse(), resume=True).save_checkpoint({"step": 1})
    changed = parse(change)
    Run(tmp_path, changed, resume=True)
    assert (tmp_path / "recipe.toml").read_text() == changed.dump()


def test_without_resume_a_folder_that_holds_a_run_is_refused(parse: Parse, tmp_path: Path) -> None:
    Run(tmp_path, parse(), resume=False).save_checkpoint({"step": 1})
    with pytest.raises(RestoreError, match="already holds a run") as caught:
        Run(tmp_path, parse(), resume=False)
    assert "-o" in str(caught.value.hint)


def test_a_folder_that_cannot_be_made_is_named(parse: Parse, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RestoreError, match=r"cannot write the run folder .*file"):
        Run(tmp_path / "file", parse(), resume=True)


def test_metrics_are_trimmed_to_the_checkpoint(parse: Parse, tmp_path: Path) -> None:
    run = Run(tmp_path, parse(), resume=True)
    run.trim_metrics(0)
    assert not (tmp_path / "metrics.csv").exists()
    for step in (5, 10, 15, 1000):
        run.log({"step": step, "loss": 0.5, "terms": "a=1, b=2"})
    path = tmp_path / "metrics.csv"
    path.write_bytes(path.read_bytes()[:-12])  # a kill cut the last row to "10..."
    run.trim_metrics(12)
    assert [row["step"] for row in rows(tmp_path)] == ["5", "10"]
    run.log({"step": 15})
    assert [row["step"] for row in rows(tmp_path)] == ["5", "10", "15"]
    assert rows(tmp_path)[1]["terms"] == "a=1, b=2"
    assert rows(tmp_path)[2]["loss"] == ""
    with pytest.raises(ValueError, match="sterp"):
        run.log({"sterp": 1})


def test_samples_are_a_sheet_of_input_output_and_target(parse: Parse, tmp_path: Path) -> None:
    run = Run(tmp_path, parse(), resume=True)
    run.save_samples(7, [])
    assert not (tmp_path / "samples").exists()
    wide, high = torch.full((3, 6, 9), 0.2), torch.full((3, 8, 7), 1.5)
    run.save_samples(7, [(wide, wide * 2, wide * 3), (high, high * 0, -high)])
    with Image.open(tmp_path / "samples" / "0000007.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape == (2 * 6, 3 * 7, 3)
    tiles = [[pixels[y : y + 6, x : x + 7] for x in (0, 7, 14)] for y in (0, 6)]
    assert [[set(tile.ravel().tolist()) for tile in line] for line in tiles] == [
        [{51}, {102}, {153}],
        [{255}, {0}, {0}],
    ]


def test_the_clock_goes_on_from_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(value=1000.0)
    monkeypatch.setattr(time, "monotonic", lambda: now.value)
    clock = Clock(30.0)
    now.value += 12.5
    assert clock.seconds == 42.5


def test_a_disk_without_room_costs_samples_and_rows_wait(parse: Parse, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", parse(), resume=True)
    (run.folder / "samples").write_text("a file in the way")
    (run.folder / "metrics.csv").mkdir()
    picture = torch.zeros(3, 4, 4)
    run.save_samples(2, [(picture, picture, picture)])
    run.log({"step": 2, "loss": "0.5"})
    assert set(run.problems) == {"samples", "metrics.csv"}
    assert all(str(run.folder) in problem for problem in run.problems.values())
    (run.folder / "metrics.csv").rmdir()
    run.log({"step": 4, "loss": "0.25"})
    assert [(row["step"], row["loss"]) for row in rows(run.folder)] == [("2", "0.5"), ("4", "0.25")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no full device")
def test_torchs_words_for_a_full_disk_are_not_shown(
    parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path / "run", parse(), resume=True)

    @contextlib.contextmanager
    def full(_: Path) -> Generator[BinaryIO]:
        with Path("/dev/full").open("wb", buffering=0) as file:
            yield cast("BinaryIO", file)

    monkeypatch.setattr(runs, "open_atomically", full)
    with pytest.raises(RestoreError) as told:
        run.save_checkpoint({"weights": torch.zeros(1000)})
    assert str(told.value) == (
        f"cannot write the checkpoint {run.checkpoint_path}: No space left on device"
    )


def test_a_log_that_cannot_be_trimmed_waits_for_the_next_row(
    parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path / "run", parse(), resume=True)
    for step in (2, 4, 6):
        run.log({"step": step, "loss": "0.5"})
    full = True

    def write(path: Path, data: bytes) -> None:
        if full:
            raise RestoreError(f"{path}: cannot be written") from OSError(28, "No space left")
        path.write_bytes(data)

    monkeypatch.setattr(runs, "write_atomically", write)
    run.trim_metrics(4)
    run.log({"step": 6, "loss": "0.25"})
    assert run.problems["metrics.csv"].endswith("metrics.csv cannot be written: No space left")
    assert [row["loss"] for row in rows(run.folder)] == ["0.5"] * 3
    full = False
    run.log({"step": 8, "loss": "0.125"})
    assert [row["loss"] for row in rows(run.folder)] == ["0.5", "0.5", "0.25", "0.125"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
def test_a_log_that_is_a_pipe_is_not_waited_for(parse: Parse, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", parse(), resume=True)
    os.mkfifo(run.folder / "metrics.csv")
    with pytest.raises(RestoreError, match="is not the log of a run"):
        run.trim_metrics(2)


def test_what_a_killed_training_left_half_written_is_removed(parse: Parse, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", parse(), resume=True)
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, check=True)  # fmt: skip
    left = run.folder / f".restore-{leftovers.host()}-{int(gone.stdout)}-00ff.tmp"
    left.write_bytes(b"half")
    leftovers._cleared.clear()  # as in the process that goes on
    run.save_checkpoint({"step": 1})
    assert not left.exists()
    assert torch.load(run.checkpoint_path, weights_only=True) == {"step": 1}


@pytest.mark.parametrize("content", [None, b"a,b\n1,2\n", b"step,loss\nx,1\n", b"\xff\xfe\n\xff"])
def test_a_log_of_something_else_is_refused_by_name(
    content: bytes | None, parse: Parse, tmp_path: Path
) -> None:
    run = Run(tmp_path / "run", parse(), resume=True)
    path = run.folder / "metrics.csv"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(RestoreError, match="is not the log of a run"):
        run.trim_metrics(2)
    assert content is None or path.read_bytes() == content


def test_a_recipe_with_comments_is_not_replaced(parse: Parse, tmp_path: Path) -> None:
    text = "# mine\n" + parse().dump()
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(RestoreError, match="would be overwritten"):
        Run(tmp_path, parse(), resume=True)
    assert (tmp_path / "recipe.toml").read_text() == text


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _a_list(path: Path) -> None:
    torch.save([1, 2], path)


def _wrong_types(path: Path) -> None:
    saved = torch.load(path, weights_only=True)
    torch.save(saved | {"step": "two", "modules": 3}, path)


def _wrong_weights(path: Path) -> None:
    saved = torch.load(path, weights_only=True)
    name = next(iter(saved["modules"]["network"]))
    saved["modules"]["network"][name] = torch.zeros(1)
    torch.save(saved, path)


def _no_numbers(path: Path) -> None:
    saved = torch.load(path, weights_only=True)
    torch.save(saved | {"step": None, "seconds": "long", "sittings": "many"}, path)


def _pickled_code(path: Path) -> None:
    torch.save({"step": SimpleNamespace()}, path)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("kept", ["checkpoint.pt", "trunk.pt"])
@pytest.mark.parametrize(
    "spoil",
    [_truncated, _a_list, _wrong_types, _wrong_weights, _no_numbers, _pickled_code, _empty],
)
def test_a_spoilt_checkpoint_is_a_clear_error_and_nothing_is_overwritten(
    spoil: Callable[[Path], None],
    kept: str,
    train: Callable[..., object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photos" / "a.png")
    folder = tmp_path / "run"
    train(folder, "optim.steps=3", "log.every=1")
    (folder / "checkpoint.pt").rename(folder / kept)
    spoil(folder / kept)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(RestoreError) as caught:
        train(folder, "optim.steps=5", "log.every=1")
    assert "checkpoint" in caught.value.message
    assert caught.value.hint is not None
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert {**after, "recipe.toml": b""} == {**before, "recipe.toml": b""}


def test_a_log_that_could_not_be_begun_begins_later(parse: Parse, tmp_path: Path) -> None:
    run = Run(tmp_path, parse(), resume=True)
    (tmp_path / "metrics.csv").touch()  # as a disk leaves it that was full
    run.log({"step": 1, "loss": 0.5})
    run.trim_metrics(1)
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0].startswith("step,")
