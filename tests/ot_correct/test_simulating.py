"""Clean pictures to both sides of a fit: as the task degrades, reproducibly, of any size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.evaluation.fidelity import psnr
from restore_cli.models import zoo
from restore_cli.networks.unet import UNet
from restore_cli.ot_correct.simulating import MOST, Simulation
from restore_cli.recipe import Recipe

TINY = Path(__file__).parents[1] / "tiny.toml"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that returns its input."""
    return _model(tmp_path_factory.mktemp("models") / "tiny")


def _model(folder: Path, *changes: str) -> str:
    network = UNet(widths=(8, 16), depths=(1, 1), noise_map=False)
    shape = ["network.widths=[8, 16]", "network.noise_map=false"]
    zoo.export(folder, network, Recipe.load(TINY, [*shape, *changes]), "# tiny\n")
    return str(folder)


def _photo(height: int = 48, width: int = 64) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    wave = 0.5 + 0.3 * torch.sin(rows / 5) * torch.cos(columns / 7)
    return wave.expand(1, 3, -1, -1).contiguous().float()


def test_noise_of_the_told_strength_is_what_is_restored(tiny: str) -> None:
    scene = Simulation("denoise", model=tiny, sigma=20.0, device="cpu")(_photo(), 0)
    assert torch.equal(scene.natural, _photo())
    error = float((scene.restored - scene.natural).std()) * 255
    assert error == pytest.approx(20, rel=0.05)
    values = scene.restored * 255
    assert torch.allclose(values, values.round(), atol=1e-4)


def test_the_same_seed_and_number_draw_the_same(tiny: str) -> None:
    made = [
        Simulation("denoise", model=tiny, sigma=20.0, seed=seed, device="cpu")(_photo(), index)
        for seed, index in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    same, first, second, other = (scene.restored for scene in made)
    assert torch.equal(same, first)
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)


def test_the_shipped_model_and_its_own_degradation_are_the_default() -> None:
    scene = Simulation("denoise", device="cpu")(_photo(), 0)
    assert float(psnr(scene.restored, scene.natural)) > 28


def test_pictures_that_validation_leaves_as_they_are_are_no_examples(tmp_path: Path) -> None:
    noise = '{steps = [{name = "gaussian-noise", sigma = [20.0, 20.0]}]}'
    model = _model(tmp_path / "tiny", f"data.validation=[{noise}, {{steps = []}}]")
    simulation = Simulation("denoise", model=model, device="cpu")
    drawn = [simulation(_photo(), index) for index in range(8)]
    assert all(float(psnr(scene.restored, scene.natural)) < 30 for scene in drawn)


def test_of_large_pictures_the_centre_is_taken(tiny: str) -> None:
    photo = torch.rand(1, 3, MOST + 40, 32)
    scene = Simulation("denoise", model=tiny, sigma=1.0, device="cpu")(photo, 0)
    assert torch.equal(scene.natural, photo[:, :, 20 : 20 + MOST])
    assert scene.restored.shape == scene.natural.shape


def test_a_picture_that_fails_does_not_stop_the_others(tiny: str) -> None:
    simulation = Simulation("denoise", model=tiny, sigma=1.0, device="cpu")
    bad = RestoreError("b.png: damaged")
    given: list[tuple[Path, Tensor | RestoreError]] = [
        (Path("a.png"), _photo()), (Path("b.png"), bad), (Path("c.png"), _photo())
    ]  # fmt: skip
    found = dict(simulation.over(given))
    assert found[Path("b.png")] is bad
    assert [type(one).__name__ for one in found.values()] == [
        "Simulated", "RestoreError", "Simulated"
    ]  # fmt: skip


def test_what_cannot_be_simulated_is_told() -> None:
    with pytest.raises(RestoreError, match="--sigma is of noise"):
        Simulation("derain", sigma=5.0)
    with pytest.raises(RestoreError, match="no model for the task 'polish'"):
        Simulation("polish")
    assert np.isfinite(MOST)
