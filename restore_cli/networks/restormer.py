"""Restormer: attention over channels, whose cost grows with the picture, not with its square."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.networks.base import Network, NetworkInfo


class Restormer(Network):
    """Restoration transformer (Zamir et al., CVPR 2022), with the published parameter names.

    With the defaults it is the published 48-channel arrangement (26.1 M parameters); smaller
    `width` and `blocks` train and run on a CPU. Attention normalises over the whole window, so that
    tiles differ a little from the whole picture.

    Args:
        width: channels at full size; 2, 4 and 8 times as many at 1/2, 1/4 and 1/8 of it.
        blocks: transformer blocks at each of these four sizes.
        refinement: blocks after the decoder, at full size.
        heads: of the attention at each size; they divide its channels.
        expansion: of the feed-forward part.
        norm: "with-bias", or "bias-free" as published for denoising.

    Raises:
        ValueError: not four sizes, or heads that do not divide their channels.
    """

    info = NetworkInfo(multiple=8)

    def __init__(
        self,
        *,
        width: int = 48,
        blocks: tuple[int, ...] = (4, 6, 6, 8),
        refinement: int = 4,
        heads: tuple[int, ...] = (1, 2, 4, 8),
        expansion: float = 2.66,
        norm: Literal["with-bias", "bias-free"] = "with-bias",
    ) -> None:
        super().__init__()
        if len(blocks) != 4 or len(heads) != 4:
            raise ValueError("blocks and heads need four numbers, one for each size")
        if any(width * 2**level % count for level, count in enumerate(heads)):
            raise ValueError(f"heads {heads} must divide the channels {width} x 1, 2, 4, 8")

        def stage(channels: int, count: int, level: int) -> nn.Sequential:
            return nn.Sequential(
                *(TransformerBlock(channels, heads[level], expansion, norm) for _ in range(count))
            )

        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, 3, padding=1, bias=False)})
        self.encoder_level1 = stage(width, blocks[0], 0)
        self.down1_2 = Down(width)
        self.encoder_level2 = stage(2 * width, blocks[1], 1)
        self.down2_3 = Down(2 * width)
        self.encoder_level3 = stage(4 * width, blocks[2], 2)
        self.down3_4 = Down(4 * width)
        self.latent = stage(8 * width, blocks[3], 3)
        self.up4_3 = Up(8 * width)
        self.reduce_chan_level3 = nn.Conv2d(8 * width, 4 * width, 1, bias=False)
        self.decoder_level3 = stage(4 * width, blocks[2], 2)
        self.up3_2 = Up(4 * width)
        self.reduce_chan_level2 = nn.Conv2d(4 * width, 2 * width, 1, bias=False)
        self.decoder_level2 = stage(2 * width, blocks[1], 1)
        # The last step up keeps both halves: twice the width at full size.
        self.up2_1 = Up(2 * width)
        self.decoder_level1 = stage(2 * width, blocks[0], 0)
        self.refinement = stage(2 * width, refinement, 0)
        self.output = nn.Conv2d(2 * width, 3, 3, padding=1, bias=False)

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        """Restore a batch, see `Network.forward`; it takes neither level nor context."""
        self._check_told(level, context)
        one = self.encoder_level1(self.patch_embed["proj"](image))
        two = self.encoder_level2(self.down1_2(one))
        three = self.encoder_level3(self.down2_3(two))
        x = self.latent(self.down3_4(three))
        x = self.reduce_chan_level3(torch.cat([self.up4_3(x), three], dim=1))
        x = self.reduce_chan_level2(torch.cat([self.up3_2(self.decoder_level3(x)), two], dim=1))
        x = torch.cat([self.up2_1(self.decoder_level2(x)), one], dim=1)
        return image + self.output(self.refinement(self.decoder_level1(x)))


class TransformerBlock(nn.Module):
    """Attention over channels, then a gated feed-forward part, each beside the identity.

    Args:
        channels: of the maps.
        heads: of the attention.
        expansion: hidden channels of the feed-forward part, as a multiple.
        norm: "with-bias" or "bias-free".
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        expansion: float,
        norm: Literal["with-bias", "bias-free"] = "with-bias",
    ) -> None:
        super().__init__()
        self.norm1 = LayerNorm(channels, bias=norm == "with-bias")
        self.attn = _Attention(channels, heads)
        self.norm2 = LayerNorm(channels, bias=norm == "with-bias")
        self.ffn = _FeedForward(channels, int(channels * expansion))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        x = x + self.attn(self.norm1(x))
        return x + self.ffn(self.norm2(x))


class Down(nn.Module):
    """Half the size, twice the channels: a convolution and pixel unshuffle."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False), nn.PixelUnshuffle(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 2 C, H / 2, W / 2)."""
        return self.body(x)


class Up(nn.Module):
    """Twice the size, half the channels: a convolution and pixel shuffle."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False), nn.PixelShuffle(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C / 2, 2 H, 2 W)."""
        return self.body(x)


class LayerNorm(nn.Module):
    """Layer normalisation over the channels of each pixel; its numbers lie in `body`.

    Args:
        channels: of the maps.
        bias: shift as well; without, no mean is taken off either.
    """

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__()
        self.body = _Body(channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return self.body(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Body(nn.Module):
    """Over the last dimension; without bias no mean is taken off."""

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias: nn.Parameter | None = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is not None:
            return F.layer_norm(x, (len(self.weight),), self.weight, self.bias, 1e-5)
        return x / (x.var(dim=-1, keepdim=True, unbiased=False) + 1e-5).sqrt() * self.weight


class _Attention(nn.Module):
    """Channels attend to channels (MDTA): a C x C map for each head instead of one over pixels."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.qkv_dwconv = nn.Conv2d(
            3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False
        )
        self.project_out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        heads = len(self.temperature)
        parts = self.qkv_dwconv(self.qkv(x)).flatten(2).chunk(3, dim=1)
        query, key, value = (part.unflatten(1, (heads, -1)) for part in parts)
        query, key = F.normalize(query, dim=-1), F.normalize(key, dim=-1)
        weights = (query @ key.mT * self.temperature).softmax(dim=-1)
        mixed = (weights @ value).flatten(1, 2).unflatten(2, x.shape[-2:])
        return self.project_out(mixed)


class _FeedForward(nn.Module):
    """Gated depth-wise feed-forward part (GDFN)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.project_in = nn.Conv2d(channels, 2 * hidden, 1, bias=False)
        self.dwconv = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.project_out = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.dwconv(self.project_in(x)).chunk(2, dim=1)
        return self.project_out(F.gelu(gate) * value)
