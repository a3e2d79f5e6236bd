"""Features of places inside a network: drawing them, heads over them, and what they speak of."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.networks.blocks import OrthogonalLinear
from restore_cli.networks.draws import mean_of_all

_SMALLEST = 1e-6


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

    def linear(self, index: int) -> Tensor:
        """The product of a layer's two matrices, (features, C_i), as if nothing bent in between."""
        first, _, second = cast("nn.Sequential", self.layers[index])
        return cast("Tensor", second.weight) @ cast("Tensor", first.weight)

    def forward(self, patches: Sequence[Tensor]) -> list[Tensor]:
        """Map (B, P, C_i) for each feature layer to (B, P, features) of length one."""
        return [
            F.normalize(layer(patch), dim=-1)
            for layer, patch in zip(self.layers, patches, strict=True)
        ]


class FeatureClassifier(nn.Module):
    """Which channels of a feature speak of haze, and which of its absence (ODCR).

    For each feature layer two vectors, theta_h and theta_c, score a tapped feature x by theta.x;
    what a channel gives to a score is |theta * x|, and its softmax over channels the channel's
    weight. The heads compare features in channels of their own, so what a channel gives is read
    there (ours): with Theta the product of a head's matrices, theta.x = (Theta theta).(Theta x) as
    long as its columns are orthonormal, and the weights are of |Theta theta * Theta x|.

    Of numbers of order .1 a softmax is flat and the weights say nothing; they are standardised over
    the channels first, and divided by a temperature (ours).

    Args:
        channels: of the feature layers.
        temperature: of the weights, above 0: small ones weigh few channels.

    Raises:
        ValueError: `temperature` is not above 0.
    """

    def __init__(self, channels: Sequence[int], *, temperature: float = 0.5) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError("the temperature of the weights must be above 0")
        self.theta = nn.ParameterList(0.01 * torch.randn(2, count) for count in channels)
        self.bias = nn.Parameter(torch.zeros(len(channels), 2))
        self._temperature = temperature

    def forward(
        self, patches: Sequence[Tensor], heads: Sequence[Tensor]
    ) -> list[tuple[Tensor, Tensor]]:
        """Score and weigh features.

        Args:
            patches: (B, P, C_i) for each layer, as tapped; no gradient flows to them.
            heads: (features, C_i) for each layer, Theta; likewise.

        Returns:
            For each layer the scores (B, P, 2), as logits of "hazy" and of "clear", and the
            weights (2, B, P, features) that sum to one over the channels and take no gradient:
            what is contrasted must not teach which side a feature is from.
        """
        answers: list[tuple[Tensor, Tensor]] = []
        for theta, bias, patch, head in zip(self.theta, self.bias, patches, heads, strict=True):
            # Tapped features have any scale; one number for the layer leaves them comparable.
            x = patch.detach() / mean_of_all(patch.square()).sqrt().clamp(min=_SMALLEST)
            scores = x @ theta.mT + bias
            with torch.no_grad():
                parts = ((theta @ head.mT)[:, None, None, :] * (x @ head.mT)).abs()
                spread = parts.std(dim=-1, keepdim=True).clamp(min=_SMALLEST)
                even = (parts - parts.mean(dim=-1, keepdim=True)) / spread
                weights = (even / self._temperature).softmax(dim=-1)
            answers.append((scores, weights))
        return answers


class KeyBank(nn.Module):
    """The latest keys of earlier pictures, for each feature layer: external negatives (CUT, eq. 4).

    Buffers, so that an interrupted run goes on with the same.

    Args:
        layers: how many feature layers.
        size: keys of each.
        features: their length.
    """

    def __init__(self, layers: int, *, size: int, features: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(layers, size, features))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    keys: Tensor
    count: Tensor

    def of(self, layer: int) -> Tensor:
        """(N, features), as many as there are; none at first."""
        return self.keys[layer, : int(self.count)].clone()

    @torch.no_grad()
    def push(self, keys: Sequence[Tensor]) -> None:
        """Take in keys (B, P, features) of each layer; the oldest leave."""
        size = self.keys.shape[1]
        for layer, found in enumerate(keys):
            fresh = found.detach().float().flatten(0, 1)[:size]
            kept = self.keys[layer, : size - len(fresh)].clone()
            self.keys[layer] = torch.cat([fresh, kept])
        number = min(size, *(found.shape[0] * found.shape[1] for found in keys))
        self.count.add_(number).clamp_(max=size)


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
