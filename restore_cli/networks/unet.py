"""A U-Net of plain 3x3 convolutions: the network that is fast on a CPU."""

import itertools
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from restore_cli.networks.base import (
    Estimated,
    EstimatingNetwork,
    NetworkInfo,
    completed,
    known_or,
)
from restore_cli.networks.blocks import (
    ContextEncoder,
    Modulation,
    NoiseEstimator,
    ResidualBlock,
)
from restore_cli.networks.levels import LevelTable


class UNet(EstimatingNetwork):
    """Residual U-Net (Ronneberger et al. 2015) with additive skips and residual blocks.

    It learns what to add to the picture, so an untrained network returns its input.

    Args:
        widths: channels at full size, 1/2, 1/4, ... of it. Multiples of 16 run fastest.
        depths: residual blocks at each of these sizes; the decoder has as many as the encoder, the
            coarsest level has its number once.
        noise_map: take a noise level beside the picture, or estimate it where none is given.
        global_context: length of a vector that says what kind of picture it is and modulates every
            level; 0 leaves it out, and the network then sees only what lies near.
        quantity: of which a user may tell a level, which then takes the place of the global context
            (`LevelTable`); empty for none.
        levels: of that quantity, for which contexts are learnt after training.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (32, 64, 96, 128),
        depths: tuple[int, ...] = (1, 2, 2, 1),
        noise_map: bool = False,
        global_context: int = 0,
        quantity: str = "",
        levels: tuple[float, ...] = (),
    ) -> None:
        super().__init__()
        if len(widths) != len(depths) or len(widths) < 2:
            raise ValueError("widths and depths need the same length, two or more")
        if bool(quantity) != bool(levels) or (levels and not global_context):
            raise ValueError("a quantity needs levels, and both need a global context")
        self.info = NetworkInfo(
            multiple=2 ** (len(widths) - 1),
            level="sigma" if noise_map else None,
            context=global_context > 0,
            quantity=quantity,
        )
        self.estimator = NoiseEstimator() if noise_map else None
        self.head = nn.Conv2d(4 if noise_map else 3, widths[0], 3, padding=1)
        pairs = list(itertools.pairwise(widths))
        self.encoders = nn.ModuleList(stage(w, d) for w, d in zip(widths, depths, strict=True))
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairs)
        self.decoders = nn.ModuleList(
            stage(w, d) for w, d in zip(widths[:-1], depths[:-1], strict=True)
        )
        # Named as in the weights of 0.1.0.
        self.surveyor = ContextEncoder(global_context) if global_context else None
        self.levels = LevelTable(quantity, levels, global_context) if levels else None
        # One for each encoder level, the coarsest last, then one for each decoder level.
        places = (*widths, *widths[:-1]) if global_context else ()
        self.modulations = nn.ModuleList(Modulation(global_context, width) for width in places)
        self.tail = nn.Conv2d(widths[0], 3, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(_bias(self.tail))

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        """Restore a batch, see `Network.forward`; the level is the noise's standard deviation."""
        self._check_told(level, context)
        told = self._contextual(image, context)
        estimator = self.estimator
        if estimator is None:
            return image + self.residual(image, told)
        known = self._spread(image, level)
        used = known_or(known, lambda: estimator(image))
        return image + self.residual(_beside(image, used), told)

    def with_estimate(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Estimated:
        """See `EstimatingNetwork`."""
        self._check_told(level, context)
        if self.estimator is None:
            raise ValueError("this network estimates no noise level (noise_map is off)")
        told = self._contextual(image, context)
        estimated = cast("Tensor", self.estimator(image))
        used = completed(self._spread(image, level), estimated)
        return Estimated(image + self.residual(_beside(image, used), told), estimated)

    def global_context(self, image: Tensor) -> Tensor | None:
        """See `Network`."""
        return None if self.surveyor is None else self.surveyor(image)

    def told_context(self, level: float, own: Callable[[], Tensor]) -> Tensor:
        """See `Network`; the same for all pictures."""
        return super().told_context(level, own) if self.levels is None else self.levels.of(level)

    def _contextual(self, image: Tensor, context: Tensor | None) -> Tensor | None:
        context = self.global_context(image) if context is None else context
        if context is None or self.levels is None or self.training:
            return context
        return self.levels.within(context)

    def _spread(self, image: Tensor, level: Tensor | None) -> Tensor | None:
        """A noise level for each place, (B, 1, H, W)."""
        if level is None:
            return None
        return level.view(-1, 1, 1, 1).expand(-1, 1, *image.shape[-2:])

    def encode(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """From the picture, with its noise map where there is one, to the coarsest level.

        Returns:
            (B, widths[-1], h, w), and what goes past it: the other levels' maps, finest first.
        """
        x = self.head(x)
        skips: list[Tensor] = []
        for index, (encoder, down) in enumerate(zip(self.encoders, self.downs, strict=False)):
            x = encoder(self._modulated(x, index, context))
            skips.append(x)
            x = down(x)
        return self.encoders[-1](self._modulated(x, len(skips), context)), skips

    def rise(self, x: Tensor, skip: Tensor, level: int, context: Tensor | None = None) -> Tensor:
        """Decode from one level to the next finer one, `level`, where `skip` is added."""
        x = self.ups[level](x) + skip
        return self.decoders[level](self._modulated(x, len(self.encoders) + level, context))

    def residual(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """What to add to the picture; arguments as for `encode`."""
        x, skips = self.encode(x, context)
        for level in reversed(range(len(skips))):
            x = self.rise(x, skips[level], level, context)
        return self.tail(x)

    def _modulated(self, x: Tensor, place: int, context: Tensor | None) -> Tensor:
        return x if context is None else self.modulations[place](x, context)


def stage(channels: int, blocks: int) -> nn.Sequential:
    """Residual blocks, one after the other."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))


def _beside(image: Tensor, level: Tensor) -> Tensor:
    return torch.cat([image, level.to(image.dtype)], dim=1)


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
