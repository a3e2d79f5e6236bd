"""Zero-DCE++ (Li, Guo, Loy, TPAMI 2021) for `peers.py`: written from the paper, trained here.

No package has the authors' weights: the network is trained for some minutes by its published
losses, which need no pairs, on photos that the project's own simulator dims. Network, losses and
their weights are published; beginning (torch's), reduction (4), crops (96 px), batch (4) and
learning rate (5e-3, falling to 0) are chosen for minutes on a CPU instead of hours on a GPU.
Minutes are of the processor: another load changes nothing.
"""

import math
import time
from pathlib import Path

import numpy as np
import torch
from quality_measure import read_picture
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.degradations.compose import Compose
from restore_cli.images.formats import READABLE_SUFFIXES
from restore_cli.recipe import Mixture

CHANNELS, CURVES = 32, 8
SMOOTH, COLOUR, EXPOSED = 1600.0, 5.0, 10.0
"""Weights of the losses beside spatial consistency's 1, as published."""
WELL_EXPOSED, AREA = 0.6, 16
"""The mean that areas of so many px should have, as published."""
PHOTOS, REDUCED, CROP, BATCH, RATE = 60, 4, 96, 4, 5e-3
STOPS = (0.0, 6.0)
_SIDES = ((0, 1), (0, -1), (1, 0), (-1, 0))


class ZeroDCE(nn.Module):
    """Seven depthwise separable convolutions that draw one curve a pixel and channel."""

    def __init__(self) -> None:
        super().__init__()
        inner = [_separable(CHANNELS, CHANNELS) for _ in range(3)]
        joined = [_separable(2 * CHANNELS, CHANNELS) for _ in range(2)]
        last = _separable(2 * CHANNELS, 3)
        self.layers = nn.ModuleList([_separable(3, CHANNELS), *inner, *joined, last])

    def curves(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] for pictures of that shape."""
        found = [image]
        for layer in self.layers[:4]:
            found.append(F.relu(layer(found[-1])))
        joined = found[4]
        for layer, skipped in zip(self.layers[4:], found[3:0:-1], strict=True):
            joined = layer(torch.cat([skipped, joined], dim=1))
            joined = joined if layer is self.layers[-1] else F.relu(joined)
        return torch.tanh(joined)

    def forward(self, image: Tensor) -> Tensor:
        """Brighten (B, 3, H, W) in [0, 1]: the same quadratic curve, eight times."""
        return enhanced(image, self.curves(image))


def _separable(given: int, made: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(given, given, 3, padding=1, groups=given), nn.Conv2d(given, made, 1)
    )


def enhanced(image: Tensor, curves: Tensor) -> Tensor:
    """Add a (x^2 - x) to x eight times, with the sign of a as in the authors' code."""
    for _ in range(CURVES):
        image = image + curves * (image.square() - image)
    return image


def loss_of(image: Tensor, curves: Tensor) -> Tensor:
    """The four losses of the paper, none of which knows a target."""
    made = enhanced(image, curves)
    means = made.mean(dim=(2, 3))
    pairs = (means - means.roll(1, dims=1)).square()
    # The small number keeps the gradient of grey pictures finite.
    colour = (pairs.square().sum(dim=1) + 1e-12).sqrt().mean()
    exposed = (F.avg_pool2d(made.mean(1, keepdim=True), AREA) - WELL_EXPOSED).square().mean()
    smooth = 2 * sum(torch.diff(curves, dim=dim).square().sum(1).mean() for dim in (2, 3))
    return _spatial(image, made) + EXPOSED * exposed + COLOUR * colour + SMOOTH * smooth


def _spatial(image: Tensor, made: Tensor) -> Tensor:
    """How much differences between neighbouring areas of 4 px changed."""
    old, new = (F.avg_pool2d(x.mean(1, keepdim=True), 4) for x in (image, made))
    changed = torch.zeros_like(old)
    for down, across in _SIDES:
        # Beyond the border there is nothing, as in the authors' convolutions.
        steps = [x - _beside(x, down, across) for x in (old, new)]
        changed = changed + (steps[0] - steps[1]).square()
    return changed.mean()


def _beside(areas: Tensor, down: int, across: int) -> Tensor:
    padded = F.pad(areas, (1, 1, 1, 1))
    height, width = areas.shape[-2:]
    return padded[..., 1 + down : 1 + down + height, 1 + across : 1 + across + width]


def trained(folder: Path, minutes: float, *, seed: int = 1) -> tuple[nn.Module, int]:
    """The network after so many minutes of the processor, and how many steps they were.

    The clock decides on their number; what is drawn is the same every time.

    Args:
        folder: of clean photos, each 96 px or more when reduced to a quarter.
        minutes: of this process, reading left out.
        seed: of the beginning and all that is drawn.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = ZeroDCE()
    photos = _photos(folder)
    dim = {"name": "low-light", "stops": list(STOPS)}
    darken = Compose([Mixture.model_validate({"steps": [dim, {"name": "quantize8"}]})])
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE, weight_decay=1e-4)
    begun, steps = time.process_time(), 0
    while (passed := (time.process_time() - begun) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * passed))
        drawn = [_crop(photos[rng.integers(len(photos))], rng) for _ in range(BATCH)]
        image = torch.stack([darken(photo, rng).image for photo in drawn])
        loss = loss_of(image, network.curves(image))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 0.1)
        optimiser.step()
        steps += 1
        if steps % 100 == 0:
            print(f"Zero-DCE++: {steps} steps, loss {float(loss.detach()):.3f}", flush=True)
    return network.eval(), steps


def _photos(folder: Path) -> list[Tensor]:
    """Reduced, as the authors resize theirs: crops then show whole things."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in READABLE_SUFFIXES)
    return [
        F.avg_pool2d(read_picture(path), REDUCED) for path in paths[:: -(-len(paths) // PHOTOS)]
    ]


def _crop(photo: Tensor, rng: np.random.Generator) -> Tensor:
    top, left = (int(rng.integers(side - CROP + 1)) for side in photo.shape[-2:])
    return photo[:, top : top + CROP, left : left + CROP]
