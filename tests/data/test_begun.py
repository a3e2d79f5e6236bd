"""Batches whose arithmetic is left to a device."""

import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from restore_cli.data.begun import BegunBatch
from restore_cli.data.loader import training_loader
from restore_cli.data.pairs import degrade
from restore_cli.data.sample import Batch
from restore_cli.data.source import build_source
from restore_cli.degradations import DEGRADATIONS
from restore_cli.degradations.change import Planned, Unfinished
from restore_cli.degradations.compose import Compose
from restore_cli.degradations.sample import Sample
from restore_cli.recipe import Recipe

Parse = Callable[..., Recipe]
SHIPPED = sorted((Path(__file__).parents[2] / "models").glob("*/recipe.toml"))
CPU = torch.device("cpu")
MIXTURE = (
    "data.mixture=[{ steps = [{ name = 'rain' }, { name = 'jpeg', probability = 0.3 }] },"
    " { steps = [{ name = 'low-light' }, { name = 'sensor-noise' }, { name = 'quantize8' }] },"
    " { steps = [{ name = 'recolour' }, { name = 'haze' }, { name = 'quantize8' }] },"
    " { steps = [{ name = 'defocus' }, { name = 'gaussian-noise' }] }, { steps = [] }]"
)
PLANNED = {
    name: step
    for name, step in DEGRADATIONS.items()
    if inspect.isclass(step) and issubclass(step, Planned)
}


def check(found: Batch, expected: Batch) -> None:
    for name, value in expected.tensors().items():
        other = found.tensors()[name]
        assert (value is None) == (other is None)
        if value is not None:
            torch.testing.assert_close(other, value, atol=0, rtol=0, equal_nan=True)


def clean(size: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((3, size, size), dtype=np.float32))


@pytest.mark.parametrize("recipe", SHIPPED, ids=lambda path: path.parent.name)
def test_finished_later_a_batch_is_bit_for_bit_what_it_is_at_once(recipe: Path) -> None:
    data = Recipe.load(recipe).data
    change = Compose(data.mixture, turned=0.5)
    seeds = range(10)
    begun = [change.begun(clean(48), np.random.default_rng(seed)) for seed in seeds]
    at_once = [degrade(clean(48), change, np.random.default_rng(seed)) for seed in seeds]
    check(BegunBatch.of(begun).to(CPU), Batch.stacked(at_once))


@pytest.mark.filterwarnings("ignore:.*pin_memory.*")
@pytest.mark.parametrize("workers", [0, 2])
def test_any_number_of_workers_begins_the_same_batches(workers: int, parse: Parse) -> None:
    settings = (MIXTURE, "data.batch=4", "optim.steps=4", "data.turned=0.5")
    recipe = parse(*settings, f"data.workers={workers}")
    source = build_source(recipe.data)
    begun = list(training_loader(source, recipe, first_step=0, device="cuda"))
    plain = parse(*settings, "data.workers=0")
    expected = list(training_loader(source, plain, first_step=0))
    assert len(begun) == len(expected) == 4
    for one, other in zip(begun, expected, strict=True):
        assert isinstance(one, BegunBatch)
        check(one.to(CPU), other)


def test_a_batch_is_one_tensor_in_which_each_stands_once() -> None:
    picture = clean(16)
    sample = Sample(image=picture, target=picture, noise=torch.zeros(1, 16, 16))
    batch = BegunBatch.of([Unfinished(sample), Unfinished(sample)])
    assert batch.values.dtype == torch.uint8
    assert batch.values.numel() == 16 * 16 * 4 * 4
    finished = batch.to(CPU)
    assert torch.equal(finished.image, torch.stack([picture, picture]))
    assert torch.equal(finished.target, finished.image)
    assert finished.amounts.tolist() == [[0.0] * 6] * 2


def one_change(name: str, seed: int) -> Unfinished | None:
    picture = clean(40)
    sample = Sample(image=picture, target=picture.flip(0), noise=torch.zeros(1, 40, 40))
    change = PLANNED[name]().plan(sample, np.random.default_rng(seed))
    if change is None or not change.anywhere:
        return None
    return Unfinished(sample, (change,))


@pytest.mark.parametrize("name", [name for name in PLANNED if name not in ("jpeg", "file")])
def test_arithmetic_stays_on_the_device_of_its_sample(name: str) -> None:
    # "meta" has no values: whatever reads one, or mixes it with the CPU, fails.
    begun = [one_change(name, seed) for seed in range(12)]
    samples = [one for one in begun if one is not None]
    assert samples
    batch = BegunBatch.of(samples).to(torch.device("meta"))
    assert batch.image.device.type == batch.amounts.device.type == "meta"
    assert batch.image.shape == (len(samples), 3, 40, 40)


@pytest.mark.parametrize("name", [name for name in PLANNED if name not in ("jpeg", "file")])
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_pictures_of_the_cpu(name: str) -> None:
    begun = [one for seed in range(12) if (one := one_change(name, seed)) is not None]
    batch = BegunBatch.of(begun)
    there, here = batch.pin_memory().to(torch.device("cuda")), batch.to(CPU)
    for part, expected in here.tensors().items():
        found = there.tensors()[part]
        if expected is None or found is None:
            assert found is expected
            continue
        assert found.device.type == "cuda"
        # 8-bit rounding and tables may fall to the neighbour, rarely.
        difference = (found.cpu() - expected).nan_to_num().abs()
        assert torch.equal(found.cpu().isnan(), expected.isnan())
        assert difference.max() <= 1 / 255 + 1e-4
        assert difference.mean() < 1e-4
