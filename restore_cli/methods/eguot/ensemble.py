"""An ensemble of discriminators, each of which sees one way of failing and nothing else (EGUOT).

Perevozchikov et al., arXiv 2512.05635: experts for colour, structure and frequency regularise a
learned ISP. What each is shown is ours; the paper's code is not public.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LUMA = (0.299, 0.587, 0.114)  # BT.601
_OVERVIEW = 32  # px of a side: four halvings leave two
_LAYERS = {"colour": 1, "overview": 4}  # the colour view is an eighth of the size already
_FLOOR = 1e-3  # below a quarter of an 8-bit step, a band counts as empty


def colour_view(image: Tensor) -> Tensor:
    """Colour without detail: means over 8x8 px, and what of them is chroma.

    Args:
        image: (B, 3, H, W) in [0, 1], H and W at least 8.

    Returns:
        (B, 5, H // 8, W // 8): red, green, blue, and red and blue less luma.
    """
    small = F.avg_pool2d(image, 8)
    luma = _luma(small)
    return torch.cat([small, small[:, :1] - luma, small[:, 2:] - luma], dim=1)


def structure_view(image: Tensor) -> Tensor:
    """Outlines without colour: luma less its surroundings, and its differences.

    Args:
        image: (B, 3, H, W) in [0, 1].

    Returns:
        (B, 3, H, W): local contrast, step to the right, step down (0 at the far borders).
    """
    luma = _luma(image)
    padded = F.pad(luma, (4, 4, 4, 4), mode="replicate")
    contrast = luma - F.avg_pool2d(padded, 9, stride=1)
    right = F.pad(luma.diff(dim=3), (0, 1, 0, 0))
    down = F.pad(luma.diff(dim=2), (0, 0, 0, 1))
    return torch.cat([contrast, right, down], dim=1)


def frequency_view(image: Tensor) -> Tensor:
    """How much fine detail there is, wherever it is: log amplitudes of the Haar high bands.

    Args:
        image: (B, 3, H, W) in [0, 1], H and W at least 2.

    Returns:
        (B, 9, H // 2, W // 2): three bands of each channel, 0 for an empty band.
    """
    height, width = (size - size % 2 for size in image.shape[-2:])
    blocks = F.pixel_unshuffle(image[..., :height, :width], 2)
    a, b, c, d = blocks.unflatten(1, (3, 4)).unbind(dim=2)
    bands = torch.cat([a + b - c - d, a - b + c - d, a - b - c + d], dim=1) / 2
    return torch.log((bands.square() + _FLOOR**2).sqrt() / _FLOOR)


def overview(image: Tensor) -> Tensor:
    """The whole picture, small: what is where, which no patch can say.

    Args:
        image: (B, 3, H, W) in [0, 1].

    Returns:
        (B, 3, 32, 32), means.
    """
    return F.adaptive_avg_pool2d(image, _OVERVIEW)


VIEWS: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "colour": (colour_view, 5),
    "structure": (structure_view, 3),
    "frequency": (frequency_view, 9),
    "overview": (overview, 3),
}
"""What each expert sees, and in how many channels."""


class Potential(nn.Module):
    """A number for each picture: the potential v of semi-dual transport, or a discriminator.

    Strided convolutions and the mean over what they say, without normalisation: v must be free to
    take any value.

    Args:
        channels: of what it looks at.
        width: channels of the first layer; doubled by each further one, up to four times.
        layers: halvings of the size.
    """

    def __init__(self, *, channels: int = 3, width: int = 32, layers: int = 4) -> None:
        super().__init__()
        rows: list[nn.Module] = []
        inner = channels
        for index in range(layers):
            outer = width * min(2**index, 4)
            rows += [nn.Conv2d(inner, outer, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            inner = outer
        self.layers = nn.Sequential(*rows, nn.Conv2d(inner, 1, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, C, H, W), sides of at least 2 ** layers, to (B,)."""
        return self.layers(image).mean(dim=(1, 2, 3))


class TwoPotentials(nn.Module):
    """A potential of the patch that it is shown, and one of all of it, small; their sum.

    Args:
        width: channels of the first layer of each.
    """

    def __init__(self, *, width: int = 32) -> None:
        super().__init__()
        self.near, self.whole = Potential(width=width), Potential(width=width)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, H, W), sides of at least 16, to (B,)."""
        return self.near(image) + self.whole(overview(image))


class DiscriminatorEnsemble(nn.Module):
    """Discriminators, called experts in the paper, each over its own view.

    Args:
        names: keys of `VIEWS`.
        width: channels of each expert's first layer.

    Raises:
        ValueError: an unknown name.
    """

    def __init__(self, names: Sequence[str], *, width: int = 16) -> None:
        super().__init__()
        unknown = sorted(set(names) - VIEWS.keys())
        if unknown:
            raise ValueError(f"unknown expert {unknown[0]!r}; known: {', '.join(VIEWS)}")
        self.experts = nn.ModuleDict(
            {
                name: Potential(channels=VIEWS[name][1], width=width, layers=_LAYERS.get(name, 3))
                for name in names
            }
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Scores (B,) of each expert for pictures (B, 3, H, W) in [0, 1], sides at least 16."""
        return {name: expert(VIEWS[name][0](image)) for name, expert in self.experts.items()}


def _luma(image: Tensor) -> Tensor:
    weights = image.new_tensor(_LUMA).view(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True)
