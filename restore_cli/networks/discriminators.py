"""Discriminators: networks that tell generated pictures from real ones."""

from torch import Tensor, nn

from restore_cli.networks.blocks import BlurDown


class PatchDiscriminator(nn.Module):
    """A number for each overlapping patch of a picture (PatchGAN, Isola et al., CVPR 2017).

    With three layers each number sees 70x70 px, and the blurs of `antialias` widen that to 84x84.
    With the defaults names and shapes are those of the published
    antialiased `basic` discriminator: `model.0`, `model.3`, `model.7`, `model.11` and `model.14`
    are the convolutions.

    Args:
        width: channels of the first layer; doubled by each further one, up to eight times.
        layers: halvings of the size.
        norm: normalise inner layers over each picture (instance normalisation), as published.
        antialias: blur before each halving, as published; otherwise strided convolutions, which
            cost a quarter.
    """

    def __init__(
        self, *, width: int = 64, layers: int = 3, norm: bool = True, antialias: bool = True
    ) -> None:
        super().__init__()
        stride = 1 if antialias else 2
        rows: list[nn.Module] = [nn.Conv2d(3, width, 4, stride, padding=1), nn.LeakyReLU(0.2)]
        channels = width
        for index in range(1, layers + 1):
            inner, channels = channels, width * min(2**index, 8)
            if antialias:
                rows.append(BlurDown(inner))
            rows += [
                nn.Conv2d(inner, channels, 4, stride if index < layers else 1, padding=1),
                nn.InstanceNorm2d(channels) if norm else nn.Identity(),
                nn.LeakyReLU(0.2),
            ]
        rows.append(nn.Conv2d(channels, 1, 4, padding=1))
        self.model = nn.Sequential(*rows)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_normal_(layer.weight, gain=0.02 if norm else 1.0)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, H, W) in [0, 1] to (B, 1, h, w), high where it looks real.

        H and W of 32 and more leave at least one number with three layers.
        """
        return self.model(2 * image - 1)
