"""The CUT generator against its published names and arithmetic, written out."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.networks.cut import CutGenerator


def published_forward(state: dict[str, Tensor], x: Tensor, blocks: int) -> Tensor:
    """The published generator on [-1, 1], operation by operation, from a state dict."""

    def conv(x: Tensor, name: str, **options: int) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], **options)

    def normed(x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3), keepdim=True)
        variance = x.var(dim=(2, 3), keepdim=True, unbiased=False)
        return (x - mean) / (variance + 1e-5).sqrt()

    def reflected(x: Tensor, by: int) -> Tensor:
        return F.pad(x, (by,) * 4, mode="reflect")

    x = normed(conv(reflected(x, 3), "model.1")).relu()
    for place in (4, 8):
        x = normed(conv(x, f"model.{place}", padding=1)).relu()
        kernel = state[f"model.{place + 3}.filt"]
        x = F.conv2d(reflected(x, 1), kernel, stride=2, groups=x.shape[1])
    for place in range(12, 12 + blocks):
        inner = normed(conv(reflected(x, 1), f"model.{place}.conv_block.1")).relu()
        x = x + normed(conv(reflected(inner, 1), f"model.{place}.conv_block.5"))
    for place in (12 + blocks, 16 + blocks):
        kernel = state[f"model.{place}.filt"]
        padded = F.pad(x, (1,) * 4, mode="replicate")
        wide = F.conv_transpose2d(padded, kernel, stride=2, padding=2, groups=x.shape[1])
        x = normed(conv(wide[:, :, 1:, 1:][:, :, :-1, :-1], f"model.{place + 1}", padding=1)).relu()
    return conv(reflected(x, 3), f"model.{21 + blocks}").tanh()


def published_shapes(width: int = 64) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published antialiased resnet_9blocks."""
    one, two, four = width, 2 * width, 4 * width
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, outputs: int, inputs: int, side: int) -> None:
        shapes[f"{name}.weight"] = (outputs, inputs, side, side)
        shapes[f"{name}.bias"] = (outputs,)

    conv("model.1", one, 3, 7)
    conv("model.4", two, one, 3)
    shapes["model.7.filt"] = (two, 1, 3, 3)
    conv("model.8", four, two, 3)
    shapes["model.11.filt"] = (four, 1, 3, 3)
    for place in range(12, 21):
        conv(f"model.{place}.conv_block.1", four, four, 3)
        conv(f"model.{place}.conv_block.5", four, four, 3)
    shapes["model.21.filt"] = (four, 1, 4, 4)
    conv("model.22", two, four, 3)
    shapes["model.25.filt"] = (two, 1, 4, 4)
    conv("model.26", one, two, 3)
    conv("model.30", 3, one, 7)
    return shapes


def test_the_published_layout_loads_strictly() -> None:
    shapes = published_shapes()
    network = CutGenerator()
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == shapes
    network.load_state_dict({name: torch.rand(shape) for name, shape in shapes.items()})
    assert sum(value.numel() for value in network.parameters()) == 11_378_179


def test_it_computes_what_the_published_generator_does() -> None:
    torch.manual_seed(0)
    network = CutGenerator(width=6).double().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    image = torch.rand(2, 3, 20, 28, dtype=torch.float64)
    expected = published_forward(network.state_dict(), 2 * image - 1, blocks=9)
    torch.testing.assert_close(network(image), (expected + 1) / 2, atol=1e-10, rtol=0)


def test_blur_kernels_are_binomial() -> None:
    state = CutGenerator(width=4).state_dict()
    down, up = state["model.7.filt"][3, 0], state["model.21.filt"][5, 0]
    torch.testing.assert_close(16 * down, torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]))
    row = torch.tensor([1.0, 3, 3, 1])
    torch.testing.assert_close(16 * up, torch.outer(row, row))


def test_features_are_what_the_layers_give_and_are_declared() -> None:
    torch.manual_seed(0)
    network = CutGenerator(width=4, blocks=5).eval()
    image = torch.rand(1, 3, 16, 24)
    seen: dict[int, Tensor] = {}
    for index in network.feature_layers:
        network.model[index].register_forward_hook(
            lambda _module, _given, output, index=index: seen.__setitem__(index, output)
        )
    network(image)
    hooked = dict(seen)
    features = network.features(image)
    assert network.feature_layers == (0, 4, 8, 12, 16)
    assert network.feature_channels == (3, 8, 16, 16, 16)
    for tap, channels, feature in zip(
        network.feature_layers, network.feature_channels, features, strict=True
    ):
        assert feature.shape[1] == channels
        torch.testing.assert_close(feature, hooked[tap])


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("norm", ["none", "instance"])
def test_a_residual_one_begins_with_its_input(antialias: bool, norm: str) -> None:
    network = CutGenerator(
        width=4, blocks=2, antialias=antialias, antialias_up=antialias,
        norm=norm, residual=True, feature_layers=(0, 4),
    )  # fmt: skip
    image = torch.rand(2, 3, 12, 16)
    assert torch.equal(network(image), image)
    network(image).square().mean().backward()
    tail = next(p for n, p in network.named_parameters() if p.shape[0] == 3 and p.ndim == 4)
    assert tail.grad is not None
    assert float(tail.grad.abs().sum()) > 0


@pytest.mark.parametrize("layers", [(), (4, 0), (0, 0), (-1, 3), (0, 21)])
def test_impossible_layers_are_refused(layers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must ascend within 0 to 20"):
        CutGenerator(feature_layers=layers)
