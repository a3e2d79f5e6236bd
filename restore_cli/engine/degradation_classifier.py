"""The degradation that an all-in-one network saw in a picture, for programs."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from restore_cli.networks.latents import ResidualMeans, source_means


def namer(network: nn.Module) -> ResidualMeans | None:
    """The part of a network that names degradations, where training has taught it any."""
    means = source_means(network)
    return means if means is not None and bool(means.weight.any()) else None


def degradation(means: ResidualMeans, heard: Sequence[Tensor]) -> dict[str, object]:
    """What windows say of themselves, on average.

    Args:
        means: of the network, with the sources' names.
        heard: how likely each source is by windows, (B, K) each, at least one.

    Returns:
        `degradation`, the likeliest source, and `degradations`, the share of each, sum 1.
    """
    shares = torch.cat(list(heard)).mean(dim=0).tolist()
    likely = dict(zip(means.names, shares, strict=True))
    return {
        "degradation": max(likely, key=likely.__getitem__),
        "degradations": {name: round(share, 4) for name, share in likely.items()},
    }
