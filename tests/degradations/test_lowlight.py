"""Low light: exposure in linear light, casts, and doing nothing when asked."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.lowlight import LowLight
from restore_cli.degradations.sample import Sample
from restore_cli.images.color import srgb_to_linear

EVEN = {"lit_probability": 0, "lamp_probability": 0}
NEUTRAL = {"uneven": (0, 0), "cast": (1, 1), "gamma": (1, 1), "black": (0, 0), **EVEN}


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 47)])
def test_contract(keeps_contract: Callable[..., Sample], size: tuple[int, int]) -> None:
    assert math.isnan(keeps_contract(LowLight(), size).sigma)


@pytest.mark.parametrize("stops", [0.0, 1.0, 3.0])
def test_a_stop_halves_the_light(make: Callable[..., Sample], stops: float) -> None:
    sample = make(12, 16)
    dark = LowLight(stops=(stops, stops), **NEUTRAL)(sample, np.random.default_rng(0)).image
    expected = srgb_to_linear(sample.image) / 2**stops
    torch.testing.assert_close(srgb_to_linear(dark), expected, atol=1e-5, rtol=1e-4)


def test_uneven_light_is_never_brighter_than_the_photo(make: Callable[..., Sample]) -> None:
    sample = make(24, 32)
    for seed in range(10):
        step = LowLight(
            stops=(0, 2), uneven=(0, 3), cast=(1, 1.5), gamma=(1, 1), black=(0, 0),
            lamp_probability=0,
        )  # fmt: skip
        assert (step(sample, np.random.default_rng(seed)).image <= sample.image + 1e-5).all()


def test_a_lit_part_keeps_most_of_its_light_and_the_rest_is_dark() -> None:
    white = torch.ones(3, 48, 64)
    sample = Sample(image=white, target=white, noise=torch.zeros(1, 48, 64))
    step = LowLight(stops=(4, 4), lift=9, **{**NEUTRAL, "lit_probability": 1})
    shares: list[float] = []
    for seed in range(20):
        sample_dark = step(sample, np.random.default_rng(seed))
        light = srgb_to_linear(sample_dark.image[0])
        torch.testing.assert_close(sample_dark.target, white)
        assert light.min() == pytest.approx(1 / 16, abs=0.04)  # a soft border
        shares.append(float((light > 0.25).float().mean()))
    assert min(shares) < 0.05
    assert max(shares) > 0.3


def test_a_partly_lit_scene_is_lifted_so_far_and_no_further() -> None:
    white = torch.ones(3, 48, 64)
    sample = Sample(image=white, target=white, noise=torch.zeros(1, 48, 64))
    step = LowLight(stops=(4, 4), lift=2.5, **{**NEUTRAL, "lit_probability": 1})
    for seed in range(8):
        found = step(sample, np.random.default_rng(seed))
        missing = -torch.log2(srgb_to_linear(found.image[0]))
        expected = torch.exp2(-(missing - 2.5).clamp(min=0))
        torch.testing.assert_close(srgb_to_linear(found.target[0]), expected, atol=1e-3, rtol=0)
    evenly = LowLight(stops=(4, 4), lift=2.5, **NEUTRAL)(sample, np.random.default_rng(0))
    assert torch.equal(evenly.target, white)


def test_lamps_shine_in_the_dark_picture_and_in_its_target() -> None:
    black = torch.zeros(3, 60, 80)
    sample = Sample(image=black, target=black, noise=torch.zeros(1, 60, 80))
    step = LowLight(stops=(3, 3), **{**NEUTRAL, "lamp_probability": 1})
    for seed in range(8):
        lit = step(sample, np.random.default_rng(seed))
        torch.testing.assert_close(lit.image, lit.target, atol=1e-6, rtol=0)
        assert lit.image.max() > 0.6
        assert lit.image.median() < 0.5


def test_casts_go_every_way(make: Callable[..., Sample]) -> None:
    step = LowLight(stops=(0, 0), **{**NEUTRAL, "cast": (1.5, 1.5)})
    weakest = set()
    for seed in range(30):
        light = srgb_to_linear(step(make(8, 8), np.random.default_rng(seed)).image)
        gains = (
            light.mean(dim=(1, 2)) / srgb_to_linear(make(8, 8).image).mean(dim=(1, 2))
        ).tolist()
        assert max(gains) == pytest.approx(1, rel=1e-3)
        assert min(gains) == pytest.approx(1 / 1.5, rel=1e-3)
        weakest.add(gains.index(min(gains)))
    assert weakest == {0, 1, 2}


def test_a_gamma_that_reaches_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="gamma"):
        LowLight(gamma=(0.0, 1.0))


def test_the_level_is_the_missing_exposure_as_far_as_the_target_is_lifted() -> None:
    white = torch.ones(3, 48, 64)
    sample = Sample(image=white, target=white, noise=torch.zeros(1, 48, 64))
    dark = LowLight(stops=(6, 6), **NEUTRAL)(sample, np.random.default_rng(0))
    assert (dark.level, dark.quantity) == (6.0, "stops")
    assert dark.cast == (1.0, 1.0, 1.0)
    for option in ("lit_probability", "window_probability", "backlight_probability"):
        step = LowLight(stops=(6, 6), lift=5, **{**NEUTRAL, option: 1})
        for seed in range(5):
            found = step(sample, np.random.default_rng(seed))
            ratio = srgb_to_linear(found.target) / srgb_to_linear(found.image)
            assert found.level == pytest.approx(float(ratio.log2().mean()), abs=0.02)
            assert found.level <= 5


def test_a_window_and_a_bright_sky_do_not_blow() -> None:
    ramp = torch.linspace(1, 0.2, 48).view(1, 48, 1).expand(3, 48, 64).contiguous()
    sample = Sample(image=ramp, target=ramp, noise=torch.zeros(1, 48, 64))
    for option in ("window_probability", "backlight_probability"):
        step = LowLight(stops=(5, 5), **{**NEUTRAL, option: 1})
        for seed in range(6):
            found = step(sample, np.random.default_rng(seed))
            assert (found.target <= ramp + 1e-5).all()
            assert (found.image <= found.target + 1e-5).all()


def test_a_camera_of_its_own_keeps_black_white_and_the_order(make: Callable[..., Sample]) -> None:
    ramp = torch.linspace(0, 1, 64).view(1, 1, 64).expand(3, 4, 64).contiguous()
    sample = Sample(image=ramp, target=ramp, noise=torch.zeros(1, 4, 64))
    bends: list[float] = []
    for seed in range(20):
        step = LowLight(stops=(0, 0), response_probability=1, **NEUTRAL)
        image = step(sample, np.random.default_rng(seed)).image[0, 0]
        assert (image.diff() >= 0).all()
        assert image[0] == 0
        assert image[-1] == 1
        bends.append(float((image - ramp[0, 0]).mean()))
    assert min(bends) < 0
    assert max(bends) > 0.02


def test_noise_before_the_curve_is_what_its_map_says() -> None:
    grey = torch.full((3, 200, 200), 0.6)
    sample = Sample(image=grey, target=grey, noise=torch.zeros(1, 200, 200))
    step = LowLight(stops=(2, 2), shot=(1e-3, 1e-3), read=(1e-3, 1e-3), **NEUTRAL)
    found = step(sample, np.random.default_rng(0))
    assert float(found.image.std()) == pytest.approx(float(found.noise.mean()), rel=0.05)
