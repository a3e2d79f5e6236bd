"""Mixtures: shares, order, seeds, the shipped recipes, and errors that a user can act on."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from restore_cli.degradations import DEGRADATIONS
from restore_cli.degradations.compose import Compose
from restore_cli.degradations.noise import GaussianNoise, Quantize8
from restore_cli.degradations.sample import Sample
from restore_cli.errors import RestoreError
from restore_cli.recipe import Mixture, Recipe
from restore_cli.recipe.old_degradations import OLD_NAMES

SHIPPED = sorted((Path(__file__).parents[2] / "models").glob("*/recipe.toml"))
CHANGES_SIZE = ("downscale-crop", "mosaic")
EVERY = [{"name": name} for name in DEGRADATIONS if name not in CHANGES_SIZE]


def entry(*steps: dict[str, object], weight: float = 1.0) -> Mixture:
    return Mixture.model_validate({"weight": weight, "steps": list(steps)})


def picture(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((3, *size), dtype=np.float32))


def test_an_entry_without_steps_leaves_the_picture_as_it_is() -> None:
    clean = picture(5, 6)
    sample = Compose([entry()])(clean, np.random.default_rng(0))
    assert torch.equal(sample.image, clean)
    assert torch.equal(sample.target, clean)
    assert torch.equal(sample.noise, torch.zeros(1, 5, 6))
    assert sample.sigma == 0.0


def test_entries_are_drawn_by_their_weights() -> None:
    weights = (5.0, 3.0, 1.5, 0.5)
    mixture = [
        entry({"name": "gaussian-noise", "sigma": [10.0 * i, 10.0 * i]}, weight=weight)
        for i, weight in enumerate(weights, start=1)
    ]
    change, rng, clean = Compose(mixture), np.random.default_rng(0), picture(1, 1)
    drawn = np.array([round(change(clean, rng).sigma * 25.5) for _ in range(1500)])
    for index, weight in enumerate(weights, start=1):
        share = weight / sum(weights)
        bound = 4 * math.sqrt(1500 * share * (1 - share))
        assert abs(int((drawn == index).sum()) - 1500 * share) < bound


def test_samples_carry_the_label_of_their_source_through_every_step() -> None:
    kinds = [("b", [{"name": "file"}]), ("a", EVERY), ("b", EVERY), ("c", [])]
    mixture = [entry(*steps).model_copy(update={"source": name}) for name, steps in kinds]
    rng = np.random.default_rng(0)
    for index, label in enumerate((0, 1, 0, 2)):
        chosen = [
            e.model_copy(update={"weight": 1e9 if i == index else 1.0})
            for i, e in enumerate(mixture)
        ]
        assert Compose(chosen)(picture(4, 4), rng).source == label
    assert Compose([entry(), entry()])(picture(4, 4), rng).source == -1


def test_naming_sources_changes_no_picture() -> None:
    plain = [entry({"name": "rain"}), entry({"name": "gaussian-noise"}, weight=2.0)]
    named = [e.model_copy(update={"source": f"s{i}"}) for i, e in enumerate(plain)]
    for seed in range(5):
        one, other = (
            Compose(mixture)(picture(8, 8), np.random.default_rng(seed))
            for mixture in (plain, named)
        )
        assert torch.equal(one.image, other.image)


def test_steps_are_applied_in_order() -> None:
    noise, file = {"name": "gaussian-noise", "sigma": [60, 60]}, {"name": "file"}
    clean = picture(6, 7)
    filed = Compose([entry(noise, file)])(clean, np.random.default_rng(1)).image
    raw = Compose([entry(file, noise)])(clean, np.random.default_rng(1)).image
    assert filed.min() >= 0
    assert raw.min() < 0
    torch.testing.assert_close(filed * 255, (filed * 255).round())
    # The same by hand, from the same state of the generator.
    rng = np.random.default_rng(1)
    rng.choice(1, p=[1.0])
    sample = Sample(image=clean, target=clean, noise=torch.zeros(1, 6, 7))
    hand = Quantize8()(GaussianNoise(sigma=(60, 60))(sample, rng), rng)
    assert torch.equal(filed, hand.image)


@pytest.mark.parametrize("size", [(1, 1), (1, 8), (7, 13)])
def test_all_steps_after_each_other_keep_the_contract(size: tuple[int, int]) -> None:
    change, clean = Compose([entry(*EVERY)]), picture(*size)
    before = clean.clone()
    once, again = (change(clean, np.random.default_rng(7)) for _ in range(2))
    assert torch.equal(once.image, again.image)
    assert torch.equal(once.noise, again.noise)
    assert once.image.shape == (3, *size)
    assert once.noise.shape == (1, *size)
    assert once.image.isfinite().all()
    # What haze hides and lamps add belongs to the target; the photo itself stays untouched.
    assert torch.equal(once.target, again.target)
    assert once.target.shape == (3, *size)
    assert torch.equal(clean, before)
    assert math.isnan(once.sigma)


@pytest.mark.parametrize("recipe", SHIPPED, ids=lambda path: path.parent.name)
def test_the_mixtures_of_shipped_recipes_can_be_drawn(recipe: Path) -> None:
    data = Recipe.load(recipe).data
    for mixture in (data.mixture, data.validation or data.mixture):
        change, rng, clean = Compose(mixture), np.random.default_rng(0), picture(64, 64)
        for _ in range(30):
            sample = change(clean, rng)
            assert sample.image.shape == clean.shape
            assert sample.image.dtype == torch.float32
            assert sample.image.isfinite().all()
            assert sample.noise.isfinite().all()


def test_an_unknown_degradation_is_refused_with_the_nearest() -> None:
    with pytest.raises(RestoreError, match="unknown degradation 'gausian-noise'") as raised:
        Compose([entry({"name": "gausian-noise"})])
    assert raised.value.hint == "did you mean 'gaussian-noise'?"
    with pytest.raises(RestoreError, match="unknown degradation 'xyzzy'") as raised:
        Compose([entry(), entry({"name": "xyzzy"})])
    assert raised.value.hint is not None
    assert all(name in raised.value.hint for name in DEGRADATIONS)


def test_an_unknown_option_is_refused_with_the_nearest() -> None:
    with pytest.raises(RestoreError, match="degradation 'rain' has no option 'lenght'") as raised:
        Compose([entry({"name": "rain", "lenght": [3, 9]})])
    assert raised.value.hint == "did you mean 'length'?"


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"name": "jpeg", "quality": "high"}, "option quality = 'high'"),
        ({"name": "jpeg", "quality": [10, 20, 30]}, "option quality"),
        ({"name": "gaussian-noise", "sigma": 25}, "option sigma = 25"),
        ({"name": "rain", "layers": [1.5, 2]}, "option layers"),
        ({"name": "rain", "density": [0.0, 10.0]}, "'rain': density .* above 0"),
        ({"name": "sensor-noise", "shot": [1e-2, 1e-4]}, "'sensor-noise': shot .* low to high"),
        ({"name": "recompress", "quality": [0, 1000]}, "quality .* between 0 and 100"),
        ({"name": "file", "probability": 75}, "'file': probability = 75.* between 0 and 1"),
    ],
)
def test_wrong_values_are_named(step: dict[str, object], message: str) -> None:
    with pytest.raises(RestoreError, match=message):
        Compose([entry(step)])


@pytest.mark.parametrize(
    "step",
    [
        {"name": "camera-shake", "jitter": [-1, -1]},
        {"name": "haze", "hidden": [1000, 1000]},
        {"name": "moving-things", "cover": [1000, 1000]},
    ],
)
def test_numbers_that_nothing_can_be_drawn_from_are_told_with_their_step(
    step: dict[str, object],
) -> None:
    change = Compose([entry(step)])
    with pytest.raises(RestoreError, match=f"degradation '{step['name']}' fails") as caught:
        change(torch.rand(3, 32, 40), np.random.default_rng(0))
    assert "defaults" in (caught.value.hint or "")


@pytest.mark.parametrize("old", OLD_NAMES)
def test_names_of_before_build_the_same_steps(old: str) -> None:
    def images(name: str) -> torch.Tensor:
        noise = {"name": "gaussian-noise", "sigma": [20, 20]}
        change = Compose([entry(noise, {"name": name})])
        return change(picture(80, 80), np.random.default_rng(2)).image

    assert torch.equal(images(old), images(OLD_NAMES[old]))


def test_samples_are_turned_as_often_as_asked_and_as_before_when_not() -> None:
    mixture, clean = [entry()], picture(5, 5)
    never, always = Compose(mixture), Compose(mixture, turned=1.0)
    ways = {always(clean, np.random.default_rng(s)).image.numpy().tobytes() for s in range(80)}
    assert len(ways) == 8
    assert torch.equal(never(clean, np.random.default_rng(0)).image, clean)
