import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restore_cli.networks.amounts import QUANTITIES, amount_of
from restore_cli.networks.guided_unet import GuidedUNet, histogram, relit

N = len(QUANTITIES)


@pytest.fixture
def network() -> GuidedUNet:
    """A small one whose weights are not those of an untrained network anywhere."""
    torch.manual_seed(0)
    small = GuidedUNet(widths=(8, 16), depths=(1, 1), guide=8, quantity="rain")
    with torch.no_grad():
        for value in small.parameters():
            value.add_(0.05 * torch.randn(value.shape))
    return small.eval()


@pytest.fixture
def image() -> Tensor:
    return torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(1))


def test_untrained_it_returns_its_input(image: Tensor) -> None:
    network = GuidedUNet(widths=(8, 16), depths=(1, 1), guide=8)
    assert torch.equal(network(image), image)


def test_the_default_is_within_the_size_that_models_may_have() -> None:
    assert sum(value.numel() for value in GuidedUNet().parameters()) <= 4_000_000


def test_it_says_what_it_takes(network: GuidedUNet) -> None:
    assert (network.info.level, network.info.quantity) == ("amounts", "rain")
    assert network.info.context
    assert network.info.multiple == 16
    with pytest.raises(ValueError, match="unknown quantity 'snow'; known: rain, haze"):
        GuidedUNet(quantity="snow")


def test_one_pass_gives_picture_amounts_and_noise(network: GuidedUNet, image: Tensor) -> None:
    found = network.with_estimate(image)
    assert found.image.shape == image.shape
    assert found.level.shape == (2, N)
    assert bool((found.level >= 0).all())
    assert found.noise is not None
    assert found.noise.shape == (2, 1, 32, 48)
    assert torch.equal(network(image), found.image)


def test_what_is_told_decides_and_what_is_not_is_estimated(
    network: GuidedUNet, image: Tensor
) -> None:
    unknown = torch.full((2, N), torch.nan)
    torch.testing.assert_close(network(image, unknown), network(image))
    little, much = unknown.clone(), unknown.clone()
    little[:, 0], much[:, 0] = 0.0, 2.0
    assert not torch.allclose(network(image, little), network(image, much))


def test_a_told_picture_is_restored_without_its_context(network: GuidedUNet, image: Tensor) -> None:
    told = torch.zeros(2, N)
    other = torch.rand(2, 128, generator=torch.Generator().manual_seed(2))
    context = network.global_context(image)
    same = network(image, told, context=context)
    torch.testing.assert_close(network(image, told, context=other), same)
    assert not torch.allclose(network(image, context=other), network(image, context=context))


def test_a_window_with_the_context_of_its_picture_is_the_picture_there(
    network: GuidedUNet,
) -> None:
    picture = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(3))
    context = network.global_context(picture)
    whole = network(picture, context=context)
    window = network(picture[..., 16:112, 16:112], context=context)
    inner = (..., slice(32, 64), slice(32, 64))
    torch.testing.assert_close(window[inner], whole[..., 48:80, 48:80], atol=5e-5, rtol=0)


def test_amounts_are_not_learnt_from_the_restored_picture(
    network: GuidedUNet, image: Tensor
) -> None:
    network(image).sum().backward()
    assert all(value.grad is None for value in network.encoder.amounts.parameters())
    network.with_estimate(image).level.sum().backward()
    assert all(value.grad is not None for value in network.encoder.amounts.parameters())


def test_an_estimate_that_sank_below_zero_is_pulled_back(
    network: GuidedUNet, image: Tensor
) -> None:
    nn.init.constant_(network.encoder.amounts[-1].bias, -1e4)
    estimated = network.train().with_estimate(image).level
    assert float(estimated.detach().max()) < 0
    (estimated - 1.0).abs().sum().backward()
    assert float(network.encoder.amounts[-1].bias.grad.max()) < -1e-3
    level = network.eval().with_estimate(image).level
    assert torch.equal(level, torch.zeros_like(level))


def test_the_description_of_a_picture_keeps_its_size_whatever_the_weights(
    network: GuidedUNet, image: Tensor
) -> None:
    with torch.no_grad():
        for parameter in network.encoder.layers.parameters():
            parameter.mul_(100)
    torch.testing.assert_close(
        network.global_context(image).square().mean(dim=1),
        torch.ones(len(image)),
        atol=1e-3,
        rtol=0,
    )


def test_training_leaves_the_context_of_a_third_of_the_pictures_out(
    network: GuidedUNet,
) -> None:
    features = torch.zeros(3000, 128)
    torch.manual_seed(0)
    assert float(network._kept(None, features).mean()) == 1.0
    network.train()
    assert float(network._kept(None, features).mean()) == pytest.approx(2 / 3, abs=0.03)
    told = torch.full((3000, N), torch.nan)
    told[:1000, 2] = 0.5
    kept = network._kept(told, features)
    assert float(kept[:1000].sum()) == 0
    assert float(kept[1000:].mean()) == pytest.approx(2 / 3, abs=0.03)


def test_relighting_is_a_gain_in_linear_light_that_ends_at_white() -> None:
    grey = torch.full((2, 3, 4, 4), 0.2)
    lit = relit(grey, torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(lit[0], grey[0], atol=1e-6, rtol=0)
    linear = ((0.2 + 0.055) / 1.055) ** 2.4 * 4
    assert float(lit[1, 0, 0, 0]) == pytest.approx(1.055 * linear ** (1 / 2.4) - 0.055, abs=1e-5)
    assert float(relit(grey, torch.tensor([9.0, 9.0])).max()) == pytest.approx(1.0)


def test_untrained_a_relighting_network_gives_the_light_that_it_is_told(image: Tensor) -> None:
    network = GuidedUNet(
        widths=(8, 16), depths=(1, 1), guide=8, quantity="stops", relight=True
    ).eval()
    told = torch.full((len(image), len(QUANTITIES)), torch.nan)
    told[:, QUANTITIES.index("stops")] = amount_of("stops", 1.5)
    expected = relit(image, torch.full((len(image),), 1.5))
    torch.testing.assert_close(network(image, told), expected)


def test_the_histogram_of_light_is_that_of_numpy() -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 3, 24, 40)
    found = histogram(image, 9)
    squares = image.unfold(2, 4, 4).unfold(3, 4, 4).mean(dim=(1, 4, 5)).sqrt()
    for one, light in zip(found, squares, strict=True):
        place = light.flatten().numpy() * 8
        below = np.floor(place).astype(int)
        counted = np.zeros(10)
        np.add.at(counted, below, 1 - (place - below))
        np.add.at(counted, below + 1, place - below)
        np.testing.assert_allclose(one.square(), counted[:9] / len(place), atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (4, 4)])
def test_the_histogram_of_white_is_its_last_bin(size: tuple[int, int]) -> None:
    found = histogram(torch.ones(1, 3, *size), 5)
    assert torch.allclose(found, torch.tensor([[0.0, 0, 0, 0, 1]]))


def test_with_bins_the_context_tells_of_the_light() -> None:
    network = GuidedUNet(widths=(4, 8), depths=(1, 1), quantity="stops", bins=6).eval()
    image = torch.full((1, 3, 32, 32), 0.25)
    context = network.global_context(image)
    assert context.shape == (1, network.encoder.length)
    assert torch.equal(context[:, -6:], histogram(image, 6))
    assert network(image, context=context).shape == image.shape
