import csv
import importlib.util
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch
from PIL import Image

from restore_cli.__main__ import main
from restore_cli.models import zoo
from restore_cli.recipe import Recipe

REPOSITORY = Path(__file__).parents[2]
TINY = REPOSITORY / "tests" / "tiny.toml"
SIX_STEPS = [
    "data.val=photos", "data.validation_crop=16", "optim.steps=6", "optim.warmup=2", "log.every=2",
    # The length may change while such a run is under way: its learning rate is flat at first.
    "optim.optimizer=muon", "optim.schedule=trapezoid",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with photos and recipe.toml, one thread, and the signals as they were after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    (tmp_path / "photos").mkdir()
    for seed in range(2):
        pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{seed}.png")
    recipe = Recipe.load(TINY, SIX_STEPS)
    (tmp_path / "recipe.toml").write_text(recipe.dump())
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def train(*words: str) -> int:
    return main(["train", "recipe.toml", "--device", "cpu", *words])


def weights(folder: str) -> dict[str, torch.Tensor]:
    saved: dict[str, Any] = torch.load(Path(folder) / "checkpoint.pt", weights_only=True)
    return {**saved["modules"]["network"], **{f"ema {k}": v for k, v in saved["average"].items()}}


def test_a_recipe_becomes_a_model_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--export", "models/tiny", "--json") == 0
    out, err = capsys.readouterr()
    start, *progress, summary = [json.loads(line) for line in out.splitlines()]
    assert (start["event"], start["device"], start["step"]) == ("start", "cpu", 0)
    assert start["input_psnr"] == summary["input_psnr"]
    assert [record["step"] for record in progress] == [2, 4, 6]
    assert {record["event"] for record in progress} == {"progress"}
    assert progress[0]["loss"] > 0
    assert progress[0]["validation_psnr"] is None
    assert progress[-1]["validation_psnr"] == summary["validation_psnr"] > 5
    assert summary["event"] == "summary"
    assert (summary["run"], summary["model"]) == ("runs/tiny", "models/tiny")
    assert (summary["steps"], summary["skipped"]) == (6, 0)
    for word in ("step 6/6", "loss", "lr", "images/s", "left", "validation", "models/tiny"):
        assert word in err
    assert {path.name for path in Path("runs/tiny").iterdir()} == {
        "best.safetensors", "checkpoint.pt", "metrics.csv", "recipe.toml", "samples",
    }  # fmt: skip
    zoo.verify("models/tiny")
    model = zoo.load("models/tiny")
    assert model.recipe == Recipe.load(Path("recipe.toml"))
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, weights("runs/tiny")[f"ema {name}"].half().float())
    card = zoo.card("models/tiny")
    assert "A small one." in card
    assert "| steps, seed | 6, 0 |" in card


def test_the_exported_model_restores_pictures() -> None:
    assert train("--export", "tiny", "--quiet") == 0
    assert main(["infer", "photos", "--model", "tiny", "--device", "cpu", "--quiet"]) == 0
    assert len(list(Path("photos-denoise").glob("*.png"))) == 2


def test_the_best_is_exported_beside_the_last_where_it_is_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # A rate that ruins what the first steps have learned.
    changes = ["--set", "log.validate_every=1", "--set", "optim.lr=1.0", "--set", "optim.ema=0.0"]
    assert train("--export", "tiny", *changes, "--json") == 0
    out, err = capsys.readouterr()
    *progress, summary = [json.loads(line) for line in out.splitlines()]
    assert summary["best_model"] == "tiny-best"
    assert summary["best_psnr"] > summary["validation_psnr"]
    assert summary["best_step"] < summary["steps"]
    assert "(best so far)" in err
    assert f"the best, of step {summary['best_step']}: tiny-best" in err
    for name in ("tiny", "tiny-best"):
        zoo.verify(name)
    last, best = (zoo.load(name).network.state_dict() for name in ("tiny", "tiny-best"))
    assert any(not torch.equal(last[name], best[name]) for name in last)
    assert f"{summary['best_psnr']:.2f} dB out" in zoo.card("tiny-best")
    del progress


