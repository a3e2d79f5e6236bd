import csv
import math
import multiprocessing
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from odd_objectives import Alternating, Drawing, Faulty
from PIL import Image
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.methods import OBJECTIVES
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe
from restore_cli.training import best
from restore_cli.training.loop import Trained
from restore_cli.training.loop import train as train_loop
from restore_cli.training.meter import Progress
from restore_cli.training.runs import Run

Train = Callable[..., Trained]
Parse = Callable[..., Recipe]

TINY = Path(__file__).parents[1] / "tiny.toml"


def checkpoint(folder: Path) -> dict[str, Any]:
    """What the last checkpoint holds, without the time."""
    saved = torch.load(folder / "checkpoint.pt", weights_only=True)
    return {key: value for key, value in saved.items() if key != "seconds"}


def assert_same(first: object, second: object, where: str = "checkpoint") -> None:
    """Equality to the last bit of nested tensors."""
    if isinstance(first, dict):
        assert isinstance(second, dict)
        assert first.keys() == second.keys(), where
        for key in first:
            assert_same(first[key], second[key], f"{where}.{key}")
    elif isinstance(first, list):
        assert isinstance(second, list)
        assert len(first) == len(second), where
        for index, pair in enumerate(zip(first, second, strict=True)):
            assert_same(*pair, f"{where}.{index}")
    elif isinstance(first, Tensor):
        assert isinstance(second, Tensor)
        assert torch.equal(first, second), where
    else:
        assert first == second, where


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> type[Faulty]:
    monkeypatch.setitem(OBJECTIVES, "supervised", Faulty)
    monkeypatch.setattr(Faulty, "calls", 0)
    return Faulty


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    optimizer: str, train: Train, tmp_path: Path
) -> None:
    change = f"optim.optimizer={optimizer}"
    straight = train(tmp_path / "straight", change)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", change, stop=10)
    assert checkpoint(tmp_path / "broken")["step"] == 10
    # Other processes read the pictures now: they are the same pictures.
    resumed = train(tmp_path / "broken", change, "data.workers=2")
    assert_same(checkpoint(tmp_path / "straight"), checkpoint(tmp_path / "broken"))
    assert_same(straight.network.state_dict(), resumed.network.state_dict())
    assert straight.steps == resumed.steps == 20


def test_what_an_objective_draws_is_resumed_as_well(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OBJECTIVES, "supervised", Drawing)
    train(tmp_path / "straight", "optim.steps=8")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", "optim.steps=8", stop=3)
    train(tmp_path / "broken", "optim.steps=8")
    assert_same(checkpoint(tmp_path / "straight"), checkpoint(tmp_path / "broken"))


def test_a_trapezoid_run_can_be_prolonged_before_its_cooldown(train: Train, tmp_path: Path) -> None:
    schedule = ("optim.schedule=trapezoid", "optim.cooldown=4")
    train(tmp_path / "straight", *schedule, "optim.steps=20")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "longer", *schedule, "optim.steps=14", stop=10)
    train(tmp_path / "longer", *schedule, "optim.steps=20")
    assert_same(checkpoint(tmp_path / "straight"), checkpoint(tmp_path / "longer"))


def test_a_run_logs_each_row_once_and_shows_samples(
    train: Train, pictures: Path, tmp_path: Path
) -> None:
    changes = ("data.val=photos", "data.validation_crop=24", "log.validate_every=10")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, *changes, stop=7)
    # As if it had been killed later, after rows that no checkpoint knows.
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("8,0.1,,0.001,1,1,1,0,,\r\n9,0.1,,0.0")
    trained = train(tmp_path, *changes)
    steps = [int(row["step"]) for row in rows(tmp_path)]
    assert steps == [1, 2, 3, 4, 5, 6, 7, 10, 15, 20]
    measured = {int(row["step"]): row["validation_psnr"] for row in rows(tmp_path)}
    assert [step for step, value in measured.items() if value] == [10, 20]
    assert trained.validation_psnr == pytest.approx(float(measured[20]))
    assert trained.input_psnr == pytest.approx(float(rows(tmp_path)[-1]["input_psnr"]))
    with Image.open(tmp_path / "samples" / "0000020.png") as sheet:
        assert sheet.size == (3 * 24, 3 * 24)  # input, output, target of three photos
    assert all(float(row["loss"]) > 0 for row in rows(tmp_path))
    assert "pixel=" in rows(tmp_path)[0]["terms"]


