"""What all-in-one networks say beside the picture: latents, and the degradation in them."""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_MOMENTUM = 0.99  # of the running means: some hundred batches back
_TEMPERATURE = 0.07  # of the contrast that sets residuals apart (METHODS of BaryIR)


class Decomposed(NamedTuple):
    """A restored picture, and how the network saw its input.

    Attributes:
        image: (B, 3, H, W), not clamped.
        source: (B, C, h, w), the latent z_k of the input.
        barycenter: (B, C, h, w), z_b = B(z_k), which should be the same whatever the degradation.
        residual: (B, C, h, w), z_k - z_b, which should say the degradation.
    """

    image: Tensor
    source: Tensor
    barycenter: Tensor
    residual: Tensor


class ResidualMeans(nn.Module):
    """Running means of the residuals of each source, by which a degradation is recognised.

    They are buffers: checkpoints and exports carry them, no optimiser moves them.

    Args:
        names: of the sources, by label.
        channels: of the residuals.

    Raises:
        ValueError: a name stands twice.
    """

    means: Tensor

    def __init__(self, names: tuple[str, ...], channels: int) -> None:
        super().__init__()
        if len(set(names)) != len(names):
            raise ValueError(f"sources {list(names)} name one twice")
        self.names = names
        self.register_buffer("means", torch.zeros(len(names), channels))

    @torch.no_grad()
    def note(self, residual: Tensor, label: Tensor) -> None:
        """Move the means towards a batch; residuals that are not finite are left out.

        Args:
            residual: (B, C, h, w).
            label: (B,) int64, index into `names`.
        """
        pooled = residual.float().mean(dim=(2, 3))
        fit = pooled.isfinite().all(dim=1)
        member = F.one_hot(label[fit], len(self.names)).to(pooled.dtype)
        count = member.sum(dim=0)[:, None]
        found = member.mT @ pooled[fit] / count.clamp(min=1)
        moved = self.means.lerp(found.to(self.means.dtype), 1 - _MOMENTUM)
        # All means begin at 0; no correction, since nothing is told apart so early.
        self.means.copy_(torch.where(count > 0, moved, self.means))

    def apart(self, residual: Tensor) -> Tensor:
        """What sets residuals (B, C, h, w) apart: their means over places, less what all share.

        What all share is far more than what tells them apart: all cosines would be nearly 1.

        Returns:
            (B, C), float32 or better; the plain means over places before `note`.
        """
        return residual.float().mean(dim=(2, 3)) - self.means.float().mean(dim=0)

    def forward(self, residual: Tensor) -> Tensor:
        """How well residuals (B, C, h, w) agree with each source: (B, K), rows sum to 1.

        The softmax of the cosines of what sets them apart, at the temperature of the contrast;
        uniform before `note`.
        """
        means = self.means.float()
        known = F.normalize(means - means.mean(dim=0), dim=1)
        return (F.normalize(self.apart(residual), dim=1) @ known.mT / _TEMPERATURE).softmax(dim=1)


def source_means(network: nn.Module) -> ResidualMeans | None:
    """The part of a network that names degradations; None where it has none."""
    return cast("ResidualMeans | None", getattr(network, "means", None))