def test_check_trains_nothing_and_leaves_a_sheet(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--check", "-o", "looked") == 0
    err = capsys.readouterr().err
    assert "photos: 2 pictures, 24x20 to 24x20 px" in err
    assert "a step takes" in err
    assert [path.name for path in Path("looked").iterdir()] == ["samples.png"]
    assert not Path("runs").exists()


def test_old_forms_of_a_recipe_are_noted_and_new_ones_are_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = TINY.read_text()
    Path("recipe.toml").write_text(text)
    assert train("--set", "optim.steps=4") == 0
    err = capsys.readouterr().err
    assert "note: recipe.toml: [data] has no kind: it is taken for kind = 'clean'" in err
    assert "note: recipe.toml: the degradation 'file' is now called 'quantize8'" in err
    Path("recipe.toml").write_text(
        text.replace("[data]", '[data]\nkind = "clean"')
        .replace('"file"', '"quantize8"')
        .replace('"hide-sigma"', '"drop-noise-level"')
    )
    assert train("--set", "optim.steps=4", "-o", "other") == 0
    assert "note:" not in capsys.readouterr().err


def test_seed_and_precision_are_short_for_settings() -> None:
    assert main(["train", "recipe.toml", "-o", "run", "--seed", "7", "--precision", "fp32"]) == 0
    kept = Recipe.load(Path("run/recipe.toml"))
    assert (kept.optim.seed, kept.optim.precision) == (7, "fp32")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there_exits_2_and_writes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "recipe.toml", "-o", "run", "--device", "cuda"]) == 2
    assert "no device 'cuda'" in capsys.readouterr().err
    assert not Path("run").exists()


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_only_the_first_of_several_processes_speaks_and_exports(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")  # alone, so that Accelerate takes no notice
    assert train("--json", "--export", "tiny") == 0
    assert capsys.readouterr() == ("", "")
    assert not Path("tiny").exists()


def _interrupted(
    start: Callable[..., "subprocess.Popen[str]"], number: signal.Signals, *words: str
) -> int:
    """Starts the installed program, signals it after a few steps; returns its last step."""
    process = start("train", "recipe.toml", "-o", "broken", "--device", "cpu", "--json", *words)
    assert process.stdout is not None
    assert "start" in process.stdout.readline()
    for _ in range(3):
        assert "progress" in process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    code, word = (130, "interrupted") if number == signal.SIGINT else (143, "terminated")
    assert process.returncode == code
    assert err.endswith(f"error: {word}\n")
    saved: dict[str, Any] = torch.load(Path("broken/checkpoint.pt"), weights_only=True)
    return int(saved["step"])


def test_signals_save_a_checkpoint_from_which_the_run_goes_on_bit_for_bit(
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    endless = ("--set", "optim.steps=1000000")
    first = _interrupted(start, signal.SIGINT, *endless)
    second = _interrupted(start, signal.SIGTERM, *endless)
    assert 6 <= first < second
    end = ("--set", f"optim.steps={second + 5}", "--quiet")
    assert train("-o", "broken", *end) == 0
    assert train("-o", "straight", *end) == 0
    straight, broken = weights("straight"), weights("broken")
    assert straight.keys() == broken.keys()
    for name, value in straight.items():
        assert torch.equal(value, broken[name]), name
    steps = [line.split(",")[0] for line in Path("broken/metrics.csv").read_text().splitlines()]
    assert len(steps) == len(set(steps))
    assert not list(Path("broken").glob("*.tmp"))


def test_another_recipes_run_is_refused_and_left_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train("--quiet") == 0
    before = {path.name: path.stat().st_mtime_ns for path in Path("runs/tiny").iterdir()}
    assert train("--set", "optim.lr=0.1") == 2
    assert "runs/tiny holds the run of another recipe: [optim] differs" in capsys.readouterr().err
    assert train("--no-resume") == 2
    assert "runs/tiny already holds a run" in capsys.readouterr().err
    assert {path.name: path.stat().st_mtime_ns for path in Path("runs/tiny").iterdir()} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "optim.step=3"], "unknown key 'optim.step'\n\nhint: did you mean 'steps'?"),
        (["--set", "optim.steps=few"], "optim.steps: Input should be a valid integer"),
        (["--set", "steps=3"], "not of the form section.key=value"),
        (["--device", "gpu"], "'gpu' is not one of"),
    ],
)
def test_bad_settings_exit_2_and_write_nothing(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(*words) == 2
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_bad_pictures_exit_2_and_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos/broken.png").write_text("no picture")
    assert train() == 2
    assert "broken.png" in capsys.readouterr().err


def test_a_missing_recipe_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "nowhere.toml"]) == 2
    assert "cannot read the recipe nowhere.toml" in capsys.readouterr().err
    assert main(["train"]) == 2
    assert "no recipe given" in capsys.readouterr().err


def test_init_writes_a_recipe_and_never_over_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--init", "supervised", "-o", "new.toml"]) == 0
    assert "restore train new.toml" in capsys.readouterr().err
    text = Path("new.toml").read_text()
    assert Recipe.load(Path("new.toml")).objective.name == "supervised"
    assert main(["train", "--init", "supervised", "-o", "new.toml"]) == 2
    assert "new.toml exists already" in capsys.readouterr().err
    assert Path("new.toml").read_text() == text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--init", "supervised"], "say where with -o"),
        (["--init", "supervised", "-o", "a.toml", "recipe.toml"], "give no other recipe"),
        (["--init", "nothing", "-o", "a.toml"], "no recipe to start from for 'nothing'"),
        (["--init", "supervised", "-o", "no/such/a.toml"], "no/such/a.toml: cannot be written"),
    ],
)
def test_init_refuses_what_it_cannot_write(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words]) == 2
    assert message in capsys.readouterr().err
    assert not Path("a.toml").exists()


def test_tensorboard_events_are_written_where_the_extra_is() -> None:
    pytest.importorskip("tensorboard")
    assert train("--tensorboard", "--quiet") == 0
    assert list(Path("runs/tiny").rglob("events.out.tfevents.*"))


