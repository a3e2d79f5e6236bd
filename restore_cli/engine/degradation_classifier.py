"""The degradation that an all-in-one network saw in a picture, for programs."""

from collections.abc import Sequence

import torch
from torch import Tensor

from restore_cli.networks.base import Network
from restore_cli.networks.latents import DegradationClassifier, degradation_classifier


def trained_classifier(network: Network) -> DegradationClassifier | None:
    """The part of a network that tells degradations, where training has taught it any."""
    classifier = degradation_classifier(network)
    return classifier if classifier is not None and classifier.is_fitted else None


def degradation(
    classifier: DegradationClassifier, probabilities: Sequence[Tensor]
) -> dict[str, object]:
    """The mean over the windows of a picture, or over its parts.

    Args:
        classifier: of the network, with the sources' names.
        probabilities: how likely each source is by windows, (B, K) each, at least one.

    Returns:
        `degradation`, the likeliest source, and `degradations`, the share of each, sum 1.
    """
    shares = torch.cat(list(probabilities)).mean(dim=0).tolist()
    likely = dict(zip(classifier.names, shares, strict=True))
    return {
        "degradation": max(likely, key=likely.__getitem__),
        "degradations": {name: round(share, 4) for name, share in likely.items()},
    }
