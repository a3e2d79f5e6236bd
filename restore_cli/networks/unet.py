"""A U-Net of plain 3x3 convolutions: the network that is fast on a CPU."""

import itertools
from typing import Literal, cast, overload

import torch
from torch import Tensor, nn

from restore_cli.networks.blocks import Modulation, NoiseEstimator, ResidualBlock, Surveyor


class UNet(nn.Module):
    """Residual U-Net (Ronneberger et al. 2015) with additive skips and residual blocks.

    It learns what to add to the picture, so an untrained network returns its input.

    Args:
        widths: channels at full size, 1/2, 1/4, ... of it. Multiples of 16 run fastest.
        depths: residual blocks at each of these sizes; the decoder has as many as the encoder, the
            coarsest level has its number once.
        noise_map: take a noise level beside the picture, or estimate it where none is given.
        survey: length of a vector that says what kind of picture it is and modulates every level;
            0 leaves it out, and the network then sees only what lies near.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (32, 64, 96, 128),
        depths: tuple[int, ...] = (1, 2, 2, 1),
        noise_map: bool = False,
        survey: int = 0,
    ) -> None:
        super().__init__()
        if len(widths) != len(depths) or len(widths) < 2:
            raise ValueError("widths and depths need the same length, two or more")
        self.multiple = 2 ** (len(widths) - 1)
        self.takes_sigma = noise_map
        self.estimator = NoiseEstimator() if noise_map else None
        self.head = nn.Conv2d(4 if noise_map else 3, widths[0], 3, padding=1)
        pairs = list(itertools.pairwise(widths))
        self.encoders = nn.ModuleList(stage(w, d) for w, d in zip(widths, depths, strict=True))
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairs)
        self.decoders = nn.ModuleList(
            stage(w, d) for w, d in zip(widths[:-1], depths[:-1], strict=True)
        )
        self.surveyor = Surveyor(survey) if survey else None
        # One for each encoder level, the coarsest last, then one for each decoder level.
        places = (*widths, *widths[:-1]) if survey else ()
        self.modulations = nn.ModuleList(Modulation(survey, width) for width in places)
        self.tail = nn.Conv2d(widths[0], 3, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(_bias(self.tail))

    @overload
    def forward(
        self,
        image: Tensor,
        sigma: Tensor | None = None,
        *,
        survey: Tensor | None = None,
        whole: Tensor | None = None,
        with_sigma: Literal[False] = False,
    ) -> Tensor: ...
    @overload
    def forward(
        self,
        image: Tensor,
        sigma: Tensor | None = None,
        *,
        survey: Tensor | None = None,
        whole: Tensor | None = None,
        with_sigma: Literal[True],
    ) -> tuple[Tensor, Tensor]: ...
    def forward(
        self,
        image: Tensor,
        sigma: Tensor | None = None,
        *,
        survey: Tensor | None = None,
        whole: Tensor | None = None,
        with_sigma: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Restore a batch.

        Args:
            image: (B, 3, H, W) in [0, 1]; H and W multiples of `multiple`.
            sigma: (B,) standard deviation of the noise in [0, 1]; NaN where unknown; None where it
                is unknown for all.
            survey: (B, features) what `surveyor` says of the pictures that these are windows of.
            whole: (B, 3, H', W') these pictures, to be surveyed here. With neither, `image` is
                taken for the whole picture.
            with_sigma: also return the estimated noise levels, for training the estimator.

        Returns:
            (B, 3, H, W), not clamped; with `with_sigma` also (B, 1, H, W).

        Raises:
            ValueError: `sigma` or `with_sigma` for a network without a noise map, or `survey` or
                `whole` for one without a surveyor.
        """
        survey = self.surveyed(image, survey, whole)
        if self.estimator is None:
            if sigma is not None or with_sigma:
                raise ValueError("this network takes no noise level (noise_map is off)")
            return image + self.residual(image, survey)
        known = None if sigma is None else sigma.view(-1, 1, 1, 1).expand(-1, 1, *image.shape[-2:])
        if known is not None and not with_sigma and not bool(torch.isnan(known).any()):
            level = known
            estimated = known
        else:
            estimated = self.estimator(image)
            level = estimated if known is None else torch.where(known.isnan(), estimated, known)
        restored = image + self.residual(torch.cat([image, level.to(image.dtype)], dim=1), survey)
        return (restored, estimated) if with_sigma else restored

    def surveyed(
        self, image: Tensor, survey: Tensor | None = None, whole: Tensor | None = None
    ) -> Tensor | None:
        """What the levels are told of the whole picture: arguments and errors as in `forward`."""
        if self.surveyor is None:
            if survey is not None or whole is not None:
                raise ValueError("this network takes no survey (survey is 0)")
            return None
        if survey is None:
            survey = cast("Tensor", self.surveyor(image if whole is None else whole))
        return survey

    def encode(self, x: Tensor, survey: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """From the picture, with its noise map where there is one, to the coarsest level.

        Returns:
            (B, widths[-1], h, w), and what goes past it: the other levels' maps, finest first.
        """
        x = self.head(x)
        skips: list[Tensor] = []
        for index, (encoder, down) in enumerate(zip(self.encoders, self.downs, strict=False)):
            x = encoder(self._modulated(x, index, survey))
            skips.append(x)
            x = down(x)
        return self.encoders[-1](self._modulated(x, len(skips), survey)), skips

    def rise(self, x: Tensor, skip: Tensor, level: int, survey: Tensor | None = None) -> Tensor:
        """Decode from one level to the next finer one, `level`, where `skip` is added."""
        x = self.ups[level](x) + skip
        return self.decoders[level](self._modulated(x, len(self.encoders) + level, survey))

    def residual(self, x: Tensor, survey: Tensor | None = None) -> Tensor:
        """What to add to the picture; arguments as for `encode`."""
        x, skips = self.encode(x, survey)
        for level in reversed(range(len(skips))):
            x = self.rise(x, skips[level], level, survey)
        return self.tail(x)

    def _modulated(self, x: Tensor, place: int, survey: Tensor | None) -> Tensor:
        return x if survey is None else self.modulations[place](x, survey)


def stage(channels: int, blocks: int) -> nn.Sequential:
    """Residual blocks, one after the other."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
