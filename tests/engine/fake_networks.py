"""Tiny networks that stand in for trained ones, each with one habit worth testing."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.networks.base import Network, NetworkInfo


class Net(Network):
    """A network from a function; remembers the sizes that it saw."""

    def __init__(self, function: Callable[[Tensor], Tensor], multiple: int = 8) -> None:
        super().__init__()
        self.function = function
        self.info = NetworkInfo(multiple=multiple)
        self.seen: list[tuple[int, ...]] = []

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        assert image.shape[2] % self.info.multiple == image.shape[3] % self.info.multiple == 0
        self.seen.append(tuple(image.shape))
        return self.function(image)


class Noisy(Net):
    """Returns the noise level it is told."""

    def __init__(self) -> None:
        super().__init__(torch.zeros_like)
        self.info = NetworkInfo(multiple=8, level="sigma")

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        told = torch.zeros(len(image)) if level is None else level
        return torch.zeros_like(image) + told.view(-1, 1, 1, 1)


class SmoothingUNet(Network):
    """Four levels, receptive field of more than 100 px, zero padding, random smoothing weights."""

    info = NetworkInfo(multiple=16)

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.convs = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1) for _ in range(8))
            for module in self.convs:
                assert isinstance(module, nn.Conv2d)
                weight = torch.rand_like(module.weight)
                module.weight.data = weight / weight.sum((1, 2, 3), keepdim=True)

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        levels = [image]
        for conv in self.convs[:4]:
            levels.append(F.avg_pool2d(torch.tanh(conv(levels[-1])), 2))
        x = levels.pop()
        for conv in self.convs[4:]:
            x = conv(F.interpolate(x, scale_factor=2.0) + levels.pop()) / 2
        return image + x


class FullAbove(Net):
    """Runs out of memory for inputs of more px than it has room for."""

    def __init__(self, room: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        def function(image: Tensor) -> Tensor:
            if image.shape[0] * image.shape[2] * image.shape[3] > room:
                raise error("not enough memory: you tried to allocate")
            return image

        super().__init__(function)


def blur(multiple: int = 8) -> Net:
    return Net(lambda x: F.avg_pool2d(x, 5, 1, 2), multiple)


def strided() -> Net:
    """Down by four and up again, by convolution and its transpose."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        down, up = nn.Conv2d(3, 8, 6, 4, padding=1), nn.ConvTranspose2d(8, 3, 6, 4, padding=1)
    return Net(lambda x: 0.5 + up(torch.tanh(down(x))), 4)
