"""The simulation of RAW data: geometry, levels, noise statistics, and the training pair."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.cameras import Camera, Noise
from restore_cli.degradations.mosaic import Mosaic, Sensor, expose, mosaic, record
from restore_cli.degradations.sample import Sample
from restore_cli.images.color import linear_to_srgb, srgb_to_linear
from restore_cli.raw.bayer import scatter
from restore_cli.raw.neutral import camera_to_srgb

CLEAN = {"clean_probability": 1.0, "plain_probability": 1.0}
PATTERNS = ["RGGB", "GRBG", "GBRG", "BGGR"]


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_place_holds_the_colour_that_the_pattern_says(pattern: str) -> None:
    planes = np.random.default_rng(0).random((7, 9, 3))
    frame = mosaic(planes, pattern)
    for y in range(7):
        for x in range(9):
            colour = "RGB".index(pattern[2 * (y % 2) + x % 2])
            assert frame[y, x] == planes[y, x, colour]


@pytest.mark.parametrize(("bits", "black"), [(10, 0), (12, 256), (14, 512), (16, 1024)])
def test_codes_run_from_black_to_white(bits: int, black: int) -> None:
    camera = Camera(np.linalg.inv(np.eye(3)), np.array([0.5, 1.0, 0.5]))
    sensor = Sensor(bits=bits, black=black)
    codes = record(np.stack([np.zeros((4, 4, 3)), np.ones((4, 4, 3))])[1], camera, sensor, rng())
    top = 2**bits - 1
    assert codes.dtype == np.uint16
    assert codes[0, 1] == top
    assert codes[0, 0] == math.floor(black + 0.5 * (top - black) + 0.5)
    dark = record(np.zeros((4, 4, 3)), camera, sensor, rng())
    assert (dark == black).all()


def test_levels_without_range_are_refused() -> None:
    with pytest.raises(ValueError, match="no range"):
        Sensor(bits=10, black=1023)


def test_noise_has_the_variance_that_it_promises() -> None:
    noise = Noise(shot=2e-3, read=3e-3)
    camera = Camera.plain()
    sensor = Sensor(bits=16, black=8192, noise=noise)
    for level in (0.05, 0.3, 0.8):
        codes = record(np.full((400, 400, 3), level), camera, sensor, rng()).astype(float)
        signal = (codes - 8192) / (65535 - 8192)
        assert signal.mean() == pytest.approx(level, abs=3e-4)
        assert signal.var() == pytest.approx(2e-3 * level + 9e-6, rel=0.02)


def test_exposing_and_the_inverse_matrix_are_one_another() -> None:
    camera = Camera.named("Nikon D700")
    light = np.random.default_rng(0).uniform(0.2, 0.6, (5, 5, 3))
    back = expose(light, camera) @ np.linalg.inv(camera.from_srgb()).T
    np.testing.assert_allclose(back, light, atol=1e-9)


@pytest.mark.parametrize("size", [(2, 2), (3, 9), (33, 46)])
def test_same_seed_same_pair_and_nothing_is_changed(
    make: Callable[..., Sample], size: tuple[int, int]
) -> None:
    sample = make(*size)
    before = sample.image.clone()
    once, again = (Mosaic()(sample, rng()) for _ in range(2))
    even = tuple(side - side % 2 for side in size)
    assert torch.equal(sample.image, before)
    assert torch.equal(once.image, again.image)
    assert once.image.shape == once.target.shape == (3, *even)
    assert once.noise.shape == (1, *even)
    assert once.image.isfinite().all()
    assert once.target.min() >= 0
    assert once.target.max() <= 1


def test_a_clean_plain_pair_is_the_photo_under_the_curve(make: Callable[..., Sample]) -> None:
    sample = make(12, 16)
    pair = Mosaic(**CLEAN, hide_probability=0.0)(sample, rng())
    torch.testing.assert_close(srgb_to_linear(pair.target), sample.image, atol=1e-5, rtol=0)
    samples = linear_to_srgb(
        torch.from_numpy(mosaic(sample.image.permute(1, 2, 0).numpy(), "RGGB"))
    )
    torch.testing.assert_close(pair.image, scatter(samples), atol=2e-4, rtol=0)
    assert pair.sigma == 0
    assert not pair.noise.any()


def test_a_pair_in_linear_light_has_the_colours_of_a_camera(make: Callable[..., Sample]) -> None:
    sample = make(12, 16)
    grey = Sample(
        image=sample.image.mean(0, keepdim=True).expand(3, -1, -1),
        target=sample.target,
        noise=sample.noise,
    )
    step = Mosaic(clean_probability=1.0, plain_probability=0.0)
    # Grey is grey for every balanced camera, under the same curve.
    torch.testing.assert_close(step(grey, rng()).target, grey.image, atol=1e-5, rtol=0)
    assert (step(sample, rng()).target - sample.image).abs().max() > 0.01


def test_the_noise_map_is_the_deviation_under_the_curve() -> None:
    flat = torch.full((3, 256, 256), 0.5)
    sample = Sample(image=flat, target=flat, noise=torch.zeros(1, 256, 256))
    step = Mosaic(
        iso=(3200, 3200), size=(1, 1), clean_probability=0.0, plain_probability=0.0,
        hide_probability=0.0,
    )  # fmt: skip
    pair = step(sample, rng())
    seen, true = pair.image.sum(0), pair.target
    for colour, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        error = seen[row::2, column::2] - true[colour, row::2, column::2]
        assert float(error.std()) == pytest.approx(float(pair.noise[0, row, column]), rel=0.03)
    assert pair.sigma == pytest.approx(float(pair.noise.square().mean().sqrt()))


def test_levels_are_hidden_as_often_as_asked(make: Callable[..., Sample]) -> None:
    step = Mosaic(hide_probability=0.25)
    hidden = [math.isnan(step(make(2, 2), np.random.default_rng(i)).sigma) for i in range(400)]
    assert 0.17 < sum(hidden) / 400 < 0.33


@pytest.mark.parametrize("options", [{"iso": (0.0, 100.0)}, {"bits": (7, 12)}, {"bits": (14, 10)}])
def test_options_that_cannot_be_drawn_from_are_refused(options: dict[str, tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match=r"must lie|range"):
        Mosaic(**options)


def test_a_finished_target_stays_and_the_matrix_leads_to_it(make: Callable[..., Sample]) -> None:
    step = Mosaic(clean_probability=1.0, finished=True)  # plain_probability counts for nothing
    for seed in range(8):
        sample = make(13, 16)
        dull = Sample(  # colours that no camera clips
            image=0.3 + 0.3 * sample.image, target=sample.target, noise=sample.noise
        )
        pair = step(dull, np.random.default_rng(seed))
        assert torch.equal(pair.target, sample.target[:, :12])
        assert pair.matrix is not None
        torch.testing.assert_close(pair.matrix.sum(1), torch.ones(3))
        again = Mosaic(clean_probability=1.0, plain_probability=0.0)(
            dull, np.random.default_rng(seed)
        )
        assert again.matrix is None
        assert torch.equal(again.image, pair.image)
        back = camera_to_srgb(again.target[None], pair.matrix[None])[0]
        torch.testing.assert_close(back, dull.image[:, :12], atol=1e-4, rtol=0)
