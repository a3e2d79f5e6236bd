"""Shared parts against their formulas."""

import pytest
import torch
from torch.nn import functional as F

from restore_cli.networks.blocks import (
    BlurDown,
    BlurUp,
    ChannelNorm,
    ContextEncoder,
    Modulation,
    NoiseEstimator,
    OrthogonalLinear,
    ResidualBlock,
)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_residual_block_is_its_formula() -> None:
    block = ResidualBlock(6)
    x = torch.randn(2, 6, 5, 7)
    inner = F.relu(F.conv2d(x, block.first.weight, block.first.bias, padding=1))
    expected = x + F.conv2d(inner, block.second.weight, block.second.bias, padding=1)
    torch.testing.assert_close(block(x), expected)


def test_residual_block_without_weights_passes_its_input() -> None:
    block = ResidualBlock(4)
    for parameter in block.second.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.randn(1, 4, 3, 3)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (6, 5)])
def test_channel_norm_is_mean_and_variance_over_channels(
    layout: torch.memory_format, size: tuple[int, int]
) -> None:
    norm = ChannelNorm(8).double()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = (3 * torch.randn(2, 8, *size, dtype=torch.float64) + 1).contiguous(memory_format=layout)
    mean = x.mean(dim=1, keepdim=True)
    variance = (x - mean).square().mean(dim=1, keepdim=True)
    normed = (x - mean) / torch.sqrt(variance + 1e-6)
    expected = normed * norm.weight.view(1, -1, 1, 1) + norm.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(norm(x), expected)


def test_channel_norm_on_equal_channels_gives_the_bias() -> None:
    norm = ChannelNorm(5)
    torch.nn.init.normal_(norm.bias)
    result = norm(torch.full((1, 5, 2, 2), 0.7))
    expected = norm.bias.view(1, -1, 1, 1).expand(1, 5, 2, 2)
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)


def test_channel_norm_of_one_place_knows_no_other() -> None:
    norm = ChannelNorm(8)
    x = torch.randn(1, 8, 4, 4)
    changed = x.clone()
    changed[:, :, 0, 0] += 5 * torch.randn(8)
    difference = (norm(changed) - norm(x)).abs().sum(dim=(0, 1))
    assert difference[0, 0] > 0
    difference[0, 0] = 0
    assert not difference.any()


def test_channel_norm_gradients() -> None:
    norm = ChannelNorm(4).double()
    x = torch.randn(1, 4, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(norm, (x,))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 13), (24, 16)])
def test_noise_estimator_gives_one_positive_level_for_each_place(size: tuple[int, int]) -> None:
    level = NoiseEstimator(8)(torch.rand(2, 3, *size))
    assert level.shape == (2, 1, *size)
    assert level.isfinite().all()
    assert level.min() > 0


def test_untrained_estimator_says_a_usual_level() -> None:
    level = NoiseEstimator()(torch.rand(1, 3, 32, 32))
    assert 5 < 255 * level.mean() < 60


def test_noise_estimator_is_local() -> None:
    estimator = NoiseEstimator(8)
    image = torch.rand(1, 3, 96, 96)
    changed = image.clone()
    changed[:, :, :4, :4] = 1 - changed[:, :, :4, :4]
    difference = (estimator(changed) - estimator(image)).abs()
    assert difference[..., :8, :8].max() > 0
    # By hand: convolutions reach 1 + 1 + 2 + 4 + 8 + 8 px, interpolation less than 8 more.
    assert difference[..., 40:, :].max() <= 1e-7
    assert difference[..., :, 40:].max() <= 1e-7


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 17), (160, 160)])
def test_context_encoder_answers_for_any_size(size: tuple[int, int]) -> None:
    answer = ContextEncoder(7)(torch.rand(2, 3, *size))
    assert answer.shape == (2, 7)
    assert (answer >= 0).all()


def test_context_encoder_tells_what_is_in_the_picture_and_not_how_large_it_is() -> None:
    encoder, pattern = ContextEncoder(8), torch.rand(1, 3, 64, 64)
    once, often, other = (
        encoder(image)
        for image in (pattern.repeat(1, 1, 2, 2), pattern.repeat(1, 1, 4, 4), 0.2 * pattern)
    )
    assert (once - often).norm() < 0.2 * (once - other).norm()


def test_modulation_is_scale_and_shift() -> None:
    modulation, x, context = Modulation(3, 4), torch.randn(2, 4, 5, 6), torch.randn(2, 3)
    assert torch.equal(modulation(x, context), x)
    for parameter in modulation.parameters():
        torch.nn.init.normal_(parameter)
    scale, shift = modulation.layers(context).tanh().split(4, dim=1)
    expected = torch.stack(
        [x[b, c] * (1 + scale[b, c]) + shift[b, c] for b in range(2) for c in range(4)]
    ).view_as(x)
    torch.testing.assert_close(modulation(x, context), expected)


def test_modulation_stays_bounded_whatever_the_survey_says() -> None:
    modulation, x = Modulation(3, 4), torch.ones(1, 4, 2, 2)
    for parameter in modulation.parameters():
        torch.nn.init.normal_(parameter, std=100)
    answer = modulation(x, 1e3 * torch.randn(1, 3)).detach()
    assert float(answer.min()) >= -1
    assert float(answer.max()) <= 3


def test_blur_down_is_the_binomial_mean_of_reflected_neighbours() -> None:
    x = torch.rand(2, 3, 7, 6, dtype=torch.float64)
    found = BlurDown(3).double()(x)
    assert found.shape == (2, 3, 4, 3)
    wide = F.pad(x, (1, 1, 1, 1), mode="reflect")
    for row, column in ((0, 0), (2, 1), (3, 2)):
        patch = wide[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        weights = torch.tensor([1.0, 2, 1], dtype=torch.float64) / 4
        expected = torch.einsum("bcij,i,j->bc", patch, weights, weights)
        torch.testing.assert_close(found[:, :, row, column], expected)


def test_blur_up_doubles_and_keeps_flat_pictures_flat() -> None:
    flat = torch.full((1, 2, 5, 4), 0.3)
    torch.testing.assert_close(BlurUp(2)(flat), torch.full((1, 2, 10, 8), 0.3))
    ramp = torch.arange(8.0).view(1, 1, 1, 8).expand(1, 1, 8, 8)
    steps = BlurUp(1)(ramp)[0, 0, 8].diff()
    torch.testing.assert_close(steps[2:-2], torch.full((11,), 0.5))


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 8), (8, 3), (5, 5)])
def test_an_orthogonal_layer_keeps_lengths_or_projects(inputs: int, outputs: int) -> None:
    layer = OrthogonalLinear(inputs, outputs)
    x = torch.randn(10, inputs)
    short = (layer(x).norm(dim=-1) - x.norm(dim=-1)).detach()
    assert float(short.max()) < 1e-5
    if outputs >= inputs:
        assert float(short.abs().max()) < 1e-5
    torch.testing.assert_close(layer(x), x @ layer.weight.T)
