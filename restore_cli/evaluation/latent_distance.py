"""Latent W2: how far the patches of outputs are from those of references, as distributions.

Needs no Inception network and few pictures: the statistics of Adrai et al. (NeurIPS 2023), the
distance of Gelbrich (1990).
"""

import torch
from torch import Tensor

from restore_cli.evaluation.fidelity import check_shapes
from restore_cli.transport.autoencoder import Autoencoder
from restore_cli.transport.latent import latent_distance
from restore_cli.transport.moments import Moments

PATCH = 3
"""Side of the patches in latents, as `restore ot-correct fit` has it by default."""


class LatentDistance:
    """2-Wasserstein distance between Gaussians fitted to the latents' patches of two sets.

    Args:
        autoencoder: pictures to latents.
    """

    def __init__(self, autoencoder: Autoencoder) -> None:
        self._autoencoder = autoencoder
        self._sides = [Moments(autoencoder.channels, PATCH) for _ in range(2)]

    @property
    def protocol(self) -> str:
        """What must be the same for two numbers to be comparable."""
        its = self._autoencoder
        return (
            f"W2, not squared, of Gaussians fitted to all {PATCH}x{PATCH} patches of latents; RGB; "
            f"autoencoder {its.name}, {its.channels} channels, 1/{its.factor} size, "
            f"sha256 {its.sha256[:8]}"
        )

    @torch.no_grad()
    def update(self, output: Tensor, reference: Tensor) -> None:
        """Take in a batch of both sets, as `InceptionDistance.update` does."""
        check_shapes(output, reference)
        for moments, images in zip(self._sides, (output, reference), strict=True):
            rgb = images.cpu().float().clamp(0, 1).expand(-1, 3, -1, -1)
            moments.update(self._autoencoder.encode(rgb))

    def compute(self) -> float:
        """The distance of all that was taken in; nan if no picture held a patch."""
        return latent_distance(*self._sides)
