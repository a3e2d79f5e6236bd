"""Drawing and computing lie apart, and give what they give together."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from restore_cli.degradations import (
    DEGRADATIONS,
    camera_noise,
    haze,
    lowlight,
    rain,
    veil,
)
from restore_cli.degradations.change import Change, Planned, Unfinished
from restore_cli.degradations.compose import Compose
from restore_cli.degradations.noise import DropNoiseLevel, GaussianNoise, Jpeg, Quantize8
from restore_cli.degradations.sample import Degradation, Sample
from restore_cli.degradations.turn import Turn
from restore_cli.degradations.veil import Veil
from restore_cli.recipe import Recipe

SHIPPED = sorted((Path(__file__).parents[2] / "models").glob("*/recipe.toml"))
WIDE: dict[str, dict[str, object]] = {
    "rain": {
        "zoom": (0.5, 2.0),
        "dotted_probability": 0.5,
        "dark_probability": 0.5,
        "veil_probability": 0.5,
        "mist_probability": 0.5,
    },
    "haze": {"linear": 0.5, "gain": (0.8, 1.2)},
    "low-light": {
        "lamp_probability": 0.5,
        "window_probability": 0.5,
        "response_probability": 0.5,
        "shot": (1e-5, 1e-3),
        "read": (1e-4, 1e-3),
    },
    "camera-noise": {"blotch_probability": 0.5, "band_probability": 0.5},
    "veil": {},
}
Make = Callable[..., Sample]


def same(one: Sample, other: Sample) -> bool:
    """Whether all attributes are, bit for bit."""
    for field in fields(Sample):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, Tensor) != isinstance(b, Tensor):
            return False
        equal = torch.equal(a, b) if isinstance(a, Tensor) else str(a) == str(b)
        if not equal:
            return False
    return True


def count(sample: Sample) -> Sample:
    return replace(sample, source=sample.source + 1)


class Looking(Planned):
    """Draws by what it sees."""

    looks = True

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change | None:
        return None if float(sample.image.mean()) > 2 else Change(count)


class Bright(Planned):
    def plan(self, sample: Sample, rng: np.random.Generator) -> Change:
        return Change(lambda one: replace(one, image=one.image + 3))


def test_what_needs_only_the_size_waits_and_what_looks_sees_what_was_done(make: Make) -> None:
    rng, begun = np.random.default_rng(0), Unfinished(make(4, 5))
    waiting = begun.after(GaussianNoise(), rng).after(Quantize8(), rng)
    assert len(waiting.changes) == 2
    assert waiting.sample is begun.sample
    assert len(begun.after(Looking(), rng).changes) == 1
    seen = begun.after(Bright(), rng).after(Looking(), rng)
    assert seen.changes == ()
    assert float(seen.sample.image.mean()) > 2


def test_files_are_written_at_once_and_a_file_that_is_not_written_holds_nothing_up(
    make: Make,
) -> None:
    rng = np.random.default_rng(0)
    waiting = Unfinished(make(8, 8)).after(GaussianNoise(), rng)
    assert waiting.after(Jpeg(probability=1.0), rng).changes == ()
    assert waiting.after(Jpeg(probability=0.0), rng).changes == waiting.changes
    again = waiting.after(Jpeg(), rng).after(Quantize8(), rng)
    assert len(again.changes) == 1


def test_a_step_of_another_kind_gets_the_finished_sample(make: Make) -> None:
    def plain(sample: Sample, rng: np.random.Generator) -> Sample:
        return replace(sample, target=sample.image)

    rng = np.random.default_rng(0)
    waiting = Unfinished(make(4, 4)).after(GaussianNoise(), rng)
    after = waiting.after(plain, rng)
    assert after.changes == ()
    assert torch.equal(after.sample.target, waiting.finished().image)


@pytest.mark.parametrize("recipe", SHIPPED, ids=lambda path: path.parent.name)
def test_chains_left_off_give_what_steps_give_one_after_the_other(recipe: Path) -> None:
    data = Recipe.load(recipe).data
    change = Compose(data.mixture)
    clean = torch.from_numpy(np.random.default_rng(0).random((3, 48, 48), dtype=np.float32))
    waited = 0
    for seed in range(24):
        begun = change.begun(clean, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        drawn = int(rng.choice(len(change._chains), p=change._chances))
        noise, label = torch.zeros(1, 48, 48), change._labels[drawn]
        sample = Sample(image=clean, target=clean, noise=noise, source=label)
        for _, step in change._chains[drawn]:
            sample = step(sample, rng)
        assert same(begun.finished(), sample)
        waited += len(begun.changes)
    if recipe.parent.name not in ("dejpeg", "isp", "vae-small"):  # files, mosaics, whole photos
        assert waited > 8


def _built(name: str) -> Degradation:
    return DEGRADATIONS[name](**WIDE.get(name, {}))


@pytest.mark.parametrize("name", WIDE)
def test_arithmetic_of_tensors_is_that_of_arrays(
    name: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = _built(name)
    arrays = [step(make(40, 56), np.random.default_rng(seed)) for seed in range(16)]
    for module in (camera_noise, haze, lowlight, rain, veil):  # as on a device
        monkeypatch.setattr(module, "planes", lambda values: values)
    for seed, expected in enumerate(arrays):
        found = step(make(40, 56), np.random.default_rng(seed))
        for part in ("image", "target", "noise"):
            a, b = getattr(found, part), getattr(expected, part)
            # A table is looked up at the nearest of 1024 places: a digit may be another place.
            torch.testing.assert_close(a, b, atol=2e-3 if name == "low-light" else 1e-5, rtol=0)
            assert float((a - b).abs().mean()) < 1e-5
        assert float(found.level) == pytest.approx(float(expected.level), abs=1e-4, rel=1e-4)


def test_planned_steps_may_happen_to_some_samples_only(make: Make) -> None:
    sample = make(8, 8)
    for step in (Jpeg, Quantize8, Veil, Turn, DropNoiseLevel):
        assert step(probability=0.0).plan(sample, np.random.default_rng(0)) is None
        drawn = [step(probability=0.3).plan(sample, np.random.default_rng(n)) for n in range(300)]
        assert 60 < sum(change is not None for change in drawn) < 120
        with pytest.raises(ValueError, match="between 0 and 1"):
            step(probability=1.5)
