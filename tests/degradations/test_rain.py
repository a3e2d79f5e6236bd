"""Rain: direction, length, width and brightness of the streaks are what was asked for."""

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from restore_cli.degradations.rain import Rain
from restore_cli.degradations.sample import Sample

Pair = tuple[float, float]
SEEDS = range(6)


def photo(size: tuple[int, int], seed: int = 0) -> Sample:
    """A smooth random picture."""
    grid = np.random.default_rng(seed).random((4, 4, 3), dtype=np.float32)
    pixels = cv2.resize(grid, size[::-1], interpolation=cv2.INTER_LINEAR).reshape(*size, 3)
    image = torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
    return Sample(image=image, target=image, noise=torch.zeros(1, *size))


def black(size: int = 96) -> Sample:
    image = torch.zeros(3, size, size)
    return Sample(image=image, target=image, noise=torch.zeros(1, size, size))


def streaks(
    seed: int,
    *,
    angle: float = 0.0,
    length: float = 30.0,
    width: float = 1.2,
    brightness: float = 0.6,
    size: int = 96,
) -> np.ndarray:
    """The light of one layer of like streaks over black, (size, size)."""
    rain = Rain(
        layers=(1, 1),
        angle=(angle, angle),
        spread=(0, 0),
        length=(length, length),
        width=(width, width),
        density=(30, 30),
        grains=(4e-3, 4e-3),
        brightness=(brightness, brightness),
        mist_probability=0,
    )
    return rain(black(size), np.random.default_rng(seed)).image.mean(dim=0).numpy()


def direction(light: np.ndarray) -> tuple[float, float]:
    """Degrees from the vertical and coherence in [0, 1], by the structure tensor."""
    smooth = cv2.GaussianBlur(light.astype(np.float64), (0, 0), 1.5)
    dx = cv2.Scharr(smooth, cv2.CV_64F, 1, 0)[4:-4, 4:-4]
    dy = cv2.Scharr(smooth, cv2.CV_64F, 0, 1)[4:-4, 4:-4]
    xx, xy, yy = (dx * dx).sum(), (dx * dy).sum(), (dy * dy).sum()
    # The gradient stands across the streaks: at (cos a, -sin a) for streaks along (sin a, cos a).
    across = 0.5 * math.degrees(math.atan2(2 * xy, xx - yy))
    return -across, math.hypot(2 * xy, xx - yy) / (xx + yy)


def apart(first: float, second: float) -> float:
    """Degrees between two undirected lines."""
    return abs((first - second + 90) % 180 - 90)


@pytest.mark.parametrize("angle", [-80.0, -45.0, -20.0, 0.0, 10.0, 35.0, 60.0, 90.0])
def test_streaks_fall_in_the_asked_direction(angle: float) -> None:
    # Both kinds of streak are among these seeds.
    for seed in SEEDS:
        measured, coherence = direction(streaks(seed, angle=angle))
        assert apart(measured, angle) < 4
        assert coherence > 0.6


def test_both_directions_of_slant_differ() -> None:
    assert apart(direction(streaks(0, angle=30))[0], direction(streaks(0, angle=-30))[0]) > 50


def test_angles_are_drawn_from_the_whole_range_and_shared_by_layers() -> None:
    rain = Rain(layers=(3, 3), spread=(0, 0), length=(30, 30), width=(1.2, 1.2), mist_probability=0)
    rng = np.random.default_rng(0)
    measured = [direction(rain(black(), rng).image.mean(dim=0).numpy()) for _ in range(40)]
    angles = np.array([angle for angle, _ in measured])
    assert min(coherence for _, coherence in measured) > 0.6
    assert angles.min() < -30
    assert angles.max() > 30
    assert np.abs(angles).max() < 54


def test_spread_turns_streaks_away_from_the_common_direction() -> None:
    def scatter(spread: float) -> float:
        rain = Rain(
            layers=(1, 1), angle=(0, 0), spread=(spread, spread), length=(30, 30),
            width=(1.2, 1.2), density=(30, 30), grains=(4e-3, 4e-3), mist_probability=0,
        )  # fmt: skip
        rng = np.random.default_rng(0)
        lights = [rain(black(64), rng).image.mean(dim=0).numpy() for _ in range(25)]
        return float(np.std([direction(light)[0] for light in lights]))

    still, wide = scatter(0.0), scatter(24.0)
    assert still < 2
    assert 7 < wide < 18  # layers deviate by half the spread


