"""PReNet (Ren et al., CVPR 2019), as published: what `derain` is timed beside.

Weights are not at hand: they are drawn, which the time does not depend on.
"""

import torch
from torch import Tensor, nn

STAGES = 6
CHANNELS = 32
BLOCKS = 5


class PReNet(nn.Module):
    """Six times the same network: a recurrent convolution, then five residual blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(6, CHANNELS, 3, padding=1), nn.ReLU())
        # The four gates of a convolutional LSTM: input, forget, cell, output.
        self.gates = nn.Conv2d(2 * CHANNELS, 4 * CHANNELS, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                *(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.ReLU()),
                *(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.ReLU()),
            )
            for _ in range(BLOCKS)
        )
        self.last = nn.Conv2d(CHANNELS, 3, 3, padding=1)

    def forward(self, rainy: Tensor) -> Tensor:
        """Map (B, 3, H, W) in [0, 1] to the same shape."""
        shape = (len(rainy), CHANNELS, *rainy.shape[2:])
        found, state, cell = rainy, rainy.new_zeros(shape), rainy.new_zeros(shape)
        for _ in range(STAGES):
            seen = self.first(torch.cat([rainy, found], dim=1))
            told = self.gates(torch.cat([seen, state], dim=1)).chunk(4, dim=1)
            taken, kept, shown = (gate.sigmoid() for gate in (told[0], told[1], told[3]))
            cell = kept * cell + taken * told[2].tanh()
            state = shown * cell.tanh()
            x = state
            for block in self.blocks:
                x = (block(x) + x).relu()
            found = self.last(x) + rainy
        return found
