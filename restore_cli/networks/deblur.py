"""A network that sees how wide the blur is, undoes it by filters, and mends what they leave."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.images.color import linear_to_srgb, srgb_to_linear
from restore_cli.networks.base import Estimated, EstimatingNetwork, NetworkInfo, completed
from restore_cli.networks.blocks import local_convolutions
from restore_cli.networks.fourier import filtered, frequencies, jinc, local, sinc
from restore_cli.networks.unet import UNet
from restore_cli.networks.widths import DIRECTIONS, UNIT, level_in, widths_in

_REACH = 32
"""px that a filter sees, and of mirrored margin around a picture. Wiener's reach further where a
kernel's zeros are sharp; cut off here they serve as well, and windows come out as the whole."""
# What a blur of given second moments does to a wave depends on how it spreads its light. For these
# three it is a function of r, the wave's phase across one standard deviation along it: a disc, a
# line, and a Gaussian. Zeros of the first two are sharp, and only right for that very shape.
_SHAPES = ("disc", "line", "gaussian")
_NOISE = (0.03, 0.03, 0.1)  # to signal, of each filter, for the finest waves
_ROUND = 0.01  # px: widths below this have no direction


class BlurEstimator(nn.Module):
    """How wide the blur of a picture is, each place weighed by how much it can tell.

    Args:
        channels: of its inner maps.
    """

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.layers = local_convolutions(channels, inputs=3, outputs=DIRECTIONS + 1)

    def forward(self, image: Tensor) -> Tensor:
        """Estimate the blur of pictures or of patches of them.

        Args:
            image: (B, 3, H, W) in [0, 1].

        Returns:
            (B, 5): the mean over all places of weight times widths, in `UNIT` px, and the mean
            weight. So the mean of several patches' answers is the answer of all.
        """
        answer = self.layers(image)
        weight = F.softplus(answer[:, DIRECTIONS:]) + 1e-3
        widths = 0.1 * F.softplus(answer[:, :DIRECTIONS])
        return torch.cat([weight * widths, weight], dim=1).mean(dim=(2, 3))


class Deblur(EstimatingNetwork):
    """Blind deblurring in two parts that are learnt apart: seeing the blur, and undoing it.

    The estimator tells the standard deviations of the blur along four directions. With them three
    regularised inverse filters (Wiener) are made, one for each shape that such a blur may have, and
    a `UNet` sees the picture and what the filters make of it. A single network told only the
    picture, or the widths as further channels, stayed near its input (docs/decisions).

    Args:
        widths: channels of the U-Net at each size.
        depths: its residual blocks at each size.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (24, 48, 96, 144),
        depths: tuple[int, ...] = (1, 2, 2, 1),
    ) -> None:
        super().__init__()
        # Named as in the weights of 0.1.0.
        self.surveyor = BlurEstimator()
        self.body = UNet(widths=widths, depths=depths)
        self.body.head = nn.Conv2d(3 * (1 + len(_SHAPES)), widths[0], 3, padding=1)
        multiple = self.body.info.multiple
        self.info = NetworkInfo(multiple=multiple, level="blur", context=True, quantity="blur")

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        """Restore a batch, see `Network.forward`.

        Args:
            image: (B, 3, H, W) in [0, 1].
            level: (B, 4) standard deviations of the blur along 0, 45, 90 and 135 degrees, px.
            context: (B, 5) what `global_context` says.
        """
        return self.with_estimate(image, level, context=context).image

    def with_estimate(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Estimated:
        """See `EstimatingNetwork`; the estimate is (B, 4), px."""
        if context is None:
            context = self.global_context(image)
        estimated = widths_in(context.float())
        # The estimator learns from true widths alone: through the filters it would learn to please.
        used = completed(None if level is None else level.float(), estimated.detach())
        filtered = inverse_filtered(image, used).to(image.dtype)
        restored = image + self.body.residual(torch.cat([image, filtered], dim=1))
        return Estimated(restored, estimated)

    def global_context(self, image: Tensor) -> Tensor:
        """See `BlurEstimator`."""
        return self.surveyor(image)

    def told_context(self, level: float, own: Callable[[], Tensor]) -> Tensor:
        """See `Network`: what it sees itself, made as wide as it is told.

        How thin the blur is and which way it goes no single number says; where it sees next to no
        blur, it is told one that is the same in all directions.
        """
        seen = widths_in(own().float())
        known = torch.cat(
            [(seen.square() + _ROUND**2).sqrt() / UNIT, torch.ones_like(seen[:, :1])], 1
        )
        scale = torch.full_like(known, level) / level_in(known)[:, None]
        scale[:, DIRECTIONS:] = 1.0
        return known * scale


@torch.no_grad()
def inverse_filtered(image: Tensor, widths: Tensor) -> Tensor:
    """Undo blurs of known widths in linear light, once for each shape they may have.

    The filter is K / (K^2 + n (f^2 + 0.02)), with K the blur's transfer function, f the spatial
    frequency (1 at the finest waves along an axis) and n a constant: Wiener's, for the spectrum of
    natural pictures, whose power falls with the square of the frequency; cut off at `_REACH` px.

    Args:
        image: (B, 3, H, W) sRGB, clipped to [0, 1].
        widths: (B, 4) standard deviations along 0, 45, 90 and 135 degrees, px.

    Returns:
        (B, 9, H, W) float32 sRGB in [0, 1]: for discs, lines and Gaussians, three colours each.
    """
    light = srgb_to_linear(image.float().clamp(0, 1))
    margins = [min(_REACH, size - 1) for size in (light.shape[3], light.shape[2])]
    across, down = margins
    padded = F.pad(light, (across, across, down, down), mode="reflect")
    height, width = padded.shape[-2:]
    fy = 2 * frequencies(2 * _REACH, like=light)[:, None]
    fx = fy.T
    xx, slant, yy, other = (widths[:, i, None, None].square() for i in range(DIRECTIONS))
    moments = xx * fx**2 + (slant - other) * fx * fy + yy * fy**2
    phase = math.pi * moments.clamp(min=0).sqrt()
    gains: list[Tensor] = []
    # Filters are products of matrices, which autocast would round to bf16: the windows of a picture
    # would differ by 2.5 of 255.
    with torch.autocast(image.device.type, enabled=False):
        for shape, noise in zip(_SHAPES, _NOISE, strict=True):
            kernel = _transfer(shape, phase)
            inverse = kernel / (kernel.square() + noise * (fx**2 + fy**2 + 0.02))
            gains.append(local(inverse[:, None], (height, width)))
        sharp = torch.cat(filtered(padded, gains), dim=1)
    sharp = sharp[..., down : height - down, across : width - across]
    return linear_to_srgb(sharp.clamp(0, 1))


def _transfer(shape: str, phase: Tensor) -> Tensor:
    """How much of a wave a blur leaves, `phase` being r: exp(-r^2 / 2) to second order for all."""
    if shape == "disc":
        return jinc(2 * phase)
    if shape == "line":
        return sinc(math.sqrt(3) * phase)
    return torch.exp(-phase.square() / 2)
