"""Learning to name the sources of samples, when a network has learnt all else."""

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor

from restore_cli.data.sample import Batch
from restore_cli.networks.guided_unet import GuidedUNet

_BATCHES = 300
NAMING_STEPS = 0.2 * _BATCHES
"""Steps that take about as long: only the encoder is run, and forward only."""
_HELD = 5  # every fifth batch calibrates


@torch.no_grad()
def learn_sources(network: GuidedUNet, batches: Iterable[Batch]) -> None:
    """Fit the network's classifier to what it sees in batches, and calibrate it on others.

    It names none where a source is so rare that these batches lack it.

    Args:
        network: averaged, in eval mode; built with names of sources, else nothing is done.
        batches: with `source`; of the sequence the first 300.
    """
    classifier = network.classifier
    if classifier is None:
        return
    seen: list[list[Tensor]] = [[], []]
    labels: list[list[Tensor]] = [[], []]
    for index, batch in enumerate(itertools.islice(batches, _BATCHES)):
        if batch.source is None:
            return
        part = int(index % _HELD == _HELD - 1)
        seen[part].append(network.seen(network.global_context(batch.image)).cpu())
        labels[part].append(batch.source.cpu())
    if not all(labels) or len(torch.cat(labels[0]).unique()) < len(classifier.names):
        return
    device = classifier.weight.device
    classifier.cpu()
    classifier.fit(torch.cat(seen[0]), torch.cat(labels[0]))
    classifier.calibrate(torch.cat(seen[1]), torch.cat(labels[1]))
    classifier.to(device)
