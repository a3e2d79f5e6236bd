"""NAFNet against its publication: names, shapes, arithmetic."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.networks.nafnet import NAFBlock, NAFNet


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def small() -> NAFNet:
    """Two levels, with the scales of the branches away from zero, as training would."""
    network = NAFNet(width=4, encoder_blocks=(1, 2), middle_blocks=1, decoder_blocks=(1, 1))
    for name, parameter in network.named_parameters():
        if name.endswith(("beta", "gamma")):
            torch.nn.init.normal_(parameter)
    return network.eval()


def block_shapes(prefix: str, c: int) -> dict[str, tuple[int, ...]]:
    """What the published code registers for one block of c channels."""
    convolutions = {
        "conv1": (2 * c, c, 1, 1),
        "conv2": (2 * c, 1, 3, 3),
        "conv3": (c, c, 1, 1),
        "sca.1": (c, c, 1, 1),
        "conv4": (2 * c, c, 1, 1),
        "conv5": (c, c, 1, 1),
    }
    shapes: dict[str, tuple[int, ...]] = {"beta": (1, c, 1, 1), "gamma": (1, c, 1, 1)}
    for name, weight in convolutions.items():
        shapes |= {f"{name}.weight": weight, f"{name}.bias": weight[:1]}
    for name in ("norm1", "norm2"):
        shapes |= {f"{name}.weight": (c,), f"{name}.bias": (c,)}
    return {f"{prefix}.{name}": shape for name, shape in shapes.items()}


def test_names_and_shapes_are_those_of_the_published_sidd_checkpoint() -> None:
    encoders, middle, decoders = (2, 2, 4, 8), 12, (2, 2, 2, 2)
    expected: dict[str, tuple[int, ...]] = {
        "intro.weight": (32, 3, 3, 3),
        "intro.bias": (32,),
        "ending.weight": (3, 32, 3, 3),
        "ending.bias": (3,),
    }
    for level, count in enumerate(encoders):
        c = 32 * 2**level
        expected |= {f"downs.{level}.weight": (2 * c, c, 2, 2), f"downs.{level}.bias": (2 * c,)}
        for index in range(count):
            expected |= block_shapes(f"encoders.{level}.{index}", c)
    for index in range(middle):
        expected |= block_shapes(f"middle_blks.{index}", 512)
    for level, count in enumerate(decoders):
        c = 512 // 2**level
        expected[f"ups.{level}.0.weight"] = (2 * c, c, 1, 1)
        for index in range(count):
            expected |= block_shapes(f"decoders.{level}.{index}", c // 2)
    with torch.device("meta"):
        state = NAFNet(
            width=32, encoder_blocks=encoders, middle_blocks=middle, decoder_blocks=decoders
        ).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == expected


def plain_block(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    """One block written out from the paper's figure, mean and variance included."""

    def norm(x: Tensor, name: str) -> Tensor:
        variance, mean = torch.var_mean(x, dim=1, keepdim=True, correction=0)
        weight, bias = (w[f"{name}.{part}"].view(1, -1, 1, 1) for part in ("weight", "bias"))
        return weight * (x - mean) / (variance + 1e-6).sqrt() + bias

    def pointwise(x: Tensor, name: str) -> Tensor:
        matrix = w[f"{name}.weight"][:, :, 0, 0]
        return torch.einsum("oc,bchw->bohw", matrix, x) + w[f"{name}.bias"].view(1, -1, 1, 1)

    c = x.shape[1]
    y = pointwise(norm(x, "norm1"), "conv1")
    y = F.conv2d(y, w["conv2.weight"], w["conv2.bias"], padding=1, groups=2 * c)
    y = y[:, :c] * y[:, c:]
    attention = pointwise(y.mean(dim=(2, 3), keepdim=True), "sca.1")
    x = x + w["beta"] * pointwise(y * attention, "conv3")
    y = pointwise(norm(x, "norm2"), "conv4")
    return x + w["gamma"] * pointwise(y[:, :c] * y[:, c:], "conv5")


def test_one_block_equals_the_plain_formula() -> None:
    block = NAFBlock(6).double()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x = torch.randn(2, 6, 5, 7, dtype=torch.float64)
    torch.testing.assert_close(block(x), plain_block(x, dict(block.named_parameters())))


def test_an_untrained_block_passes_its_input() -> None:
    x = torch.randn(1, 6, 4, 4)
    assert torch.equal(NAFBlock(6)(x), x)


@torch.no_grad()
def test_the_whole_arrangement_equals_the_plain_formula() -> None:
    network, image = small().double(), torch.rand(2, 3, 8, 12, dtype=torch.float64)
    state = network.state_dict()

    def blocks(x: Tensor, prefix: str) -> Tensor:
        names = [n.removeprefix(f"{prefix}.") for n in state if n.startswith(f"{prefix}.")]
        for index in sorted({name.split(".")[0] for name in names}, key=int):
            start = f"{prefix}.{index}."
            x = plain_block(
                x, {n.removeprefix(start): v for n, v in state.items() if n.startswith(start)}
            )
        return x

    x = F.conv2d(image, state["intro.weight"], state["intro.bias"], padding=1)
    full = blocks(x, "encoders.0")
    x = F.conv2d(full, state["downs.0.weight"], state["downs.0.bias"], stride=2)
    half = blocks(x, "encoders.1")
    x = F.conv2d(half, state["downs.1.weight"], state["downs.1.bias"], stride=2)
    x = blocks(x, "middle_blks")
    x = blocks(F.pixel_shuffle(F.conv2d(x, state["ups.0.0.weight"]), 2) + half, "decoders.0")
    x = blocks(F.pixel_shuffle(F.conv2d(x, state["ups.1.0.weight"]), 2) + full, "decoders.1")
    expected = image + F.conv2d(x, state["ending.weight"], state["ending.bias"], padding=1)
    torch.testing.assert_close(network(image), expected)


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_shape_and_multiple(levels: int) -> None:
    network = NAFNet(
        width=2, encoder_blocks=(1,) * levels, middle_blocks=1, decoder_blocks=(1,) * levels
    )
    assert network.info.multiple == 2**levels
    assert network.info.level is None
    image = torch.rand(2, 3, network.info.multiple, 3 * network.info.multiple)
    assert network(image).shape == image.shape


def test_it_learns_what_to_add() -> None:
    network, image = small(), torch.rand(1, 3, 8, 8)
    for parameter in network.ending.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(network(image), image)


def test_gradients_reach_every_parameter() -> None:
    network = small()
    network(torch.rand(2, 3, 16, 16)).square().mean().backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@torch.no_grad()
def test_channels_last_gives_the_same() -> None:
    network, image = small(), torch.rand(2, 3, 16, 12)
    expected = network(image)
    last = network.to(memory_format=torch.channels_last)
    result = last(image.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)


def test_a_noise_level_is_refused() -> None:
    with pytest.raises(ValueError, match="takes no level"):
        small()(torch.rand(1, 3, 4, 4), torch.tensor([0.1]))


def test_unequal_ways_down_and_up_are_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        NAFNet(width=2, encoder_blocks=(1, 1), decoder_blocks=(1,))