def test_training_lowers_the_loss_and_a_finished_run_is_not_trained_again(
    train: Train, tmp_path: Path
) -> None:
    changes = ("data.val=photos", "optim.steps=150", "optim.lr=5e-3", "optim.ema=0.9")
    plain = "data.mixture=[{ steps = [{ name = 'gaussian-noise', sigma = [50.0, 50.0] }] }]"
    trained = train(tmp_path, plain, *changes)
    assert trained.validation_psnr is not None
    assert trained.input_psnr is not None
    assert trained.validation_psnr > trained.input_psnr + 1
    again = train(tmp_path, plain, *changes)
    assert_same(trained.network.state_dict(), again.network.state_dict())
    assert again.validation_psnr == trained.validation_psnr
    assert len(rows(tmp_path)) == 30


@pytest.mark.parametrize("add", [math.nan, math.inf])
def test_a_step_that_is_not_finite_changes_no_weight_and_is_counted(
    add: float, train: Train, tmp_path: Path, faulty: type[Faulty], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faulty, "add", add)
    monkeypatch.setattr(faulty, "spoilt", (3, 4))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, stop=3)
    before = checkpoint(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, stop=5)
    after = checkpoint(tmp_path)
    for part in ("modules", "average", "optimizers"):
        before_rate, after_rate = (_without_rate(saved[part]) for saved in (before, after))
        assert_same(before_rate, after_rate, part)
    assert (after["step"], after["skipped"], after["skipped_in_a_row"]) == (5, 2, 2)
    trained = train(tmp_path)
    assert (trained.steps, trained.skipped) == (20, 2)
    assert rows(tmp_path)[-1]["skipped"] == "2"
    assert checkpoint(tmp_path)["skipped_in_a_row"] == 0
    assert all(bool(v.isfinite().all()) for v in trained.network.state_dict().values())


def _without_rate(saved: object) -> object:
    if isinstance(saved, dict):
        return {key: _without_rate(value) for key, value in saved.items() if key != "lr"}
    return [_without_rate(value) for value in saved] if isinstance(saved, list) else saved


def test_ten_bad_steps_in_a_row_stop_the_run(
    train: Train, tmp_path: Path, faulty: type[Faulty], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faulty, "spoilt", (0, 1, *range(3, 20)))
    with pytest.raises(RestoreError, match=r"ten steps in a row .* step 13\)") as caught:
        train(tmp_path)
    assert caught.value.exit_code == 1
    # What was learned before is kept, and the run goes on from it once the cause is gone.
    kept = checkpoint(tmp_path)
    assert (kept["step"], kept["skipped_in_a_row"]) == (13, 10)
    assert all(bool(v.isfinite().all()) for v in kept["modules"]["network"].values())
    monkeypatch.setattr(faulty, "spoilt", ())
    trained = train(tmp_path, "optim.precision=fp32")
    assert (trained.steps, trained.skipped) == (20, 12)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are not forked here")
def test_an_error_ends_the_processes_that_draw(
    train: Train, tmp_path: Path, faulty: type[Faulty], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faulty, "spoilt", tuple(range(20)))
    before = set(multiprocessing.active_children())
    # The traceback, which holds the loop's frames, is still there.
    with pytest.raises(RestoreError, match="ten steps in a row") as caught:
        train(tmp_path, "data.workers=1")
    assert caught.tb is not None
    assert set(multiprocessing.active_children()) == before


def test_accumulated_gradients_equal_a_larger_batch(train: Train, tmp_path: Path) -> None:
    large = train(tmp_path / "large", "data.batch=4", "optim.steps=4")
    parts = train(tmp_path / "parts", "data.batch=2", "optim.accumulate=2", "optim.steps=4")
    start = UNet(widths=(4, 8), depths=(1, 1), noise_map=True).state_dict()
    for name, value in large.network.state_dict().items():
        torch.testing.assert_close(parts.network.state_dict()[name], value, atol=2e-5, rtol=0)
    assert not torch.equal(large.network.state_dict()["tail.weight"], start["tail.weight"])


def test_only_the_named_module_moves_and_the_next_step_sees_it(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OBJECTIVES, "alternating", Alternating)
    train(tmp_path, "objective.name=alternating", "optim.steps=3")
    start, critic_moved, network_moved, *_ = Alternating.seen
    assert critic_moved[0] == start[0]
    assert critic_moved[1] != start[1]
    assert network_moved[0] != start[0]
    assert network_moved[1] == critic_moved[1]
    assert checkpoint(tmp_path)["modules"].keys() == {"network", "discriminator"}


def test_several_steps_are_resumed_bit_for_bit(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OBJECTIVES, "alternating", Alternating)
    changes = ("objective.name=alternating", "optim.steps=6")
    train(tmp_path / "straight", *changes)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", *changes, stop=2)
    train(tmp_path / "broken", *changes)
    assert_same(checkpoint(tmp_path / "straight"), checkpoint(tmp_path / "broken"))


