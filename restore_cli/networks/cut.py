"""The generator of contrastive unpaired translation (CUT), whose inner features can be read."""

from typing import Literal

from torch import Tensor, nn

from restore_cli.networks.base import FeatureNetwork, NetworkInfo
from restore_cli.networks.blocks import BlurDown, BlurUp

_PUBLISHED_LAYERS = (0, 4, 8, 12, 16)


class CutGenerator(FeatureNetwork):
    """ResNet generator whose inner features can be read (Park et al., ECCV 2020).

    With the defaults, names and shapes are those of the published `resnet_9blocks` with antialiased
    sampling, so that its checkpoints load: `model.1` the 7x7 head, `model.4` and `model.8` the
    convolutions before downsampling, `model.12` to `model.20` the residual blocks
    (`conv_block.1` and `.5`), `model.22` and `model.26` those after upsampling, `model.30` the 7x7
    tail; `filt` are the fixed blur kernels. Published weights work on [-1, 1]; this module takes
    and gives [0, 1] and converts.

    Args:
        width: channels at full size; twice and four times as many at 1/2 and 1/4 of it.
        blocks: residual blocks at 1/4 size.
        antialias: blur before sampling down (Zhang 2019), instead of strided convolutions.
        antialias_up: blur after sampling up, instead of transposed convolutions.
        norm: "instance" as published; its statistics are of the whole window, so that tiles differ.
            "none" has none.
        residual: let the layers say what to add to the picture; untrained, it returns its input.
        feature_layers: indices of the layers in `model` whose outputs `features` returns.

    Raises:
        ValueError: feature layers that are not ascending or beyond the residual blocks.
    """

    info = NetworkInfo(multiple=4)

    def __init__(
        self,
        *,
        width: int = 64,
        blocks: int = 9,
        antialias: bool = True,
        antialias_up: bool = True,
        norm: Literal["instance", "none"] = "instance",
        residual: bool = False,
        feature_layers: tuple[int, ...] = _PUBLISHED_LAYERS,
    ) -> None:
        super().__init__()
        layers: list[tuple[nn.Module, int]] = [(nn.ReflectionPad2d(3), 3)]

        def convolve(convolution: nn.Conv2d | nn.ConvTranspose2d) -> None:
            channels = convolution.out_channels
            for layer in (convolution, _norm(norm, channels), nn.ReLU()):
                layers.append((layer, channels))

        convolve(nn.Conv2d(3, width, 7))
        for channels in (width, 2 * width):
            stride = 1 if antialias else 2
            convolve(nn.Conv2d(channels, 2 * channels, 3, stride=stride, padding=1))
            if antialias:
                layers.append((BlurDown(2 * channels), 2 * channels))
        layers += [(_Residual(4 * width, norm), 4 * width) for _ in range(blocks)]
        last = len(layers) - 1
        for channels in (4 * width, 2 * width):
            if antialias_up:
                layers.append((BlurUp(channels), channels))
                convolve(nn.Conv2d(channels, channels // 2, 3, padding=1))
            else:
                convolve(
                    nn.ConvTranspose2d(
                        channels, channels // 2, 3, stride=2, padding=1, output_padding=1
                    )
                )
        tail = nn.Conv2d(width, 3, 7)
        layers += [(nn.ReflectionPad2d(3), width), (tail, 3), (nn.Tanh(), 3)]
        chosen = tuple(feature_layers)
        if not chosen or list(chosen) != sorted({*chosen}) or chosen[0] < 0 or chosen[-1] > last:
            raise ValueError(f"feature_layers {chosen} must ascend within 0 to {last}")
        self.model = nn.Sequential(*(layer for layer, _ in layers))
        self.feature_layers = chosen
        self.feature_channels = tuple(layers[index][1] for index in chosen)
        self._residual = residual
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.xavier_normal_(layer.weight, gain=0.02 if norm == "instance" else 1.0)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        if residual:
            nn.init.zeros_(tail.weight)

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        """Translate a batch, see `Network.forward`; it takes neither level nor context.

        Sides are at least 8 px. The result lies within [0, 1] unless `residual`.
        """
        self._check_told(level, context)
        y = self.model(2 * image - 1)
        return image + y if self._residual else (y + 1) / 2

    def features(self, image: Tensor) -> list[Tensor]:
        """See `FeatureNetwork`."""
        x = 2 * image - 1
        found: list[Tensor] = []
        for index in range(self.feature_layers[-1] + 1):
            x = self.model[index](x)
            if index in self.feature_layers:
                found.append(x)
        return found


class _Residual(nn.Module):
    """Two 3x3 convolutions beside the identity, with the published names."""

    def __init__(self, channels: int, norm: Literal["instance", "none"]) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            _norm(norm, channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            _norm(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


def _norm(name: Literal["instance", "none"], channels: int) -> nn.Module:
    return nn.InstanceNorm2d(channels) if name == "instance" else nn.Identity()
