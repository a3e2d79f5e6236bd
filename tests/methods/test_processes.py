"""What a batch is that several processes share; two, joined by gloo, against one with twice it."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spread
import torch
from PIL import Image
from torch import Tensor

from restore_cli.methods import OBJECTIVES, processes
from restore_cli.methods.base import Trained
from restore_cli.methods.processes import gathered, mean_known, own
from restore_cli.networks import NETWORKS
from restore_cli.recipe import construct

FEW = ("supervised-guided", "baryir")
NEEDS_GLOO = pytest.mark.skipif(sys.platform == "win32", reason="no gloo launcher")


def test_of_one_process_all_rows_are_its_own() -> None:
    rows = torch.rand(3, 2)
    assert torch.equal(own(gathered(rows)), rows)


def test_what_is_not_known_counts_nowhere() -> None:
    error = torch.tensor([1.0, torch.nan, 5.0], requires_grad=True)
    found = mean_known(error, torch.tensor([True, False, True]))
    assert found == 3
    found.backward()
    assert error.grad is not None
    assert error.grad.tolist() == [0.5, 0, 0.5]
    assert mean_known(torch.ones(2), torch.zeros(2, dtype=torch.bool)) == 0


def test_the_mean_over_processes_is_that_over_the_whole_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two processes, one of which knows one error, the other three."""
    monkeypatch.setattr(processes, "processes", lambda: 2)

    def add(count: Tensor) -> None:
        count.fill_(4)

    monkeypatch.setattr("torch.distributed.all_reduce", add)
    parts = [
        mean_known(torch.tensor(values), torch.ones(len(values), dtype=torch.bool))
        for values in ([8.0], [1.0, 2.0, 3.0])
    ]
    assert torch.stack(parts).mean() == 3.5


def test_each_process_finds_its_rows_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "processes", lambda: 2)
    monkeypatch.setattr("torch.distributed.get_rank", lambda: 1)
    assert own(torch.arange(6)).tolist() == [3, 4, 5]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("spread")
    rng = np.random.default_rng(0)
    for index, folder in enumerate(["photos", "others"]):
        (root / folder).mkdir()
        for number in range(4):
            coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
            fine = coarse.resize((40, 36), Image.Resampling.BICUBIC)
            # Half of the names stand in both folders: these are pairs.
            fine.save(root / folder / f"{number + 2 * index}.png")
    return root


def weights(folder: Path) -> dict[str, Tensor]:
    """All modules' weights and the average's, as the checkpoint has them."""
    saved: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    parts = {**saved["modules"], "average": saved["average"]}
    return {f"{part}.{name}": v for part, state in parts.items() for name, v in state.items()}


def assert_two_processes_do_what_one_does(names: list[str], photos: Path, folder: Path) -> None:
    """With a batch of 2 each, and of 4.

    Nothing is left to each process: what is drawn for a sample is drawn for the whole batch.
    """
    spread.train_in_two_processes(names, photos, folder / "two")
    for name in names:
        spread.train(name, photos, folder / "one" / name, batch=4)
        one, two = weights(folder / "one" / name), weights(folder / "two" / name)
        assert one.keys() == two.keys()
        start = begun(name, photos)
        moved = max(float((one[f"network.{k}"] - v.detach()).abs().max()) for k, v in start.items())
        assert moved > 1e-4
        for key, value in one.items():
            if key.startswith("discriminator") and key.endswith("model.3.bias"):
                continue  # A norm follows: its gradient is rounding, and Adam goes by the sign.
            if name == "baryir" and key == "potentials.layers.2.bias":
                continue  # Only differences of potentials count: its gradient is rounding, too.
            # Adam makes whole steps of tiny gradients, and a rectifier that a rounding error turns
            # on or off gives one: a number here and there may differ, a tensor must not.
            beyond = (two[key] - value).abs() > 1e-6
            assert int(beyond.sum()) <= max(1, value.numel() // 1000), f"{name}: {key}"


def begun(name: str, photos: Path) -> dict[str, Tensor]:
    """The network's weights before the first step."""
    made = spread.recipe(name, photos, batch=4)
    torch.manual_seed(made.optim.seed)
    network = construct(made.network, NETWORKS, section="network")
    return dict(Trained(network).named_parameters())


@NEEDS_GLOO
def test_estimates_and_comparisons_within_a_batch_do_not_depend_on_the_number_of_processes(
    photos: Path, tmp_path: Path
) -> None:
    assert_two_processes_do_what_one_does(list(FEW), photos, tmp_path)


@NEEDS_GLOO
@pytest.mark.slow
def test_no_other_objective_depends_on_the_number_of_processes(
    photos: Path, tmp_path: Path
) -> None:
    rest = [name for name in spread.CASES if name not in FEW]
    assert {spread.CASES[name][1]["name"] for name in (*rest, *FEW)} == set(OBJECTIVES)
    assert_two_processes_do_what_one_does(rest, photos, tmp_path)