SOURCES = (
    "network.name=baryir",
    "network.sources=['noise', 'rain']",
    "data.mixture=[{ source = 'noise', steps = [{ name = 'gaussian-noise' }] },"
    " { source = 'rain', weight = 2, steps = [{ name = 'rain' }] }]",
    "objective.name=baryir",
    "objective.potential_width=4",
)


def test_sources_and_potentials_are_resumed_bit_for_bit(train: Train, tmp_path: Path) -> None:
    changes = (*SOURCES, "optim.steps=6", "data.batch=4")
    straight = train(tmp_path / "straight", *changes)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", *changes, stop=2)
    train(tmp_path / "broken", *changes, "data.workers=2")
    assert_same(checkpoint(tmp_path / "straight"), checkpoint(tmp_path / "broken"))
    means = straight.network.get_buffer("means.means")
    assert means.abs().amin(dim=0).max() > 0  # the export's copy has followed
    assert straight.network.get_buffer("means.weight").any()  # and can name the sources
    terms = rows(tmp_path / "straight")[-1]["terms"]
    for name in ("pixel", "cost", "orthogonality", "contrast", "potential"):
        assert f"{name}=" in terms


def test_sources_of_data_and_network_must_agree(train: Train, tmp_path: Path) -> None:
    with pytest.raises(
        RestoreError, match=r"\['noise', 'rain'\], those of data.mixture \['rain'\]"
    ):
        train(tmp_path, *SOURCES, "data.mixture=[{ source = 'rain' }]")


def test_a_run_remembers_the_machines_it_was_on(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(machine: str, stop: int | None = None) -> str:
        for module in ("loop", "accelerating"):
            monkeypatch.setattr(f"restore_cli.training.{module}.hardware", lambda: machine)
        return train(tmp_path, "optim.steps=6", stop=stop).hardware

    for machine, stop in (("a laptop", 2), ("a laptop", 4)):
        with pytest.raises(KeyboardInterrupt):
            finish(machine, stop)
    assert finish("a GPU") == "a laptop, fp32 and a GPU, fp32"
    assert finish("whoever exports it") == "a laptop, fp32 and a GPU, fp32"


@pytest.fixture
def unpaired(pictures: Path, tmp_path: Path) -> Callable[..., Trained]:
    """Trains a contrastive objective on two folders of pictures that do not belong together."""

    def start(folder: str, name: str, stop: int | None = None) -> Trained:
        recipe = Recipe.load(TINY, ["log.every=1"])
        sides = {"train_input": Path("photos"), "train_target": Path("photos")}
        table = recipe.model_dump(exclude_none=True)
        table["data"] = sides | {"kind": "unpaired", "root": pictures, "crop": 32, "batch": 2}
        table["network"] = {"name": "cut", "width": 4, "blocks": 1, "feature_layers": [0, 4]}
        table["objective"] = {"name": name, "patches": 4, "features": 8, "discriminator_width": 4}
        table["optim"] |= {"steps": 6}
        recipe = Recipe.model_validate(table)

        def report(progress: Progress) -> None:
            if progress.step == stop:
                signal.raise_signal(signal.SIGINT)

        run = Run(tmp_path / folder, recipe, resume=True)
        return train_loop(recipe, run, device="cpu", report=report)

    return start


@pytest.mark.parametrize("name", ["cut", "odcr"])
def test_an_unpaired_run_is_resumed_bit_for_bit(
    name: str, unpaired: Callable[..., Trained], tmp_path: Path
) -> None:
    unpaired("straight", name)
    with pytest.raises(KeyboardInterrupt):
        unpaired("broken", name, stop=2)
    unpaired("broken", name)
    assert_same(checkpoint(tmp_path / "straight"), checkpoint(tmp_path / "broken"))
    assert "nce=" in rows(tmp_path / "broken")[-1]["terms"]


def test_an_objective_that_needs_pairs_refuses_unpaired_data(
    unpaired: Callable[..., Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OBJECTIVES["cut"], "needs_pairs", True)
    with pytest.raises(RestoreError, match=r"'cut' needs pairs, and data\.kind = 'unpaired' draws"):
        unpaired("run", "cut")


def test_the_best_state_that_has_no_room_costs_nothing_else(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise RestoreError(f"{path}: cannot be written") from OSError(28, "No space left")

    changes = ("data.val=photos", "data.validation_crop=24", "log.validate_every=10")
    straight = train(tmp_path / "straight", *changes)
    monkeypatch.setattr(best, "write_atomically", full)
    trained = train(tmp_path / "full", *changes)
    assert not (tmp_path / "full" / "best.safetensors").exists()
    assert_same(checkpoint(tmp_path / "straight"), checkpoint(tmp_path / "full"))
    assert trained.best is not None
    assert straight.best is not None
    assert trained.best.psnr == straight.best.psnr