def roughness(light: np.ndarray, axis: int) -> float:
    """Mean square step along an axis, relative to the variance: falls as structures grow."""
    return float(np.square(np.diff(light, axis=axis)).mean() / light.var())


@pytest.mark.parametrize("kind", ["length", "width"])
def test_longer_and_wider_streaks(kind: str) -> None:
    values = {"length": (6.0, 16.0, 60.0), "width": (0.7, 2.0, 4.5)}[kind]
    along = 0 if kind == "length" else 1
    measured = [
        float(np.mean([roughness(streaks(seed, **{kind: value}), along) for seed in SEEDS]))
        for value in values
    ]
    assert measured[0] > 1.25 * measured[1]
    assert measured[1] > 1.25 * measured[2]


def test_denser_rain_covers_more() -> None:
    def mean(density: float, grains: float) -> float:
        rain = Rain(
            layers=(1, 1), density=(density, density), grains=(grains, grains),
            brightness=(0.5, 0.5), length=(10, 10), width=(1, 1), mist_probability=0,
        )  # fmt: skip
        lights = [rain(black(64), np.random.default_rng(s)).image.mean().item() for s in range(10)]
        return float(np.mean(lights))

    light, usual, heavy = mean(5, 1e-3), mean(40, 8e-3), mean(200, 4e-2)
    assert 2 * light < usual
    assert 2 * usual < heavy


def test_more_layers_bring_more_light_and_none_leaves_it_dry() -> None:
    def mean(layers: int) -> float:
        rain = Rain(layers=(layers, layers), mist_probability=0)
        lights = [rain(black(64), np.random.default_rng(s)).image.mean().item() for s in range(12)]
        return float(np.mean(lights))

    assert mean(0) == 0
    assert 0 < mean(1) < mean(3) < mean(6)
    sample = photo((13, 7))
    dry = Rain(layers=(0, 0), mist_probability=0)(sample, np.random.default_rng(0))
    assert torch.equal(dry.image, sample.image)


@pytest.mark.parametrize("brightness", [0.0, 0.1, 0.4, 0.65])
def test_brightness_bounds_the_peak(brightness: float) -> None:
    peaks = [float(streaks(seed, brightness=brightness).max()) for seed in SEEDS]
    assert max(peaks) <= 1.5 * brightness + 1e-6
    if brightness:
        assert max(peaks) > 0.6 * brightness
        assert min(peaks) > 0.1 * brightness


def test_light_grows_with_brightness_and_is_nearly_grey() -> None:
    dim, bright = streaks(3, brightness=0.1), streaks(3, brightness=0.4)
    assert (bright >= dim - 1e-6).all()
    assert bright.sum() > 3.5 * dim.sum()
    rain = Rain(layers=(1, 1), brightness=(0.5, 0.5), mist_probability=0)
    colours = rain(black(), np.random.default_rng(0)).image.mean(dim=(1, 2))
    assert colours.min() > 0.85 * colours.max()


def test_a_quarter_of_the_layers_covers_bright_places() -> None:
    # Addition and screening leave white white; covering shows a darker sky instead.
    white = Sample(
        image=torch.ones(3, 48, 48), target=torch.ones(3, 48, 48), noise=torch.zeros(1, 48, 48)
    )
    rain = Rain(layers=(1, 1), brightness=(0.9, 0.9), density=(150, 150), mist_probability=0)
    rng = np.random.default_rng(0)
    darkened = sum(rain(white, rng).image.min().item() < 0.99 for _ in range(120))
    assert abs(darkened - 30) < 4 * math.sqrt(120 * 0.25 * 0.75)


def test_mist_lies_over_all_of_it_and_only_as_often_as_asked() -> None:
    sample, rng = black(24), np.random.default_rng(0)
    rain = Rain(layers=(0, 0), mist=(0.3, 0.3), mist_probability=1.0)
    image = rain(sample, rng).image
    # At least 0.3 * 0.5 * 0.5 * 0.92, at most 0.3 * 0.95, cubic overshoot aside.
    assert image.min() > 0.05
    assert image.max() < 0.35
    often = Rain(layers=(0, 0), mist=(0.3, 0.3), mist_probability=0.25)
    misty = sum(often(sample, rng).image.max().item() > 0 for _ in range(400))
    assert abs(misty - 100) < 4 * math.sqrt(400 * 0.25 * 0.75)


@given(
    size=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    layers=st.integers(0, 5),
    length=st.tuples(st.floats(0.5, 20), st.floats(20, 200)),
    width=st.tuples(st.floats(0.2, 1), st.floats(1, 8)),
    brightness=st.tuples(st.floats(0, 0.5), st.floats(0.5, 3)),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=40, deadline=None)
