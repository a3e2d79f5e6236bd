"""NAFNet (Chen, Chu, Zhang, Sun, "Simple Baselines for Image Restoration", ECCV 2022).

Strong for its arithmetic on a GPU; on a CPU its 1x1 and depth-wise convolutions take longer per
operation than the plain ones of `unet`. Parameter names and shapes are those of the published
checkpoints, so that these load. Its channel attention pools over the whole window: tiles
differ a little from the whole picture.
"""

import torch
from torch import Tensor, nn

from restore_cli.networks.base import Network, NetworkInfo
from restore_cli.networks.blocks import ChannelNorm


class NAFBlock(nn.Module):
    """One block: gated depth-wise convolution with channel attention, then a gated 1x1 network.

    Gates multiply the two halves of the channels; both branches are added with learned scales that
    begin at zero. Shape (B, C, H, W) kept.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        double = 2 * channels
        self.norm1 = ChannelNorm(channels)
        self.conv1 = nn.Conv2d(channels, double, 1)
        self.conv2 = nn.Conv2d(double, double, 3, padding=1, groups=double)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1))
        self.conv3 = nn.Conv2d(channels, channels, 1)
        self.norm2 = ChannelNorm(channels)
        self.conv4 = nn.Conv2d(channels, double, 1)
        self.conv5 = nn.Conv2d(channels, channels, 1)
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        y = _gate(self.conv2(self.conv1(self.norm1(x))))
        x = x + self.beta * self.conv3(y * self.sca(y))
        return x + self.gamma * self.conv5(_gate(self.conv4(self.norm2(x))))


class NAFNet(Network):
    """U-shaped arrangement of NAF blocks that learns what to add to the picture.

    Args:
        width: channels at full size; doubled at each coarser one.
        encoder_blocks: blocks at each size on the way down.
        middle_blocks: blocks at the coarsest size.
        decoder_blocks: blocks at each size on the way up, coarsest first.
    """

    def __init__(
        self,
        *,
        width: int = 32,
        encoder_blocks: tuple[int, ...] = (2, 2, 4, 8),
        middle_blocks: int = 12,
        decoder_blocks: tuple[int, ...] = (2, 2, 2, 2),
    ) -> None:
        super().__init__()
        if len(encoder_blocks) != len(decoder_blocks):
            raise ValueError("encoder_blocks and decoder_blocks need the same length")
        sizes = [width * 2**level for level in range(len(encoder_blocks) + 1)]
        self.info = NetworkInfo(multiple=2 ** len(encoder_blocks))
        self.intro = nn.Conv2d(3, width, 3, padding=1)
        self.encoders = nn.ModuleList(
            _blocks(size, count) for size, count in zip(sizes, encoder_blocks, strict=False)
        )
        self.downs = nn.ModuleList(nn.Conv2d(size, 2 * size, 2, stride=2) for size in sizes[:-1])
        self.middle_blks = _blocks(sizes[-1], middle_blocks)
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(size, 2 * size, 1, bias=False), nn.PixelShuffle(2))
            for size in reversed(sizes[1:])
        )
        self.decoders = nn.ModuleList(
            _blocks(size, count)
            for size, count in zip(reversed(sizes[:-1]), decoder_blocks, strict=True)
        )
        self.ending = nn.Conv2d(width, 3, 3, padding=1)

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        """Restore a batch, see `Network.forward`; it takes neither level nor context."""
        self._check_told(level, context)
        x = self.intro(image)
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.middle_blks(x)
        for decoder, up, skip in zip(self.decoders, self.ups, reversed(skips), strict=True):
            x = decoder(up(x) + skip)
        return image + self.ending(x)


def _gate(x: Tensor) -> Tensor:
    left, right = x.chunk(2, dim=1)
    return left * right


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(NAFBlock(channels) for _ in range(count)))