def test_tensorboard_without_the_extra_names_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorboard" else find(name)
    )
    assert train("--tensorboard") == 2
    assert "pip install 'restore-cli[tensorboard]'" in capsys.readouterr().err


def train_in_two_processes(*words: str) -> list[dict[str, Any]]:
    """What `restore train recipe.toml` prints under torchrun."""
    # As a user starts it, with `--device auto`: on a machine without GPU too they share one run.
    command = [str(Path(sys.executable).with_name("torchrun")), "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "restore_cli", "train", "recipe.toml"]
    command += ["--device", "auto", "--json", *words]
    paths = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no gloo launcher")
def test_two_processes_do_what_one_does_with_a_double_batch() -> None:
    records = train_in_two_processes("-o", "two", "--export", "model")
    assert [record["event"] for record in records] == ["start"] + ["progress"] * 3 + ["summary"]
    assert len(Path("two/metrics.csv").read_text().splitlines()) == 1 + 3
    zoo.verify("model")
    assert train("-o", "one", "--set", "data.batch=4", "--quiet") == 0
    saved = torch.load("two/checkpoint.pt", weights_only=True)
    assert [part["batch"] for part in saved["sittings"]] == [4]
    one, two = weights("one"), weights("two")
    # What is logged is the mean over the processes: that of the double batch.
    logged = [
        [
            float(line["loss"])
            for line in csv.DictReader(Path(folder, "metrics.csv").read_text().splitlines())
        ]
        for folder in ("one", "two")
    ]
    assert logged[0] == pytest.approx(logged[1], rel=1e-4)
    for name, value in one.items():
        assert bool(two[name].isfinite().all())
        torch.testing.assert_close(two[name], value, atol=1e-4, rtol=0, msg=name)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no gloo launcher")
@pytest.mark.parametrize("objective", ["cut", "odcr"])
def test_two_processes_train_several_players_and_do_the_same_again(objective: str) -> None:
    table = Recipe.load(TINY, SIX_STEPS).model_dump(mode="json", exclude_none=True)
    sides = {"train_input": "photos", "train_target": "photos", "unpaired": True}
    table["data"] = sides | {"crop": 16, "batch": 1}
    table["network"] = {
        "name": "cut",
        "width": 4,
        "blocks": 1,
        "feature_layers": [0, 4],
        "norm": "none",
    }
    table["objective"] = {"name": objective, "places": 4, "features": 4, "discriminator_width": 4}
    table["objective"] |= {"discriminator_layers": 1}
    Path("recipe.toml").write_text(tomli_w.dumps(table))
    for folder in ("one", "two"):
        records = train_in_two_processes("-o", folder)
        assert [record["event"] for record in records] == ["start"] + ["progress"] * 3 + ["summary"]
    one, two = weights("one"), weights("two")
    assert all(torch.equal(one[name], two[name]) for name in one)
    losses = [Path(folder, "metrics.csv").read_text().splitlines() for folder in ("one", "two")]
    first, second = ([line.split(",")[1] for line in lines] for lines in losses)
    assert first == second


def test_the_three_lines_of_fine_tuning_in_the_docs_do_it() -> None:
    page = (REPOSITORY / "docs" / "training.md").read_text()
    block = page[page.index("<!-- fine-tune -->") :].split("```")[1]
    init, training, infer = [shlex.split(line)[1:] for line in block.splitlines()[1:]]
    Path("recipe.toml").unlink()
    for place in ("rainy", "dry"):
        shutil.copytree("photos", place)
    assert main(init) == 0
    # As it stands, but for two steps of small crops.
    place = training.index("--for")
    del training[place : place + 2]
    short = ("optim.steps=2", "optim.cooldown=0", "optim.warmup=0", "data.crop=16", "data.batch=1")
    for change in (*short, "optim.precision=fp32"):
        training += ["--set", change]
    assert main([*training, "--device", "cpu", "--quiet"]) == 0
    assert main([*infer, "--device", "cpu", "--backend", "torch", "--quiet"]) == 0
    assert zoo.load("mine").recipe.network.weights == "derain"
    shipped, tuned = (zoo.load(name).network.state_dict() for name in ("derain", "mine"))
    apart = max(float((shipped[name] - tuned[name]).abs().max()) for name in shipped)
    assert 0 < apart < 0.01  # two small steps away
    assert len(list(Path("photos-derain").glob("*.png"))) == 2


def test_a_time_under_twenty_steps_is_refused_and_exports_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train("--for", "1s", "--export", "model") == 2
    assert "--for 1s is too short for 20 steps" in capsys.readouterr().err
    assert not Path("model").exists()
    assert not list(Path("runs/tiny").glob("*.pt"))


def test_weights_that_do_not_fit_are_refused_by_their_first_tensors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train("--set", "network.weights=denoise") == 2
    err = capsys.readouterr().err
    assert "network.weights = 'denoise'" in err
    assert "does not fit the network 'unet'" in err
    assert ": not in the network;" in err
    assert "--set network.weights=" in err
    assert not list(Path("runs/tiny").glob("*.pt"))
