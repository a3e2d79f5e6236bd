"""Mean and covariance of all overlapping patches of any number of latents, in one pass."""

import torch
from torch import Tensor
from torch.nn import functional as F

_BAND_VALUES = 1 << 22
"""Patch values unfolded at a time: 32 MB in float64, whatever the picture's size."""


class Moments:
    """Streaming mean and scatter of p x p patches, in float64 on the CPU.

    Patches overlap, there is no padding. Sums are kept around their own mean and joined by the
    pairwise formula of Chan, Golub, LeVeque (1983), so that a large mean costs no digits, and any
    split over processes gives the same result.

    Args:
        channels: C of the latents.
        patch: p, the side of a patch.

    Attributes:
        count: patches so far.
        pictures: latents so far that held a patch.
        mean: (D,), D = C p p, in the order of `torch.nn.functional.unfold`.
        scatter: (D, D), the sum of squared deviations.

    Raises:
        ValueError: `channels` or `patch` is below 1.
    """

    def __init__(self, channels: int, patch: int) -> None:
        if channels < 1 or patch < 1:
            raise ValueError(f"channels {channels} and patch {patch} must be 1 or more")
        self.channels, self.patch = channels, patch
        size = channels * patch * patch
        self.count, self.pictures = 0, 0
        self.mean = torch.zeros(size, dtype=torch.float64)
        self.scatter = torch.zeros(size, size, dtype=torch.float64)

    @property
    def covariance(self) -> Tensor:
        """(D, D), scatter / count; zero of no patches."""
        return self.scatter / max(1, self.count)

    def update(self, latents: Tensor) -> int:
        """Take in latents.

        Args:
            latents: (B, C, h, w), any float type and device; finite.

        Returns:
            How many patches that were; 0 where a side is shorter than a patch.

        Raises:
            ValueError: another number of channels, or values that are not finite.
        """
        if latents.ndim != 4 or latents.shape[1] != self.channels:
            raise ValueError(f"expected (B, {self.channels}, h, w), got {tuple(latents.shape)}")
        if min(latents.shape[-2:]) < self.patch:
            return 0
        if not bool(torch.isfinite(latents).all()):
            raise ValueError("the latents are not finite")
        before = self.count
        rows = latents.shape[2] - self.patch + 1
        columns = latents.shape[3] - self.patch + 1
        band = max(1, _BAND_VALUES // (columns * len(self.mean)))
        for picture in latents.detach().cpu():
            for top in range(0, rows, band):
                part = picture[:, top : min(top + band, rows) + self.patch - 1]
                self._add(F.unfold(part[None].double(), self.patch)[0])
        self.pictures += len(latents)
        return self.count - before

    def merge(self, other: "Moments") -> None:
        """Take in all that another one has seen.

        Raises:
            ValueError: it is of other channels or patches.
        """
        if (other.channels, other.patch) != (self.channels, self.patch):
            raise ValueError("moments of other channels or patches")
        self._join(other.count, other.mean, other.scatter)
        self.pictures += other.pictures

    def towards(self, other: "Moments", share: float) -> "Moments":
        """These moments moved towards another's: a new one, with this one's counts.

        Args:
            other: of the same channels and patch.
            share: 0 gives these, 1 the other's mean and covariance.

        Raises:
            ValueError: it is of other channels or patches.
        """
        if (other.channels, other.patch) != (self.channels, self.patch):
            raise ValueError("moments of other channels or patches")
        moved = Moments(self.channels, self.patch)
        moved.count, moved.pictures = self.count, self.pictures
        moved.mean = torch.lerp(self.mean, other.mean, share)
        moved.scatter = torch.lerp(self.covariance, other.covariance, share) * self.count
        return moved

    def _add(self, patches: Tensor) -> None:
        """Take in (D, N) patches."""
        mean = patches.mean(dim=1)
        centred = patches - mean[:, None]
        self._join(patches.shape[1], mean, centred @ centred.mT)

    def _join(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        if not count:
            return
        total = self.count + count
        shift = mean - self.mean
        self.scatter += scatter + torch.outer(shift, shift) * (self.count * count / total)
        self.mean += shift * (count / total)
        self.count = total
