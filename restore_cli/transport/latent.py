"""Deep optimal transport: restored pictures moved to where natural ones are, in latent space.

Adrai, Ohayon, Elad, Michaeli, "Deep Optimal Transport: A Practical Algorithm for Photo-realistic
Image Restoration", NeurIPS 2023. The patches of the latents of restored and of natural pictures
are taken for two Gaussians; the optimal map between them is applied to every overlapping patch.
"""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.errors import RestoreError
from restore_cli.transport.autoencoder import Autoencoder
from restore_cli.transport.correction import Correction
from restore_cli.transport.folding import FoldedMap, patch_noise
from restore_cli.transport.gaussian import GaussianMap, squared_wasserstein, transport_map
from restore_cli.transport.moments import Moments

Side = Literal["restored", "natural"]
Space = Literal["image", "latent"]
Decoding = Literal["residual", "plain"]


def latent_distance(a: Moments, b: Moments) -> float:
    """2-Wasserstein distance (not squared) of two sets of patches, taken for Gaussians.

    In units of the latents, for whole patches; nan where a side has no patch.
    """
    if not (a.count and b.count):
        return float("nan")
    return float(squared_wasserstein(a.mean, a.covariance, b.mean, b.covariance).sqrt())


class LatentTransport:
    """Statistics of both sides, the map between them, and its application.

    Args:
        autoencoder: pictures to latents and back.
        patch: side of the patches, in latents.
        shrinkage: how far the natural side's moments are taken towards the restored side's before
            the map is computed: 0 is the plain map, 1 the identity. Of few pictures the moments
            are uncertain; a part of the way is then closer to the truth (ours).

    Attributes:
        restored: what has been seen of restored pictures.
        natural: what has been seen of natural ones.

    Raises:
        ValueError: `shrinkage` is not within 0 and 1.
    """

    def __init__(self, autoencoder: Autoencoder, *, patch: int = 3, shrinkage: float = 0.0) -> None:
        self.autoencoder, self.patch = autoencoder, patch
        self.shrinkage = shrinkage
        self.restored = Moments(autoencoder.channels, patch)
        self.natural = Moments(autoencoder.channels, patch)
        self._map: GaussianMap | None = None
        self._folded: FoldedMap | None = None
        self._source = "the fit"

    @property
    def shrinkage(self) -> float:
        """See the argument; setting it makes the map anew."""
        return self._shrinkage

    @shrinkage.setter
    def shrinkage(self, share: float) -> None:
        """Raise ValueError outside of [0, 1]."""
        if not 0 <= share <= 1:
            raise ValueError(f"shrinkage is {share}; it must be within 0 and 1")
        self._shrinkage = share
        self._map = self._folded = None

    def update(self, images: Tensor, side: Side) -> int:
        """Take in pictures of one side.

        Args:
            images: (B, 3, H, W) float32 in [0, 1].
            side: "restored" or "natural".

        Returns:
            How many patches that were; 0 for pictures smaller than a patch.
        """
        return self.take(self.autoencoder.encode(images), side)

    def take(self, latents: Tensor, side: Side) -> int:
        """Take in latents (B, C, h, w) of one side; as `update`."""
        self._map = self._folded = None
        return (self.restored if side == "restored" else self.natural).update(latents)

    def merge(self, other: "LatentTransport") -> None:
        """Take in all that another process has seen.

        Raises:
            RestoreError: it is of another autoencoder or patch.
        """
        if (other.autoencoder.sha256, other.patch) != (self.autoencoder.sha256, self.patch):
            raise RestoreError("statistics of another autoencoder or patch size cannot be added")
        self._map = self._folded = None
        self.restored.merge(other.restored)
        self.natural.merge(other.natural)

    def compute(self) -> GaussianMap:
        """The map from the restored to the natural side.

        Raises:
            RestoreError: a side has no patch, or numbers of no distribution.
        """
        if self._map is not None:
            return self._map
        for side, moments in (("restored", self.restored), ("natural", self.natural)):
            if not moments.count:
                least = self.patch * self.autoencoder.factor
                raise RestoreError(
                    f"no {side} picture to fit to",
                    hint=f"at least one must be {least} px or more on each side",
                )
        a = self.restored
        b = self.natural.towards(a, self.shrinkage) if self.shrinkage else self.natural
        try:
            made = transport_map(a.mean, a.covariance, b.mean, b.covariance)
        except RuntimeError as error:  # torch's LinAlgError: files may hold any numbers
            raise self._without_map(str(error)) from error
        if not bool(torch.isfinite(made.matrix).all()):
            raise self._without_map("it is not finite")
        self._map = made
        return made

    def _without_map(self, why: str) -> RestoreError:
        return RestoreError(
            f"{self._source}: no transport follows from its statistics: {why}", hint="fit it again"
        )

    def distance(self) -> float:
        """The latent W2 between the two sides, before any correction."""
        return latent_distance(self.restored, self.natural)

    def transport(self, latents: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Map every overlapping patch and average, as a convolution.

        Borders are repeated by half a patch first, as the reference code does: what lies at the
        border is then in as many patches that look beyond it as in others.

        Where the restored side has no variance and the natural one has, noise of the missing
        covariance is added.

        Args:
            latents: (B, C, h, w).
            generator: on the CPU, of that noise.

        Returns:
            (B, C, h, w) float32, or float64 for latents in it.
        """
        fitted = self.compute()
        dtype = torch.float64 if latents.dtype == torch.float64 else torch.float32
        if self._folded is None or self._folded.dtype != dtype:
            channels = self.autoencoder.channels
            self._folded = FoldedMap(fitted.matrix, fitted.offset, channels=channels, dtype=dtype)
        moved = self._folded(_continued(latents, self.patch // 2))
        height, width = latents.shape[-2:]
        start = self.patch // 2
        moved = moved[..., start : start + height, start : start + width].contiguous()
        if fitted.noisy:
            moved += patch_noise(fitted.noise_root, moved, generator=generator)
        return moved

    def apply(
        self,
        images: Tensor,
        alpha: float = 0.0,
        *,
        space: Space = "image",
        decoding: Decoding = "residual",
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Correct pictures.

        Args:
            images: (B, 3, H, W) float32 in [0, 1].
            alpha: 0 is the full transport, 1 the picture as it is; others extrapolate.
            space: where to interpolate: "image" (exact at 1, whatever the autoencoder), or
                "latent", T_alpha = (1 - alpha) T + alpha I.
            decoding: "plain" is the paper's decode(T z); "residual" is ours,
                image + decode(T z) - decode(z), which keeps what the autoencoder cannot represent.
            generator: on the CPU, of the noise for singular sources.

        Returns:
            (B, 3, H, W) float32, not clamped.
        """
        latents = self.autoencoder.encode(images)
        moved = self.transport(latents, generator=generator).to(latents.dtype)
        if space == "latent":
            moved = torch.lerp(moved, latents, alpha)
        size = (images.shape[-2], images.shape[-1])
        change = self.autoencoder.decode(moved, size)
        change = change - (
            self.autoencoder.decode(latents, size) if decoding == "residual" else images
        )
        return images + (change if space == "latent" else (1.0 - alpha) * change)

    def save(self, path: Path) -> None:
        """Write all statistics. Raises RestoreError where that is not possible."""
        its = self.autoencoder
        Correction(
            its.name,
            its.sha256,
            its.factor,
            self.restored,
            self.natural,
            shrinkage=self.shrinkage,
        ).write(path)

    @classmethod
    def load(cls, path: Path, autoencoder: Autoencoder) -> "LatentTransport":
        """Read what `save` wrote.

        Raises:
            RestoreError: the file is damaged, or was fitted with another autoencoder.
        """
        return cls.of(Correction.read(path), autoencoder, source=str(path))

    @classmethod
    def of(cls, kept: Correction, autoencoder: Autoencoder, *, source: str) -> "LatentTransport":
        """Go on from statistics that were kept; `source` names them in errors.

        Raises:
            RestoreError: they are of another autoencoder.
        """
        same = kept.sha256 == autoencoder.sha256
        if not same or kept.restored.channels != autoencoder.channels:
            why = "with other weights" if kept.autoencoder == autoencoder.name else "another one"
            raise RestoreError(
                f"{source} was fitted with the autoencoder {kept.autoencoder!r} (sha256 "
                f"{kept.sha256[:12]}); {autoencoder.name!r} is {why} ({autoencoder.sha256[:12]})",
                hint="give the autoencoder that it was fitted with to --vae, or fit it again",
            )
        transport = cls(autoencoder, patch=kept.restored.patch, shrinkage=kept.shrinkage)
        transport.restored, transport.natural = kept.restored, kept.natural
        transport._source = source
        return transport


def _continued(latents: Tensor, by: int) -> Tensor:
    """Repeat the border of (B, C, h, w) by so many places on every side."""
    return F.pad(latents, (by, by, by, by), mode="replicate") if by else latents
