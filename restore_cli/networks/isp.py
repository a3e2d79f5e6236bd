"""Joint demosaicing and denoising of Bayer mosaics, in the camera's own colours."""

import itertools
from typing import Literal, cast, overload

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.networks.blocks import NoiseEstimator, ResidualBlock

_PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))
_COLOURS = (0, 1, 1, 2)  # of these places: RGGB
# Malvar, He, Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned color
# images", ICASSP 2004, figure 2: filters in eighths, centred on the sample that lacks the colour.
_GREEN_AT_RED_OR_BLUE = (
    (0.0, 0.0, -1.0, 0.0, 0.0),
    (0.0, 0.0, 2.0, 0.0, 0.0),
    (-1.0, 2.0, 4.0, 2.0, -1.0),
    (0.0, 0.0, 2.0, 0.0, 0.0),
    (0.0, 0.0, -1.0, 0.0, 0.0),
)
_COLOUR_IN_THE_ROW = (
    (0.0, 0.0, 0.5, 0.0, 0.0),
    (0.0, -1.0, 0.0, -1.0, 0.0),
    (-1.0, 4.0, 5.0, 4.0, -1.0),
    (0.0, -1.0, 0.0, -1.0, 0.0),
    (0.0, 0.0, 0.5, 0.0, 0.0),
)
_COLOUR_ACROSS = (
    (0.0, 0.0, -1.5, 0.0, 0.0),
    (0.0, 2.0, 0.0, 2.0, 0.0),
    (-1.5, 0.0, 6.0, 0.0, -1.5),
    (0.0, 2.0, 0.0, 2.0, 0.0),
    (0.0, 0.0, -1.5, 0.0, 0.0),
)


class ISP(nn.Module):
    """A U-Net on packed 2x2 cells, which corrects the linear interpolation of Malvar et al. 2004.

    Half of the mosaic's side is where its samples of one colour lie next to each other: four
    planes there cost a quarter of what the full picture would (Gharbi et al., SIGGRAPH Asia
    2016). Untrained it returns the linear interpolation.

    Args:
        widths: channels at 1/2, 1/4, ... of the mosaic's side.
        depths: residual blocks at each of these sizes; the decoder has as many as the encoder, the
            coarsest level has its number once.
    """

    takes_sigma = True
    reads_mosaic = True

    def __init__(
        self, *, widths: tuple[int, ...] = (32, 64, 96), depths: tuple[int, ...] = (3, 2, 2)
    ) -> None:
        super().__init__()
        if len(widths) != len(depths) or len(widths) < 1:
            raise ValueError("widths and depths need the same length, one or more")
        # The estimator has a grid of its own, of 8 cells: windows must meet that too.
        self.multiple = max(2 ** len(widths), 16)
        self.estimator = NoiseEstimator(inputs=4, outputs=4)
        self.register_buffer("linear", _linear_filters(), persistent=False)
        self.head = nn.Conv2d(8, widths[0], 3, padding=1)
        pairs = list(itertools.pairwise(widths))
        levels = list(zip(widths, depths, strict=True))
        self.encoders = nn.ModuleList(_level(width, depth) for width, depth in levels)
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairs)
        self.decoders = nn.ModuleList(_level(width, depth) for width, depth in levels[:-1])
        self.tail = nn.Conv2d(widths[0], 12, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        assert self.tail.bias is not None
        nn.init.zeros_(self.tail.bias)

    @overload
    def forward(
        self, image: Tensor, sigma: Tensor | None = None, *, with_sigma: Literal[False] = False
    ) -> Tensor: ...
    @overload
    def forward(
        self, image: Tensor, sigma: Tensor | None = None, *, with_sigma: Literal[True]
    ) -> tuple[Tensor, Tensor]: ...
    def forward(
        self, image: Tensor, sigma: Tensor | None = None, *, with_sigma: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Demosaic and denoise a batch.

        Args:
            image: (B, 3, H, W), black taken off, white-balanced, saturation at 1, and under the
                sRGB transfer curve, under which noise is about as strong in shadows as in
                lights. Each place holds its own colour, the other two are 0; red lies at even
                rows and columns, blue at odd ones. H and W are multiples of `multiple`.
            sigma: (B,) standard deviation of the noise of these values; NaN where unknown; None
                where it is unknown for all.
            with_sigma: also return the noise levels as estimated, for training the estimator.

        Returns:
            (B, 3, H, W) on the same scale, not clamped; with `with_sigma` also (B, 1, H, W).
        """
        mosaic = image.sum(dim=1, keepdim=True)
        # Mirrored by two samples, so that each colour is mirrored onto its own places.
        padded = (
            F.pad(mosaic, (2, 2, 2, 2), mode="reflect")
            if min(mosaic.shape[2:]) > 2
            else (F.pad(mosaic, (2, 2, 2, 2), mode="circular"))
        )
        base = F.conv2d(F.pixel_unshuffle(padded, 2), cast("Tensor", self.linear))
        packed = F.pixel_unshuffle(mosaic, 2)
        level, estimated = self._levels(packed, sigma, with_sigma=with_sigma)
        restored = base + self._residual(torch.cat([packed, level.to(packed.dtype)], dim=1))
        output = F.pixel_shuffle(restored, 2)
        if estimated is None:
            return output
        return output, F.pixel_shuffle(estimated, 2)

    def _levels(
        self, packed: Tensor, sigma: Tensor | None, *, with_sigma: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Noise levels to work with (B, 4, h, w), and the estimated ones where they are wanted."""
        known = None if sigma is None else sigma.view(-1, 1, 1, 1).expand_as(packed)
        if known is not None and not with_sigma and not bool(torch.isnan(known).any()):
            return known, None
        estimated = cast("Tensor", self.estimator(packed))
        level = estimated if known is None else torch.where(known.isnan(), estimated, known)
        return level, estimated if with_sigma else None

    def _residual(self, x: Tensor) -> Tensor:
        x = self.head(x)
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=False):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.encoders[-1](x)
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders), strict=True):
            x = decoder(up(x) + skips.pop())
        return self.tail(x)


def _level(channels: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))


def _linear_filters() -> Tensor:
    """The interpolation of Malvar et al. as one convolution of packed cells.

    Returns:
        (12, 4, 3, 3); the 12 are colour by colour the four places of a cell.
    """
    named = [
        torch.tensor(f) / 8 for f in (_GREEN_AT_RED_OR_BLUE, _COLOUR_IN_THE_ROW, _COLOUR_ACROSS)
    ]
    green, along, across = named
    filters = torch.zeros(3, 4, 4, 3, 3)
    for place, (row, column) in enumerate(_PLACES):
        for colour in range(3):
            own = _COLOURS[place]
            if colour == own:
                kernel = torch.zeros(5, 5)
                kernel[2, 2] = 1
            elif colour == 1:
                kernel = green
            elif own == 1:
                # At green, red lies beside it in even rows, above it in odd ones; blue vice versa.
                kernel = along if (row == 0) == (colour == 0) else along.T
            else:
                kernel = across
            for dy in range(-2, 3):
                for dx in range(-2, 3):
                    y, x = row + dy, column + dx
                    source = _PLACES.index((y % 2, x % 2))
                    filters[colour, place, source, y // 2 + 1, x // 2 + 1] = kernel[dy + 2, dx + 2]
    return filters.view(12, 4, 3, 3)
