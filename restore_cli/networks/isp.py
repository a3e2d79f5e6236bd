"""Joint demosaicing and denoising of Bayer mosaics, in the camera's own colours."""

import itertools
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.networks.base import (
    Estimated,
    EstimatingNetwork,
    NetworkInfo,
    completed,
    known_or,
)
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


class ISP(EstimatingNetwork):
    """A U-Net on packed 2x2 cells, which corrects the linear interpolation of Malvar et al. 2004.

    Half of the mosaic's side is where its samples of one colour lie next to each other: four
    planes there cost a quarter of what the full picture would (Gharbi et al., SIGGRAPH Asia
    2016). Untrained it returns the linear interpolation.

    Args:
        widths: channels at 1/2, 1/4, ... of the mosaic's side.
        depths: residual blocks at each of these sizes; the decoder has as many as the encoder, the
            coarsest level has its number once.
    """

    def __init__(
        self, *, widths: tuple[int, ...] = (32, 64, 96), depths: tuple[int, ...] = (3, 2, 2)
    ) -> None:
        super().__init__()
        if len(widths) != len(depths) or len(widths) < 1:
            raise ValueError("widths and depths need the same length, one or more")
        # The estimator has a grid of its own, of 8 cells: windows must meet that too.
        self.info = NetworkInfo(multiple=max(2 ** len(widths), 16), level="sigma", input="mosaic")
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

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        """Demosaic and denoise a batch, see `Network.forward`.

        Args:
            image: (B, 3, H, W), black taken off, white-balanced, saturation at 1, and under the
                sRGB transfer curve, under which noise is about as strong in shadows as in
                lights. Each place holds its own colour, the other two are 0; red lies at even
                rows and columns, blue at odd ones.
            level: (B,) standard deviation of the noise of these values.
            context: None; it takes none.

        Returns:
            (B, 3, H, W) on the same scale, not clamped.
        """
        self._check_told(level, context)
        packed, known = _packed(image, level)
        used = known_or(known, lambda: self.estimator(packed))
        return self._developed(image, packed, used)

    def with_estimate(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Estimated:
        """See `EstimatingNetwork`."""
        self._check_told(level, context)
        packed, known = _packed(image, level)
        estimated = cast("Tensor", self.estimator(packed))
        restored = self._developed(image, packed, completed(known, estimated))
        return Estimated(restored, F.pixel_shuffle(estimated, 2))

    def _developed(self, image: Tensor, packed: Tensor, level: Tensor) -> Tensor:
        """The interpolation and what the U-Net adds, from cells and their levels (B, 4, h, w)."""
        mosaic = image.sum(dim=1, keepdim=True)
        # Mirrored by two samples, so that each colour is mirrored onto its own places.
        mode = "reflect" if min(mosaic.shape[2:]) > 2 else "circular"
        padded = F.pad(mosaic, (2, 2, 2, 2), mode=mode)
        base = F.conv2d(F.pixel_unshuffle(padded, 2), cast("Tensor", self.linear))
        restored = base + self._residual(torch.cat([packed, level.to(packed.dtype)], dim=1))
        return F.pixel_shuffle(restored, 2)

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


def _packed(image: Tensor, level: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Cells of a mosaic, and the level for each of their samples; both (B, 4, h, w)."""
    packed = F.pixel_unshuffle(image.sum(dim=1, keepdim=True), 2)
    return packed, None if level is None else level.view(-1, 1, 1, 1).expand_as(packed)


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
