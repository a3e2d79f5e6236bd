"""Potentials on latents whose weighted sum is zero by construction (BaryIR)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_SLOPE = 0.2


class Potentials(nn.Module):
    """f_1 ... f_K on latents, with sum_k lambda_k f_k = 0 exactly.

    K free networks g_k, computed as one by grouped convolutions, and

        f_k = g_k - sum_j lambda_j g_j

    which has the sum 0 for any g, since the lambda sum to 1. The published code (BaryIR, Tang et
    al., arXiv 2602.23169) punishes the squared sum instead. Every g_k is the mean over places of
    strided convolutions, so that latents of any size fit; nothing is normalised: potentials must
    be free to take any value.

    Args:
        weights: lambda_k, above 0; they are divided by their sum.
        channels: of the latents.
        width: channels inside each g_k.
        layers: halvings of the size, one or more.
        positions: give the first layer two more channels, row and column from -1 to 1.
    """

    weights: Tensor

    def __init__(
        self,
        weights: Sequence[float],
        *,
        channels: int,
        width: int = 64,
        layers: int = 2,
        positions: bool = False,
    ) -> None:
        super().__init__()
        given = torch.tensor(weights, dtype=torch.float64)
        self.register_buffer("weights", (given / given.sum()).float())
        count = len(given)
        self._positions = positions
        seen = channels + 2 if positions else channels
        # All see the same latent, so the first layer needs no groups.
        rows: list[nn.Module] = [nn.Conv2d(seen, count * width, 3, stride=2, padding=1)]
        for _ in range(layers - 1):
            inner = nn.Conv2d(count * width, count * width, 3, stride=2, padding=1, groups=count)
            rows += [nn.LeakyReLU(_SLOPE), inner]
        last = nn.Conv2d(count * width, count, 1, groups=count)
        self.layers = nn.Sequential(*rows, nn.LeakyReLU(_SLOPE), last)

    def forward(self, latent: Tensor) -> Tensor:
        """Map (B, C, h, w) to f (B, K), float32 or better."""
        maps: Tensor = self.layers(_with_positions(latent) if self._positions else latent)
        free = (maps if maps.dtype == torch.float64 else maps.float()).mean(dim=(2, 3))
        # Twice: the second pass takes back what rounding left of the first. Not a matrix product,
        # which autocast would round.
        for _ in range(2):
            free = free - (free * self.weights).sum(dim=1, keepdim=True)
        return free


def _with_positions(latent: Tensor) -> Tensor:
    rows, columns = (
        torch.linspace(-1, 1, side, dtype=latent.dtype, device=latent.device)
        for side in latent.shape[-2:]
    )
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
    return torch.cat([latent, grid.expand(len(latent), -1, -1, -1)], dim=1)
