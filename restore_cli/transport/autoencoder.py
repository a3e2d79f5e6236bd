"""What a latent transport needs of an autoencoder, and the one that needs no weights."""

from typing import Protocol

import torch
from torch import Tensor

from restore_cli.errors import RestoreError


class Autoencoder(Protocol):
    """Pictures of any size to latents and back.

    Attributes:
        name: what `--vae` finds it by.
        sha256: of its weights, hexadecimal: statistics of other latents must not be mixed.
        channels: C of the latents.
        factor: px of the picture for each latent, along each side.
    """

    name: str
    sha256: str
    channels: int
    factor: int

    def encode(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) float32 in [0, 1] to (B, C, ceil(H / factor), ceil(W / factor))."""
        ...

    def sample(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Draw latents from the posterior, of which `encode` gives the mean.

        Args:
            images: as for `encode`.
            generator: on the CPU.

        Raises:
            RestoreError: the autoencoder gives no posterior.
        """
        ...

    def decode(self, latents: Tensor, size: tuple[int, int]) -> Tensor:
        """Map latents back to (B, 3, H, W) of `size`, nominally in [0, 1], not clamped."""
        ...


class Identity:
    """Pixels as latents: exact, without weights; transports colour and local sharpness."""

    name = "identity"
    sha256 = "identity"
    channels = 3
    factor = 1

    def encode(self, images: Tensor) -> Tensor:
        """Return the pictures."""
        return images

    def sample(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Refuse: pixels are certain."""
        raise RestoreError(
            "the autoencoder 'identity' has no posterior to draw from",
            hint="leave --sample away, or name a variational autoencoder with --vae",
        )

    def decode(self, latents: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the latents, cut to `size`."""
        return latents[..., : size[0], : size[1]]
