"""Deblurring: what the filters undo, what the estimator says, and who may tell the network what."""

import math

import pytest
import torch
from scipy import special
from torch import Tensor

from restore_cli.degradations.blur import directional_widths, disc_kernel, kernel_moments, spread
from restore_cli.networks.deblur import BlurEstimator, Deblur, inverse_filtered

NAN = float("nan")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def small(*, awake: bool = True) -> Deblur:
    network = Deblur(widths=(6, 8), depths=(1, 1)).eval()
    if awake:
        torch.nn.init.normal_(network.body.tail.weight, std=0.1)
    return network


def edges(side: int = 64) -> Tensor:
    """A picture with sharp edges in every direction."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    ring = ((y - side / 2) ** 2 + (x - side / 2) ** 2).sqrt() / 9
    return (0.2 + 0.6 * (ring.floor() % 2)).expand(3, -1, -1).contiguous()


def error(a: Tensor, b: Tensor) -> float:
    return float((a - b)[..., 8:-8, 8:-8].square().mean())


@pytest.mark.parametrize(("index", "radius"), [(0, 2.0), (0, 3.0), (1, 3.0), (2, 0.8)])
def test_a_blur_of_known_width_is_undone(index: int, radius: float) -> None:
    sharp = edges()
    kernel = disc_kernel(radius, 0.5)
    blurred = spread(sharp, torch.from_numpy(kernel))
    widths = directional_widths(kernel_moments(kernel))
    made = inverse_filtered(blurred[None], widths[None])[0].view(3, 3, 64, 64)
    assert error(made[index], sharp) < 0.8 * error(blurred, sharp)


def test_filters_are_not_rounded_by_autocast() -> None:
    """Rounded to bf16, windows of a picture came out differently by 2.5 of 255."""
    picture, widths = edges()[None], torch.tensor([[2.0, 1.0, 2.0, 1.5]])
    exact = inverse_filtered(picture, widths)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(inverse_filtered(picture, widths), exact)


def test_a_line_is_undone_along_its_direction_only() -> None:
    sharp = edges()
    kernel = torch.eye(7).numpy() / 7  # from upper left to lower right: y grows with x
    blurred = spread(sharp, torch.from_numpy(kernel))
    widths = directional_widths(kernel_moments(kernel))
    assert widths[3] == pytest.approx(0, abs=1e-3)
    right = inverse_filtered(blurred[None], widths[None])[0, 3:6]
    wrong = inverse_filtered(blurred[None], widths[None, [0, 3, 2, 1]])[0, 3:6]
    assert error(right, sharp) < 0.6 * error(blurred, sharp)
    assert error(wrong, sharp) > error(blurred, sharp)


def test_a_filter_is_its_formula_on_a_wave() -> None:
    # A wave that fits the mirrored picture passes the filter as itself, times one number.
    side, cycles = 65, 8
    wave = torch.cos(2 * math.pi * cycles * torch.arange(side) / (side - 1))
    light = 0.5 + 0.05 * wave.expand(3, side, side)
    image = torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    sigma = 1.4
    widths = torch.tensor([[sigma, sigma, sigma, sigma]])
    made = inverse_filtered(image[None], widths)[0]
    back = torch.where(made <= 0.04045, made / 12.92, ((made + 0.055) / 1.055) ** 2.4)
    frequency = 2 * cycles / (side - 1)
    phase = math.pi * frequency * sigma
    kernels = (
        2 * special.j1(2 * phase) / (2 * phase),
        math.sin(math.sqrt(3) * phase) / (math.sqrt(3) * phase),
        math.exp(-(phase**2) / 2),
    )
    middle = slice(24, 41)
    for place, (kernel, noise) in enumerate(zip(kernels, (0.03, 0.03, 0.1), strict=True)):
        gain = kernel / (kernel**2 + noise * (frequency**2 + 0.02))
        swing = back[3 * place, 32, middle] - back[3 * place, 32, middle].mean()
        wanted = gain * 0.05 * (wave[middle] - wave[middle].mean())
        # What the filters reach and the mean's own gain leave a little.
        assert float((swing - wanted).abs().max()) < 0.001


def test_a_window_is_filtered_as_the_whole_picture_is() -> None:
    whole, widths = torch.rand(1, 3, 150, 170), torch.tensor([[3.0, 2.0, 1.0, 4.0]])
    made = inverse_filtered(whole, widths)
    part = inverse_filtered(whole[..., :110, 40:], widths)
    # 32 px from where it was cut; at the picture's own borders there is nothing to see.
    torch.testing.assert_close(part[..., :78, 32:], made[..., :78, 72:], atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (33, 8)])
def test_filters_keep_any_size_and_are_finite(size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size) * 1.4 - 0.2
    made = inverse_filtered(image, torch.tensor([[0.0] * 4, [9.0, 7.0, 0.0, 6.0]]))
    assert made.shape == (2, 9, *size)
    assert torch.isfinite(made).all()
    assert made.min() >= 0
    assert made.max() <= 1


def test_untrained_it_returns_its_input_exactly() -> None:
    image = torch.rand(2, 3, 16, 24)
    assert torch.equal(small(awake=False)(image), image)


def test_known_widths_replace_the_estimate() -> None:
    network, images = small(), torch.rand(2, 3, 32, 32)
    blind, estimated, _ = network.with_estimate(images)
    assert estimated.shape == (2, 4)
    torch.testing.assert_close(network(images), blind)
    told = network(images, torch.tensor([[4.0] * 4, [NAN] * 4]))
    torch.testing.assert_close(told[1], blind[1])
    assert (told[0] - blind[0]).abs().max() > 1e-4
    torch.testing.assert_close(network(images, estimated), blind)


def test_the_estimator_learns_from_the_widths_and_the_body_from_the_picture() -> None:
    network = small()
    restored, estimated, _ = network.with_estimate(torch.rand(2, 3, 32, 32))
    restored.square().mean().backward(retain_graph=True)
    assert all(p.grad is None for p in network.surveyor.parameters())
    estimated.sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@torch.no_grad()
def test_the_answer_for_patches_together_is_the_mean_of_theirs() -> None:
    network, whole = small(), torch.rand(1, 3, 32, 64)
    answers = network.global_context(torch.cat([whole[..., :32], whole[..., 32:]]))
    told = network(whole, context=answers.mean(dim=0, keepdim=True))
    assert (told - network(whole)).abs().max() < 0.05
    window = whole[..., :32]
    torch.testing.assert_close(
        network(window, context=network.global_context(whole)),
        network(window, context=network.global_context(whole)),
    )


@torch.no_grad()
def test_places_that_tell_more_count_more() -> None:
    estimator = BlurEstimator(4)
    last = estimator.layers[-1]
    assert isinstance(last, torch.nn.Conv2d)
    last.weight.zero_()
    assert last.bias is not None
    last.bias.copy_(torch.tensor([0.0, 1.0, 2.0, 3.0, 1.5]))
    answer = estimator(torch.rand(1, 3, 24, 24))[0]
    softplus = torch.nn.functional.softplus(last.bias)
    torch.testing.assert_close(answer[:4] / answer[4], 0.1 * softplus[:4])
    torch.testing.assert_close(answer[4], softplus[4] + 1e-3)
