"""What all-in-one networks say beside the picture: latents, and the degradation in them."""

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.networks.base import Network

_MOMENTUM = 0.99  # of the running means: some hundred batches back
_SHRINKAGE = 0.2  # of the spread within sources: keeps rare directions from being trusted
_LEAST = 1e-12  # variance; where the residuals of each source are all the same


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


class DegradationClassifier(nn.Module):
    """Tells the degradation of a picture by the residual of its latents.

    While a network learns, running means of its residuals follow it. When it has learnt, `fit`
    measures the residuals of the network that is kept, and from then on calling this names sources.
    All are buffers: checkpoints and exports carry them, no optimiser moves them.

    Args:
        names: of the sources, by label.
        channels: of the residuals.

    Raises:
        ValueError: a name stands twice.
    """

    means: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, names: tuple[str, ...], channels: int) -> None:
        super().__init__()
        if len(set(names)) != len(names):
            raise ValueError(f"sources {list(names)} name one twice")
        self.names = names
        self.register_buffer("means", torch.zeros(len(names), channels))
        self.register_buffer("weight", torch.zeros(len(names), channels))
        self.register_buffer("bias", torch.zeros(len(names)))

    @property
    def is_fitted(self) -> bool:
        """Whether it has learnt to name sources."""
        return bool(self.weight.any())

    @torch.no_grad()
    def follow(self, residual: Tensor, label: Tensor) -> None:
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
            (B, C), float32 or better; the plain means over places before `follow`.
        """
        return residual.float().mean(dim=(2, 3)) - self.means.float().mean(dim=0)

    @torch.no_grad()
    def fit(self, residuals: Tensor, label: Tensor) -> None:
        """Learn to name the sources of residuals; the means become those of these.

        Args:
            residuals: (N, C), means over places; rows that are not finite are left out.
            label: (N,) int64, every source at least once.

        Raises:
            ValueError: a source has no residual.
        """
        fit = residuals.isfinite().all(dim=1)
        points, label = residuals[fit].double(), label[fit]
        own = means_by_label(points, label, len(self.names))
        self.means.copy_(own)
        floor = _SHRINKAGE * (points - own[label]).square().mean() + _LEAST
        weight, bias = discriminant(points, label, len(self.names), floor=floor)
        self.weight.copy_(weight)
        # Of what `apart` leaves.
        self.bias.copy_(bias + weight @ own.mean(dim=0))

    @torch.no_grad()
    def calibrate(self, residuals: Tensor, label: Tensor) -> None:
        """Scale what was fitted until its certainty is right: of answers of 90 %, 90 % are right.

        A discriminant is too sure of points that are no Gaussians. One temperature is fitted by the
        likelihood (Guo et al., ICML 2017); what is likeliest stays so.

        Args:
            residuals: (N, C), means over places, others than `fit` saw.
            label: (N,) int64.
        """
        points = (residuals.float() - self.means.float().mean(dim=0)).double()
        told = F.linear(points, self.weight.double(), self.bias.double())
        tried = torch.logspace(-2, 1, 121, dtype=torch.float64)
        losses = torch.stack([F.cross_entropy(told * scale, label) for scale in tried])
        scale = float(tried[losses.argmin()])
        self.weight.mul_(scale)
        self.bias.mul_(scale)

    def forward(self, residual: Tensor) -> Tensor:
        """How likely residuals (B, C, h, w) are of each source: (B, K), rows sum to 1.

        Uniform before `fit`.
        """
        told = F.linear(self.apart(residual), self.weight.float(), self.bias.float())
        return told.softmax(dim=1)


def discriminant(
    points: Tensor, label: Tensor, classes: int, *, floor: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Linear discriminant analysis of classes that are equally likely (Fisher 1936).

    Gaussians of one covariance, that within the classes, have log-likelihoods whose differences
    are linear: those of `points @ weight.mT + bias`. Weights and biases have mean 0 over classes.

    Args:
        points: (N, C) float64.
        label: (N,) int64, every class at least once.
        classes: K.
        floor: variance that is added in every direction: what differs by less is not told apart.

    Returns:
        (K, C) and (K,).

    Raises:
        ValueError: a class has no point.
    """
    means = means_by_label(points, label, classes)
    within = points - means[label]
    covariance = within.mT @ within / len(points)
    covariance.diagonal().add_(floor)
    centre = means.mean(dim=0)
    apart = means - centre
    weight = torch.linalg.solve(covariance, apart.mT).mT
    bias = -0.5 * (weight * apart).sum(dim=1)
    bias = bias - bias.mean()
    return weight, bias - weight @ centre


def means_by_label(points: Tensor, label: Tensor, classes: int) -> Tensor:
    """(K, C), the means of points (N, C) by label.

    Raises:
        ValueError: a class has no point.
    """
    member = F.one_hot(label, classes).to(points.dtype)
    count = member.sum(dim=0)
    if not bool(count.all()):
        raise ValueError(f"no points of class {int(count.argmin())}")
    return member.mT @ points / count[:, None]


class LatentNetwork(Network):
    """A network that splits the latent of a picture into barycenter and residual.

    Attributes:
        latent_channels: of these.
        means: tells degradations by the residuals (named as in the weights of 0.1.0); None where
            the network was built without names of sources.
    """

    latent_channels: int
    means: DegradationClassifier | None

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        """Restore a batch, see `Network.forward`; it takes no level."""
        return self.decomposed(image, level, context=context).image

    @abstractmethod
    def decomposed(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Decomposed:
        """Restore a batch as `forward` does, and tell its latents."""


def degradation_classifier(network: Network) -> DegradationClassifier | None:
    """The part of a network that tells degradations by latents; None where it has none."""
    return network.means if isinstance(network, LatentNetwork) else None
