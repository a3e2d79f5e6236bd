"""Noise and files: statistics within sampling error, rounding exact, JPEG as another library's."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from restore_cli.degradations.noise import (
    DropNoiseLevel,
    GaussianNoise,
    Jpeg,
    Quantize8,
    SensorNoise,
)
from restore_cli.degradations.sample import Degradation, Sample
from restore_cli.images.color import linear_to_srgb, srgb_to_linear

SIZES = [(1, 1), (1, 9), (9, 1), (2, 3), (7, 13)]
STEPS: list[Degradation] = [
    GaussianNoise(),
    SensorNoise(smear=(0.0, 0.0)),
    SensorNoise(smear=(1.2, 1.2)),
    Quantize8(),
    Jpeg(),
    DropNoiseLevel(probability=1.0),
]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def clean(image: Tensor) -> Sample:
    return Sample(image=image, target=image, noise=torch.zeros(1, *image.shape[-2:]))


def flat(linear: float, size: tuple[int, int]) -> Sample:
    return clean(linear_to_srgb(torch.full((3, *size), linear)))


def picture(size: tuple[int, int], seed: int = 0) -> Tensor:
    return torch.from_numpy(generator(seed).random((3, *size), dtype=np.float32))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_any_size_same_seed_same_sample_and_no_input_changed(
    step: Degradation, size: tuple[int, int]
) -> None:
    image, target, noise = picture(size), picture(size, 1), 0.1 * picture(size, 2)[:1]
    sample = Sample(image=image, target=target, noise=noise, sigma=0.1)
    copies = [tensor.clone() for tensor in (image, target, noise)]
    once, again, other = (step(sample, generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(once.image, again.image)
    assert torch.equal(once.noise, again.noise)
    np.testing.assert_equal(once.sigma, again.sigma)
    if isinstance(step, (GaussianNoise, SensorNoise)):
        assert not torch.equal(once.image, other.image)
    assert once.image.shape == image.shape
    assert once.image.dtype == once.noise.dtype == torch.float32
    assert once.noise.shape == noise.shape
    assert once.image.isfinite().all()
    assert once.noise.isfinite().all()
    assert once.target is target
    for tensor, copy in zip((image, target, noise), copies, strict=True):
        assert torch.equal(tensor, copy)


@pytest.mark.parametrize("sigma", [2.0, 25.0, 55.0])
def test_gaussian_noise_has_the_asked_deviation_and_is_white(sigma: float) -> None:
    sample = clean(picture((100, 100)))
    result = GaussianNoise(sigma=(sigma, sigma))(sample, generator())
    noise = 255 * (result.image - sample.image).double()
    # 30000 values: the mean is known to sigma / 173, the deviation to 0.4 %; four times that.
    assert noise.mean().abs() < 4 * sigma / 173
    assert noise.std().item() == pytest.approx(sigma, rel=0.017)
    for axis in (0, 1, 2):
        product = (noise * noise.roll(1, axis)).mean() / sigma**2
        assert abs(product) < 0.025
    assert result.sigma == pytest.approx(sigma / 255)
    torch.testing.assert_close(result.noise, torch.full((1, 100, 100), sigma / 255))


def test_gaussian_noise_is_not_clipped() -> None:
    result = GaussianNoise(sigma=(50, 50))(clean(torch.zeros(3, 32, 32)), generator())
    assert result.image.min() < -0.1


def test_deviations_are_drawn_uniformly_from_the_range() -> None:
    rng, sample = generator(), clean(torch.zeros(3, 1, 1))
    drawn = np.array([GaussianNoise(sigma=(10, 40))(sample, rng).sigma for _ in range(800)]) * 255
    assert drawn.min() >= 10
    assert drawn.max() <= 40
    counts, _ = np.histogram(drawn, bins=4, range=(10, 40))
    assert (np.abs(counts - 200) < 4 * math.sqrt(800 * 0.25 * 0.75)).all()


def test_sigma_is_true_after_one_noise_and_unknown_after_two() -> None:
    rng = generator()
    once = GaussianNoise(sigma=(30, 30))(clean(picture((9, 9))), rng)
    filed = Quantize8()(once, rng)
    assert filed.sigma == once.sigma == pytest.approx(30 / 255)
    assert torch.equal(filed.noise, once.noise)
    twice = GaussianNoise(sigma=(40, 40))(filed, rng)
    assert math.isnan(twice.sigma)
    torch.testing.assert_close(twice.noise, torch.full((1, 9, 9), 50 / 255))  # 3, 4, 5
    assert math.isnan(GaussianNoise(sigma=(1, 1))(twice, rng).sigma)
    for step in (SensorNoise(), Jpeg()):
        assert math.isnan(step(once, rng).sigma)


@given(sigma=st.floats(0, 55), seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_no_noise_is_no_change(sigma: float, seed: int) -> None:
    noisy = GaussianNoise(sigma=(sigma, sigma))(clean(picture((3, 4))), generator(seed))
    same = GaussianNoise(sigma=(0, 0))(noisy, generator(seed))
    assert torch.equal(same.image, noisy.image)
    torch.testing.assert_close(same.noise, noisy.noise)


@pytest.mark.parametrize("linear", [0.02, 0.2, 0.7])
@pytest.mark.parametrize(("shot", "read"), [(1e-3, 2e-4), (1e-4, 4e-3)])
def test_sensor_noise_has_its_variance_in_linear_light(
    linear: float, shot: float, read: float
) -> None:
    step = SensorNoise(shot=(shot, shot), read=(read, read), smear=(0, 0), chroma=(1, 1))
    result = step(flat(linear, (100, 100)), generator())
    noise = srgb_to_linear(result.image.double()) - linear
    # 30000 values: the variance is known to 0.8 %.
    assert noise.var().item() == pytest.approx(shot * linear + read**2, rel=0.035)
    assert abs(noise.mean().item()) < 4 * noise.std().item() / 173


def test_chroma_raises_the_noise_of_red_and_blue_only() -> None:
    step = SensorNoise(shot=(1e-3, 1e-3), read=(1e-3, 1e-3), smear=(0, 0), chroma=(1.5, 1.5))
    result = step(flat(0.4, (120, 120)), generator())
    deviation = (srgb_to_linear(result.image.double()) - 0.4).std(dim=(1, 2))
    torch.testing.assert_close(
        deviation / deviation[1], torch.tensor([1.5, 1.0, 1.5]).double(), rtol=0.03, atol=0
    )


@pytest.mark.parametrize("smear", [0.5, 1.2])
def test_smear_correlates_neighbours_and_keeps_the_variance(smear: float) -> None:
    shot, read, linear = 1e-3, 1e-3, 0.4
    step = SensorNoise(shot=(shot, shot), read=(read, read), smear=(smear, smear), chroma=(1, 1))
    result = step(flat(linear, (200, 200)), generator())
    noise = (srgb_to_linear(result.image.double()) - linear) / math.sqrt(shot * linear + read**2)
    assert noise.var().item() == pytest.approx(1.0, rel=0.06)
    # White noise through a sampled Gaussian: the kernel's own autocorrelation.
    taps = np.exp(-(np.arange(-9, 10) ** 2) / (2 * smear**2))
    expected = (taps[1:] * taps[:-1]).sum() / (taps**2).sum()
    for first, second in ((noise[:, 1:], noise[:, :-1]), (noise[..., 1:], noise[..., :-1])):
        correlation = (first * second).mean() / noise.var()
        assert correlation.item() == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 4)])
def test_smear_keeps_the_variance_up_to_the_border(size: tuple[int, int]) -> None:
    step = SensorNoise(shot=(1e-3, 1e-3), read=(1e-3, 1e-3), smear=(1.2, 1.2), chroma=(1, 1))
    sample, rng, linear = flat(0.4, size), generator(), 0.4
    results = torch.stack([step(sample, rng).image for _ in range(500)]).double()
    variance = (srgb_to_linear(results) - linear).square().mean(dim=(0, 1))
    # 1500 values a place: known to 3.7 %.
    assert ((variance / (1e-3 * linear + 1e-6) - 1).abs() < 0.16).all()


def test_sensor_noise_says_its_level_at_each_place() -> None:
    # From dark to bright, away from where the sensor clips.
    ramp = torch.linspace(0.25, 0.85, 64).expand(3, 8, 64).contiguous()
    step = SensorNoise(shot=(2e-3, 2e-3), read=(3e-3, 3e-3), smear=(0, 0), chroma=(1.4, 1.4))
    sample, rng = clean(ramp), generator()
    results = [step(sample, rng) for _ in range(40)]
    errors = torch.stack([result.image - ramp for result in results]).double()
    empirical = errors.square().mean(dim=(0, 1, 2)).sqrt().view(8, 8).mean(dim=1)
    said = results[0].noise.double().mean(dim=(0, 1)).view(8, 8).mean(dim=1)
    torch.testing.assert_close(said, empirical, rtol=0.05, atol=0)
    # In sRGB the dark is the noisier side, and the map shows it.
    assert said[0] > 1.2 * said[-1]


def test_sensor_noise_adds_its_level_to_the_noise_before() -> None:
    step = SensorNoise(shot=(1e-3, 1e-3), read=(1e-3, 1e-3), chroma=(1, 1))
    alone = step(flat(0.3, (4, 4)), generator()).noise
    before = replace(flat(0.3, (4, 4)), noise=torch.full((1, 4, 4), 0.05))
    torch.testing.assert_close(step(before, generator()).noise, (alone**2 + 0.05**2).sqrt())


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_sensor_noise_clips_as_a_sensor_does(value: float) -> None:
    step = SensorNoise(shot=(1e-2, 1e-2), read=(1e-2, 1e-2))
    result = step(clean(torch.full((3, 40, 40), value)), generator())
    assert result.image.min() >= 0
    assert result.image.max() <= 1
    at_the_end = (result.image - value).abs() < 1e-6
    assert 0.3 < at_the_end.float().mean() < 0.7
    assert result.noise.min() > 0


@given(st.lists(st.floats(-1.0, 2.0, width=32), min_size=1, max_size=30))
@settings(deadline=None)
def test_a_file_clips_and_rounds_exactly(values: list[float]) -> None:
    image = torch.tensor(values, dtype=torch.float32).expand(3, 1, -1).contiguous()
    result = Quantize8()(clean(image), generator()).image
    scaled = np.clip(image.numpy(), 0, 1).astype(np.float32) * np.float32(255)
    levels = np.floor(scaled + np.float32(0.5))
    np.testing.assert_array_equal(result.numpy(), levels / np.float32(255))
    assert (result - image.clamp(0, 1)).abs().max() <= 0.5001 / 255


def test_what_a_file_holds_already_passes_a_file() -> None:
    levels = (torch.arange(256, dtype=torch.float32) / 255).expand(3, 1, 256).contiguous()
    assert torch.equal(Quantize8()(clean(levels), generator()).image, levels)


@pytest.mark.parametrize("step", [Quantize8, Jpeg, DropNoiseLevel])
def test_probabilities_hold(step: type[Quantize8] | type[Jpeg] | type[DropNoiseLevel]) -> None:
    sample = replace(clean(torch.full((3, 2, 2), 0.3337)), sigma=0.25)
    rng = generator()
    assert step(probability=0.0)(sample, rng) is sample
    assert step(probability=1.0)(sample, rng) is not sample
    happened = sum(step(probability=0.3)(sample, rng) is not sample for _ in range(600))
    assert abs(happened - 180) < 4 * math.sqrt(600 * 0.3 * 0.7)


def test_hiding_the_level_changes_nothing_else() -> None:
    sample = replace(clean(picture((4, 4))), sigma=0.25)
    hidden = DropNoiseLevel(probability=1.0)(sample, generator())
    assert math.isnan(hidden.sigma)
    assert hidden.image is sample.image
    assert hidden.noise is sample.noise


def by_pillow(image: Tensor, quality: int, subsampling: int) -> np.ndarray:
    pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file), np.int64)


@pytest.mark.parametrize("quality", [40, 75, 95])
def test_jpeg_is_that_of_another_library(quality: int) -> None:
    image = torch.nn.functional.interpolate(picture((6, 8))[None], (37, 50), mode="bicubic")[0]
    distances: list[list[int]] = []
    for seed in range(8):
        result = Jpeg(quality=(quality, quality))(clean(image), generator(seed)).image
        pixels = (result * 255).round().permute(1, 2, 0).numpy().astype(np.int64)
        distances.append([int(np.abs(pixels - by_pillow(image, quality, s)).max()) for s in (0, 2)])
    # Two builds of libjpeg may differ by a rounding in the colour conversion.
    assert all(min(pair) <= 2 for pair in distances)
    assert max(pair[0] for pair in distances) > 2 < max(pair[1] for pair in distances)


def test_jpeg_quality_orders_the_error_and_keeps_colours_apart() -> None:
    image = picture((32, 32))
    errors = [
        (Jpeg(quality=(q, q))(clean(image), generator()).image - image).square().mean().item()
        for q in (10, 40, 70, 100)
    ]
    assert errors == sorted(errors, reverse=True)
    red = torch.tensor([0.8, 0.2, 0.1]).view(3, 1, 1).expand(3, 16, 16).contiguous()
    result = Jpeg(quality=(95, 95))(clean(red), generator()).image
    assert (result - red).abs().max() < 0.02


def test_jpeg_draws_every_quality_of_the_range() -> None:
    image, rng = picture((8, 8)), generator()
    errors = {
        round((Jpeg(quality=(30, 32))(clean(image), rng).image - image).abs().sum().item(), 3)
        for _ in range(60)
    }
    assert len(errors) == 6  # three qualities, each with two kinds of chroma sampling


@pytest.mark.parametrize(
    ("step", "options"),
    [
        (GaussianNoise, {"sigma": (50.0, 10.0)}),
        (SensorNoise, {"read": (0.0, 0.1)}),
        (SensorNoise, {"shot": (-1.0, 0.1)}),
        (Quantize8, {"probability": 75}),
        (Jpeg, {"quality": (90, 40)}),
        (Jpeg, {"probability": -0.5}),
        (DropNoiseLevel, {"probability": 1.5}),
    ],
)
def test_options_that_cannot_be_drawn_from_are_refused(
    step: type[Degradation], options: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        step(**options)


def test_an_unclipped_file_rounds_and_keeps_the_mean_at_white() -> None:
    white = flat(1.0, (64, 64))
    noisy = GaussianNoise(sigma=(20, 20))(white, np.random.default_rng(0))
    free = Quantize8(clip_probability=0)(noisy, np.random.default_rng(1)).image
    cut = Quantize8()(noisy, np.random.default_rng(1)).image
    torch.testing.assert_close(free * 255, (free * 255).round(), atol=1e-3, rtol=0)
    assert float(free.mean()) == pytest.approx(1.0, abs=3e-3)
    assert float(cut.mean()) < 0.98
    assert noisy.level == pytest.approx(20)
    assert noisy.quantity == "sigma"
