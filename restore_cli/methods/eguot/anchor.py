"""The fixed rendering that unpaired samples are tied to, in the colours of the target set.

The plain rendering of a mosaic is far from finished pictures in colour alone: the closed-form
transport of its colours to theirs, one affine map, takes most of that way without a pair.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.methods.processes import gathered
from restore_cli.transport.gaussian import transport_map

_RIDGE = 1e-6  # where pictures are nearly of one colour, rounding must not be taken for more


class ColourAnchor(nn.Module):
    """Colours of both sets, as long as it learns, and the Gaussian transport between them.

    Buffers, so that an interrupted run goes on with the same.

    Args:
        batches: how many it learns from; then it is fixed, and with it what a sample may cost.
        reduce: px that are averaged before colours are counted: noise is no colour.

    Raises:
        ValueError: fewer than one batch.
    """

    count: Tensor
    means: Tensor
    squares: Tensor
    matrix: Tensor
    offset: Tensor

    def __init__(self, *, batches: int, reduce: int = 4) -> None:
        super().__init__()
        if batches < 1:
            raise ValueError("the anchor needs one batch or more")
        self._batches, self._reduce = batches, reduce
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.register_buffer("means", torch.zeros(2, 3))
        self.register_buffer("squares", torch.zeros(2, 3, 3))
        self.register_buffer("matrix", torch.eye(3))
        self.register_buffer("offset", torch.zeros(3))

    @torch.no_grad()
    def learn(self, rendering: Tensor, real: Tensor) -> None:
        """Take in a batch of each set, (B, 3, H, W), and fit again, while it learns."""
        if int(self.count) >= self._batches:
            return
        self.count += 1
        for side, pictures in enumerate((rendering, real)):
            small = F.avg_pool2d(gathered(pictures.detach()).float(), self._reduce)
            pixels = small.movedim(1, -1).flatten(0, -2)
            # Running means over the batches, all of which count the same.
            self.means[side].lerp_(pixels.mean(dim=0), 1 / self.count)
            self.squares[side].lerp_(pixels.mT @ pixels / len(pixels), 1 / self.count)
        means, squares = self.means.cpu().double(), self.squares.cpu().double()
        spread = squares - means[:, :, None] * means[:, None, :]
        spread = spread + _RIDGE * torch.eye(3, dtype=torch.float64)
        found = transport_map(means[0], spread[0], means[1], spread[1])
        self.matrix.copy_(found.matrix)
        self.offset.copy_(found.offset)

    def forward(self, rendering: Tensor) -> Tensor:
        """Colour a rendering (B, 3, H, W); not clipped."""
        coloured = torch.einsum("oc,bchw->bohw", self.matrix, rendering)
        return coloured + self.offset.view(1, 3, 1, 1)
