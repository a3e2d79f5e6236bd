"""BaryIR on the CPU's blocks: its parts put together again by hand."""

import pytest
import torch
from torch.nn import functional as F

from restore_cli.networks.barycenter_unet import BarycenterUNet
from restore_cli.networks.latents import Decomposed


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def small(**options: object) -> BarycenterUNet:
    shape = {"widths": (4, 6, 8), "depths": (1, 1, 1), "map_depth": 1}
    network = BarycenterUNet(**{**shape, **options}).eval()  # pyright: ignore[reportArgumentType]
    torch.nn.init.normal_(network.unet.tail.weight, std=0.1)
    return network


def test_untrained_it_returns_its_input_exactly() -> None:
    image = torch.rand(2, 3, 16, 24)
    assert torch.equal(BarycenterUNet(widths=(4, 6), depths=(1, 1))(image), image)


def test_it_computes_what_its_parts_say() -> None:
    network, image = small(branch_weight=0.7).double(), torch.rand(2, 3, 8, 12).double()
    found = network.decomposed(image)
    unet = network.unet
    one = unet.encoders[0](unet.head(image))
    two = unet.encoders[1](unet.downs[0](one))
    coarsest = unet.encoders[2](unet.downs[1](two))

    def normed(x: torch.Tensor) -> torch.Tensor:
        mean, variance = x.mean(dim=1, keepdim=True), x.var(dim=1, keepdim=True, unbiased=False)
        return (x - mean) / (variance + 1e-6).sqrt()

    source = normed(coarsest)
    barycenter = normed(network.barycenter(source))
    residual = source - barycenter
    x = F.conv2d(torch.cat([barycenter, residual], dim=1), network.fuse.weight, network.fuse.bias)
    branch = network.branch_ups[1](residual)
    x = unet.decoders[1](unet.ups[1](x) + two + 0.7 * branch)
    branch = network.branch_ups[0](network.branch[0](branch))
    x = unet.decoders[0](unet.ups[0](x) + one + 0.7 * branch)
    expected = Decomposed(image + unet.tail(x), source, barycenter, residual)
    for value, hand in zip(found, expected, strict=True):
        torch.testing.assert_close(value, hand)


@pytest.mark.parametrize("context_length", [0, 5])
def test_the_picture_alone_is_what_inference_gets(context_length: int) -> None:
    network, image = small(global_context=context_length), torch.rand(1, 3, 8, 16)
    both = network.decomposed(image)
    alone = network(image)
    assert isinstance(alone, torch.Tensor)
    assert torch.equal(alone, both.image)
    assert both.source.shape == both.barycenter.shape == both.residual.shape == (1, 8, 2, 4)
    torch.testing.assert_close(both.barycenter + both.residual, both.source)


def test_windows_are_told_of_their_picture() -> None:
    network, whole = small(global_context=5), torch.rand(2, 3, 16, 16)
    for parameter in network.unet.modulations.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    window = whole[:, :, :8, :8]
    told = network(window, context=network.global_context(whole))
    assert not torch.allclose(network(window), told)
    with pytest.raises(ValueError, match="takes no global context"):
        small()(window, context=network.global_context(whole))


@pytest.mark.parametrize("widths", [(4, 4), (4, 6, 8), (4, 4, 4, 4)])
def test_every_parameter_learns_at_every_depth(widths: tuple[int, ...]) -> None:
    network = small(widths=widths, depths=(1,) * len(widths), global_context=16)
    assert network.info.multiple == 2 ** (len(widths) - 1)
    for modulation in network.unet.modulations:
        torch.nn.init.normal_(modulation.layers[-1].weight)
    network(torch.rand(2, 3, 32, 32)).square().mean().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_defaults_are_a_small_model() -> None:
    assert sum(p.numel() for p in BarycenterUNet(global_context=32).parameters()) <= 3_000_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"map_depth": 0}, "without blocks there is no map"),
        ({"depths": (1,)}, "same length"),
        ({"sources": ("rain", "rain")}, "name one twice"),
    ],
)
def test_impossible_arrangements_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**options)