def test_any_rain_on_any_size_stays_a_picture(
    size: tuple[int, int], layers: int, length: Pair, width: Pair, brightness: Pair, seed: int
) -> None:
    rain = Rain(
        layers=(layers, layers),
        angle=(-180, 180),
        length=length,
        width=width,
        brightness=brightness,
        mist_probability=0.5,
    )
    sample = photo(size)
    before = sample.image.clone()
    result = rain(sample, np.random.default_rng(seed))
    assert result.image.shape == (3, *size)
    assert result.image.dtype == torch.float32
    assert result.image.is_contiguous()
    assert result.image.isfinite().all()
    assert 0 <= result.image.min() <= result.image.max() <= 1
    assert torch.equal(rain(sample, np.random.default_rng(seed)).image, result.image)
    assert torch.equal(sample.image, before)
    assert result.target is sample.target
    assert result.noise is sample.noise
    assert math.isnan(result.sigma)


def test_another_seed_is_another_rain() -> None:
    images = [Rain()(photo((32, 32)), np.random.default_rng(seed)).image for seed in range(5)]
    assert all(not torch.equal(a, b) for i, a in enumerate(images) for b in images[:i])


@pytest.mark.parametrize(
    "options",
    [
        {"layers": (4, 1)},
        {"angle": (50.0, -50.0)},
        {"length": (0.0, 10.0)},
        {"width": (0.0, 1.0)},
        {"density": (0.0, 1.0)},
        {"grains": (-1e-3, 1e-2)},
        {"mist_probability": 2.0},
    ],
)
def test_options_that_cannot_be_drawn_from_are_refused(options: dict[str, Pair]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Rain(**options)


def level(seed: int, **options: Pair | float) -> tuple[float, float]:
    """What the sample says, and the mean change of a smooth picture."""
    sample = photo((64, 64))
    rain = Rain(layers=(1, 1), mist_probability=0, **options)
    found = rain(sample, np.random.default_rng(seed))
    assert found.quantity == "rain"
    return found.level, (found.image - sample.image).abs().mean().item()


def test_the_level_is_the_mean_change_by_streaks_without_mist() -> None:
    for seed in SEEDS:
        told, measured = level(seed)
        assert told == pytest.approx(measured, rel=1e-3, abs=1e-6)
    still = Rain(layers=(0, 0), mist=(0.3, 0.3), mist_probability=1.0, veil_probability=1.0)
    assert still(photo((32, 32)), np.random.default_rng(0)).level == 0


def test_faint_rain_is_almost_nothing_and_dark_rain_darkens() -> None:
    assert max(level(seed, brightness=(0.02, 0.02))[0] for seed in SEEDS) < 0.012
    sample = photo((64, 64))
    dark = Rain(layers=(1, 2), mist_probability=0, dark_probability=1)
    for seed in SEEDS:
        found = dark(sample, np.random.default_rng(seed))
        assert (found.image <= sample.image + 1e-6).all()


def test_a_larger_canvas_makes_finer_streaks_and_dots_break_them() -> None:
    def rough(axis: int, **options: Pair | float) -> float:
        rain = Rain(
            layers=(1, 1), angle=(0, 0), spread=(0, 0), length=(40, 40), width=(1.5, 1.5),
            density=(60, 60), grains=(4e-3, 4e-3), brightness=(0.6, 0.6), mist_probability=0,
            **options,
        )  # fmt: skip
        lights = (rain(black(), np.random.default_rng(s)).image[0].numpy() for s in range(12))
        return float(np.mean([roughness(light, axis) for light in lights]))

    assert rough(1, zoom=(3.0, 3.0)) > 1.2 * rough(1)
    assert rough(0, dotted_probability=1.0) > 2 * rough(0)


def test_near_drops_are_wide_and_few() -> None:
    near = Rain(layers=(1, 1), angle=(0, 0), spread=(0, 0), length=(20, 20), width=(1, 1),
                density=(50, 50), brightness=(0.5, 0.5), mist_probability=0, near_probability=1)  # fmt: skip  # noqa: E501
    lights = [near(black(), np.random.default_rng(s)).image[0].numpy() for s in range(20)]
    assert np.mean([(light > 0.05).mean() for light in lights]) < 0.3
    assert np.mean([roughness(light, 1) for light in lights if light.max() > 0.05]) < 0.2
