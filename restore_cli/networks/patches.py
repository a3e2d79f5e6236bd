"""Features of places inside a network: drawing them, heads over them, and what they speak of."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.networks.blocks import OrthogonalLinear


class PatchHeads(nn.Module):
    """A two-layer head for each feature layer: features of places to unit vectors.

    Args:
        channels: of the feature layers, as the network declares them in `feature_channels`.
        features: length of the vectors.
        orthogonal: let both layers be matrices with orthonormal columns (or rows) and no bias, to
            be moved on the Stiefel manifold (ODCR, Wang et al., CVPR 2024).
    """

    def __init__(
        self, channels: Sequence[int], *, features: int = 256, orthogonal: bool = False
    ) -> None:
        super().__init__()
        linear = OrthogonalLinear if orthogonal else nn.Linear
        self.layers = nn.ModuleList(
            nn.Sequential(linear(count, features), nn.ReLU(), linear(features, features))
            for count in channels
        )

    def forward(self, patches: Sequence[Tensor]) -> list[Tensor]:
        """Map (B, P, C_i) for each feature layer to (B, P, features) of length one."""
        return [
            F.normalize(layer(patch), dim=-1)
            for layer, patch in zip(self.layers, patches, strict=True)
        ]


class FeatureClassifier(nn.Module):
    """Which channels of a feature speak of haze, and which of its absence (ODCR).

    For each feature layer two vectors, theta_h and theta_c, score a feature x by theta.x; what each
    channel gives to a score is |theta * x|, and its softmax over channels the channel's weight.
    It begins almost without an opinion: all channels weigh the same.

    Args:
        layers: how many feature layers.
        features: length of their vectors.
    """

    def __init__(self, layers: int, *, features: int = 256) -> None:
        super().__init__()
        self.theta = nn.Parameter(0.01 * torch.randn(layers, 2, features))

    def forward(self, vectors: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Score and weigh features.

        Args:
            vectors: (B, P, features) for each layer.

        Returns:
            For each layer the scores (B, P, 2), as logits of "hazy" and of "clear", and the
            weights (2, B, P, features) that sum to one over the channels.
        """
        answers: list[tuple[Tensor, Tensor]] = []
        for theta, vector in zip(self.theta, vectors, strict=True):
            parts = theta[:, None, None, :] * vector
            answers.append((parts.sum(dim=-1).movedim(0, -1), parts.abs().softmax(dim=-1)))
        return answers


def draw_patch_ids(features: Sequence[Tensor], number: int) -> list[Tensor]:
    """Random places of each map, without repetition, at most `number`, from torch's generator.

    Args:
        features: maps (B, C, h, w).
        number: how many.

    Returns:
        For each map indices (P,) into its h w places.
    """
    sizes = [feature.shape[-2] * feature.shape[-1] for feature in features]
    return [
        torch.randperm(size)[: min(number, size)].to(feature.device)
        for size, feature in zip(sizes, features, strict=True)
    ]


def gather_patches(features: Sequence[Tensor], patch_ids: Sequence[Tensor]) -> list[Tensor]:
    """The features at these places: maps (B, C, h, w) and indices (P,) to (B, P, C)."""
    return [
        feature.flatten(2).index_select(2, ids).transpose(1, 2)
        for feature, ids in zip(features, patch_ids, strict=True)
    ]
