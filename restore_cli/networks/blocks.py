"""Parts that several networks share."""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), two plain 3x3 convolutions; shape (B, C, H, W) kept.

    No normalisation: it blurs the absolute values that restoration must keep, and plain 3x3
    convolutions run near a CPU's peak.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return x + self.second(F.relu(self.first(x)))


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of (B, C, H, W), per pixel.

    Through `permute`, which in channels_last costs no copy (measured twice as fast on a CPU as
    writing out mean and variance).
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps
        # A plain number: in a traced network a tensor's own size would be an open one.
        self._channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        last = x.permute(0, 2, 3, 1)
        normed = F.layer_norm(last, (self._channels,), self.weight, self.bias, self.eps)
        return normed.permute(0, 3, 1, 2)


def local_convolutions(
    channels: int, *, inputs: int, outputs: int, slope: float = 0.0
) -> nn.Sequential:
    """Convolutions to 1/8 of the size that see 49 px around: (B, outputs, H / 8, W / 8).

    `slope` is that of the rectifiers below 0.
    """
    half = channels // 2
    return nn.Sequential(
        nn.Conv2d(inputs, half, 3, padding=1),
        nn.LeakyReLU(slope),
        nn.Conv2d(half, channels, 3, stride=2, padding=1),
        nn.LeakyReLU(slope),
        nn.Conv2d(channels, channels, 3, stride=2, padding=1),
        nn.LeakyReLU(slope),
        nn.Conv2d(channels, channels, 3, stride=2, padding=1),
        nn.LeakyReLU(slope),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.LeakyReLU(slope),
        nn.Conv2d(channels, outputs, 3, padding=1),
    )


class NoiseEstimator(nn.Module):
    """The noise level of each place of a picture, read from the picture itself.

    A few strided convolutions to 1/8 of the size, then interpolation back; local, so that a tile
    says the same as the whole picture. In the arrangement of CBDNet (Guo et al., CVPR 2019): a
    small estimator feeds a non-blind restorer.

    Args:
        channels: of its inner maps.
        inputs: channels of the picture.
        outputs: how many levels each place has.
    """

    def __init__(self, channels: int = 32, *, inputs: int = 3, outputs: int = 1) -> None:
        super().__init__()
        self.layers = local_convolutions(channels, inputs=inputs, outputs=outputs)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, inputs, H, W) in [0, 1] to deviations (B, outputs, H, W) on the same scale."""
        # 0.1 puts the untrained output (softplus(0) = 0.69) at a usual noise level.
        coarse = 0.1 * F.softplus(self.layers(image))
        return F.interpolate(coarse, size=image.shape[-2:], mode="bilinear", align_corners=False)


class ContextEncoder(nn.Module):
    """What kind of picture this is, in a few numbers: strided convolutions, then the mean over it.

    One place cannot tell rain from the grain of wood, nor a dark wall from too little light; the
    whole picture can. The answer belongs to the picture, so that every window of it may be told
    the same (`engine.global_context`). After the global branch of Gharbi et al. 2017 (HDRnet).

    Args:
        features: length of the answer.
    """

    def __init__(self, features: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, features, 3, stride=2, padding=1),
            nn.ReLU(),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, H, W) in [0, 1] to (B, features)."""
        return self.layers(image).mean(dim=(2, 3))


class Modulation(nn.Module):
    """Scale and shift the channels by the global context (FiLM, Perez et al., AAAI 2018).

    Untrained it changes nothing. Scales stay within 0 to 2 and shifts within -1 to 1, so that no
    picture unlike the training's can drive them out of what the layers after them have met.

    Args:
        features: length of the context.
        channels: of the maps that are modulated.
    """

    _still: Tensor

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, features), nn.ReLU(), nn.Linear(features, 2 * channels)
        )
        last = self.layers[-1]
        nn.init.zeros_(cast("Tensor", last.weight))
        nn.init.zeros_(cast("Tensor", last.bias))
        still = torch.cat([torch.ones(channels), torch.zeros(channels)])
        self.register_buffer("_still", still, persistent=False)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape; `context` is (B, features)."""
        # The 1 is added before anything is cut: OpenVINO then scales and shifts in one go, and in
        # bf16 rounds the scale once, 10 dB nearer to fp32.
        scale, shift = (torch.tanh(self.layers(context)) + self._still).chunk(2, dim=1)
        return x * scale[:, :, None, None] + shift[:, :, None, None]


class BlurDown(nn.Module):
    """Blur with the binomial 3x3 kernel and take every second pixel (Zhang, ICML 2019).

    The kernel is a buffer `filt` (C, 1, 3, 3), as in published checkpoints.
    """

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", _binomial(3).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, ceil(H / 2), ceil(W / 2)); borders are reflected."""
        padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(padded, self.filt, stride=2, groups=x.shape[1])


class BlurUp(nn.Module):
    """Double the size with the binomial 4x4 kernel, the counterpart of `BlurDown`.

    The kernel is a buffer `filt` (C, 1, 4, 4) that sums to 4, as in published checkpoints.
    """

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", 4 * _binomial(4).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, 2 H, 2 W); borders are repeated."""
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        wide = F.conv_transpose2d(padded, self.filt, stride=2, padding=2, groups=x.shape[1])
        return wide[:, :, 1:-1, 1:-1]


class OrthogonalLinear(nn.Module):
    """x -> x W^T with orthonormal columns of W, or rows where W is wider than high; no bias.

    Born so; an optimiser on the Stiefel manifold (`training.optim.Stiefel`) keeps it so.

    Args:
        inputs: length of what comes in.
        outputs: length of what goes out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.orthogonal_(torch.empty(outputs, inputs)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs)."""
        return F.linear(x, self.weight)


def _binomial(size: int) -> Tensor:
    """The outer product of a row of Pascal's triangle with itself, sum 1; (1, 1, size, size)."""
    row = torch.tensor([float(math.comb(size - 1, k)) for k in range(size)])
    return (torch.outer(row, row) / row.sum() ** 2)[None, None]
