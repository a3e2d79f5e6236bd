import pytest
import torch
from torch import Tensor, nn

from restore_cli.networks.amounts import QUANTITIES, amount_of
from restore_cli.networks.exposure import histogram, metered_stops, relit
from restore_cli.networks.guided_unet import GuidedUNet

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


def test_untrained_a_relighting_network_gives_the_light_that_it_is_told(image: Tensor) -> None:
    network = GuidedUNet(
        widths=(8, 16), depths=(1, 1), guide=8, quantity="stops", relight=True
    ).eval()
    told = torch.full((len(image), len(QUANTITIES)), torch.nan)
    told[:, QUANTITIES.index("stops")] = amount_of("stops", 1.5)
    expected = relit(image, torch.full((len(image),), 1.5))
    torch.testing.assert_close(network(image, told), expected)


def test_with_bins_the_context_tells_of_the_light() -> None:
    network = GuidedUNet(widths=(4, 8), depths=(1, 1), quantity="stops", bins=6).eval()
    image = torch.full((1, 3, 32, 32), 0.25)
    context = network.global_context(image)
    assert context.shape == (1, network.encoder.length)
    assert torch.equal(context[:, -6:], histogram(image, 6))
    assert network(image, context=context).shape == image.shape


def _with_a_meter(stops: float) -> GuidedUNet:
    """One that lights pictures to 18 % grey, and estimates this many stops of all of them."""
    network = GuidedUNet(
        widths=(8, 16),
        depths=(1, 1),
        guide=8,
        quantity="stops",
        relight=True,
        bins=12,
        exposure=0.46,
    )
    with torch.no_grad():
        head = network.encoder.amounts[-1]
        assert isinstance(head, nn.Linear)
        head.weight.zero_()
        head.bias.fill_(amount_of("stops", stops))
    return network.eval()


def _stops(network: GuidedUNet, context: Tensor) -> float:
    return 4 * float(network.amounts(context).detach()[0, QUANTITIES.index("stops")])


@pytest.mark.parametrize(("stops", "share"), [(0.3, 0.0), (0.75, 0.4), (2.0, 0.8)])
def test_a_meter_counts_where_light_surely_lacks(image: Tensor, stops: float, share: float) -> None:
    network, dim = _with_a_meter(stops), 0.3 * image[:1]
    context = network.global_context(dim)
    asked = float(metered_stops(histogram(dim, 12).square(), 0.46))
    wanted = stops * min(1.0, 2 * stops) + share * min(2.0, asked - stops)
    assert asked > 2.5
    assert _stops(network, context) == pytest.approx(wanted, abs=1e-4)
    lit = relit(dim, torch.tensor([wanted]))  # untrained, it adds nothing to the light
    torch.testing.assert_close(network(dim, context=context), lit, atol=1e-5, rtol=0)


def test_a_meter_of_patches_is_that_of_the_whole_picture(image: Tensor) -> None:
    network, dim = _with_a_meter(2.0), 0.3 * image[:1]
    halves = torch.cat([dim[..., :24], 0.1 * dim[..., 24:]])
    of_patches = network.global_context(halves).mean(dim=0, keepdim=True)
    whole = torch.cat([halves[:1], halves[1:]], dim=3)
    assert _stops(network, of_patches) == pytest.approx(
        _stops(network, network.global_context(whole)), abs=1e-4
    )


def test_what_is_told_outvotes_a_meter(image: Tensor) -> None:
    network = _with_a_meter(2.0)
    told = torch.full((len(image), N), torch.nan)
    told[:, QUANTITIES.index("stops")] = amount_of("stops", 0.5)
    lit = relit(image, torch.full((len(image),), 0.5))
    torch.testing.assert_close(network(image, told), lit)


def test_in_training_no_meter_counts(image: Tensor) -> None:
    network = _with_a_meter(2.0).train()
    assert network.amounts(network.global_context(image))[0, 2] == amount_of("stops", 2.0)


def test_a_meter_needs_what_it_reads_and_what_it_lights() -> None:
    with pytest.raises(ValueError, match="exposure needs relight and bins"):
        GuidedUNet(quantity="stops", bins=8, exposure=0.46)
    with pytest.raises(ValueError, match="exposure needs relight and bins"):
        GuidedUNet(quantity="stops", relight=True, exposure=0.46)


def test_more_light_darkens_nothing(image: Tensor) -> None:
    network, dim = _with_a_meter(2.0), 0.4 * image
    assert network.body.tail.bias is not None
    with torch.no_grad():
        network.body.tail.bias.fill_(-0.5)
    restored = network(dim).detach()
    assert (restored >= dim).all()
    assert (restored == dim).any()
    stops = network.amounts(network.global_context(dim)).detach()[:, QUANTITIES.index("stops")]
    lighter = restored > dim
    torch.testing.assert_close(restored[lighter], (relit(dim, 4 * stops) - 0.5)[lighter])
    well_lit = _with_a_meter(0.0)
    assert well_lit.body.tail.bias is not None
    with torch.no_grad():
        well_lit.body.tail.bias.fill_(-0.1)
    torch.testing.assert_close(well_lit(image).detach(), (image - 0.1).clamp(min=0))
