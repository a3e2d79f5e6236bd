"""A small autoencoder in the arrangement of the TAESD family (madebyollin/taesd).

Plain sequences of 3x3 convolutions, 8 times down and up; published members (TAESD, TAESD3, TAEF1,
TAEF2) load with their own tensor names, see `from_published`.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.networks.base import Network, NetworkInfo
from restore_cli.networks.draws import drawn
from restore_cli.networks.weights import put_weights

POOLED_WIDTH = 256
"""Channels inside the pooling branch of published members that have one."""


class Sampled(NamedTuple):
    """A picture decoded from a draw, and the posterior that it was drawn from.

    Attributes:
        image: (B, 3, H, W), not clamped.
        mean: (B, channels, h, w).
        log_variance: (channels,).
    """

    image: Tensor
    mean: Tensor
    log_variance: Tensor


class VAE(Network):
    """Encoder and decoder; the latents are the posterior's mean.

    The posterior is Gaussian with one learned variance for each channel, the same everywhere
    (`log_variance`): it matters in training alone, and leaves the encoder as the family has it.

    Args:
        channels: of the latents.
        widths: channels at full size, 1/2, 1/4, ... of it; all 64 in the published members.
        blocks: residual blocks at each of these sizes, the same in the decoder.
        pool: give the coarsest blocks the branch of the FLUX.2 member, whose normalisation sees
            the whole picture.

    Raises:
        ValueError: `widths` and `blocks` do not fit together.
    """

    def __init__(
        self,
        *,
        channels: int = 16,
        widths: tuple[int, ...] = (64, 64, 64, 64),
        blocks: tuple[int, ...] = (1, 3, 3, 3),
        pool: bool = False,
    ) -> None:
        super().__init__()
        if len(widths) != len(blocks) or len(widths) < 2:
            raise ValueError("widths and blocks need the same length, two or more")
        if channels < 1 or min(widths) < 1 or min(blocks) < 0:
            raise ValueError("channels and widths must be 1 or more, blocks 0 or more")
        self.channels = channels
        self.info = NetworkInfo(multiple=2 ** (len(widths) - 1))
        self.log_variance = nn.Parameter(torch.full((channels,), -6.0))
        self.encoder = nn.Sequential(*_encoder(channels, widths, blocks, pool))
        self.decoder = nn.Sequential(*_decoder(channels, widths, blocks, pool))
        for part in (self.encoder, self.decoder):
            part.apply(_start)
        nn.init.constant_(cast("Tensor", self.decoder[-1].bias), 0.5)

    def encode(self, image: Tensor) -> Tensor:
        """Map (B, 3, H, W) in [0, 1] to latents (B, channels, h, w); h = H / `info.multiple`."""
        return self.encoder(image)

    def decode(self, latents: Tensor) -> Tensor:
        """Map latents to (B, 3, H, W), nominally in [0, 1] and not clamped."""
        return self.decoder(latents)

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        """Reconstruct a batch, see `Network.forward`; it takes neither level nor context."""
        self._check_told(level, context)
        return self.decode(self.encode(image))

    def sampled(self, image: Tensor) -> Sampled:
        """Reconstruct a batch from a draw of its posterior (torch's global generator)."""
        mean = self.encode(image)
        spread = torch.exp(0.5 * self.log_variance).view(1, -1, 1, 1).to(mean.dtype)
        sample = mean + spread * drawn(mean, torch.randn_like)
        return Sampled(self.decode(sample), mean, self.log_variance)


def from_published(encoder: Mapping[str, Tensor], decoder: Mapping[str, Tensor]) -> VAE:
    """Rebuild a published member from its two state dicts, whose names are positions.

    Args:
        encoder: tensors "0.weight", "1.conv.0.weight", ...
        decoder: tensors "1.weight", "3.conv.0.weight", ...

    Returns:
        The network, float32, in eval mode.

    Raises:
        ValueError: the tensors are not those of a member of the family.
    """
    try:
        channels = int(decoder["1.weight"].shape[1])
        kinds = [_kind(encoder, place) for place in range(_length(encoder))]
    except (KeyError, IndexError) as error:
        raise ValueError("their names are not those of the TAESD family") from error
    widths, blocks = [int(encoder["0.weight"].shape[0])], [0]
    for place, kind in enumerate(kinds[1:-1], start=1):
        if kind == "down":
            widths.append(int(encoder[f"{place}.weight"].shape[0]))
            blocks.append(0)
        else:
            blocks[-1] += 1
    pool = any(".pool." in name for name in encoder)
    network = VAE(channels=channels, widths=tuple(widths), blocks=tuple(blocks), pool=pool)
    for part, state in ((network.encoder, encoder), (network.decoder, decoder)):
        try:
            put_weights(part, state)
        except RuntimeError as error:
            raise ValueError(str(error)) from error
    return network.eval()


class Block(nn.Module):
    """relu(f(x) + x) with f three 3x3 convolutions; (B, C, H, W) to the other number of channels.

    Args:
        inside: channels that come in.
        outside: channels that go out.
        pool: add a branch to x first: 1x1, GroupNorm over the whole picture, ReLU, 1x1.
    """

    def __init__(self, inside: int, outside: int, *, pool: bool = False) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            _conv(inside, outside), nn.ReLU(), _conv(outside, outside), nn.ReLU(),
            _conv(outside, outside),
        )  # fmt: skip
        same = inside == outside
        self.skip = nn.Identity() if same else nn.Conv2d(inside, outside, 1, bias=False)
        self.pool = None if not pool else nn.Sequential(
            nn.Conv2d(inside, POOLED_WIDTH, 1, bias=False), nn.GroupNorm(4, POOLED_WIDTH),
            nn.ReLU(), nn.Conv2d(POOLED_WIDTH, inside, 1, bias=False),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inside, H, W) to (B, outside, H, W)."""
        if self.pool is not None:
            x = x + self.pool(x)
        return F.relu(self.conv(x) + self.skip(x))


class Squash(nn.Module):
    """3 tanh(x / 3): the decoder never meets latents beyond those of its training."""

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        return 3 * torch.tanh(x / 3)


def _conv(inside: int, outside: int, *, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=bias)


def _encoder(
    channels: int, widths: tuple[int, ...], blocks: tuple[int, ...], pool: bool
) -> Iterable[nn.Module]:
    yield _conv(3, widths[0])
    last = len(widths) - 1
    for level, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        if level:
            yield _conv(widths[level - 1], width, stride=2, bias=False)
        for _ in range(count):
            yield Block(width, width, pool=pool and level == last)
    yield _conv(widths[-1], channels)


def _decoder(
    channels: int, widths: tuple[int, ...], blocks: tuple[int, ...], pool: bool
) -> Iterable[nn.Module]:
    yield from (Squash(), _conv(channels, widths[-1]), nn.ReLU())
    steps = list(pairwise(reversed(widths)))
    for level, count in enumerate(reversed(blocks)):
        width = widths[-1 - level]
        for _ in range(count):
            yield Block(width, width, pool=pool and level == 0)
        if level < len(steps):
            yield from (nn.Upsample(scale_factor=2), _conv(width, steps[level][1], bias=False))
    yield _conv(widths[0], 3)


def _start(module: nn.Module) -> None:
    """Weights to begin with, so that pictures pass through both halves at their own scale.

    torch's default shrinks a signal in each layer. Blocks begin close to handing on what they get.
    It helps very small networks over the first steps, and was no different for larger ones.
    """
    if isinstance(module, Block):
        for place in (0, 2, 4):
            layer = cast("nn.Conv2d", module.conv[place])
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        with torch.no_grad():
            cast("nn.Conv2d", module.conv[-1]).weight.mul_(0.1)
    elif isinstance(module, nn.Sequential):
        for layer in module:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


def _length(state: Mapping[str, Tensor]) -> int:
    return 1 + max(int(name.partition(".")[0]) for name in state if name[0].isdigit())


def _kind(state: Mapping[str, Tensor], place: int) -> Literal["block", "down", "conv"]:
    if f"{place}.conv.0.weight" in state:
        return "block"
    return "conv" if f"{place}.bias" in state else "down"
