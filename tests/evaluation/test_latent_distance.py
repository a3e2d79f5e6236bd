"""Latent W2 as a metric of `restore eval`."""

import numpy as np
import pytest
import torch

from restore_cli.errors import RestoreError
from restore_cli.evaluation.latent_distance import LatentDistance
from restore_cli.evaluation.metrics import build
from restore_cli.transport.autoencoder import Identity

CPU = torch.device("cpu")


def _images(seed: int, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (0.5 + 0.1 * torch.randn(2, channels, 30, 20, generator=generator)).clamp(0, 1)


def test_a_shift_is_its_length_over_all_numbers_of_a_patch() -> None:
    distance = LatentDistance(Identity())
    distance.update(_images(0) * 0.5 + 0.2, _images(0) * 0.5)
    assert distance.compute() == pytest.approx(0.2 * np.sqrt(27), rel=1e-6)


def test_equal_sets_are_at_zero_whatever_the_batches_and_none_is_nan() -> None:
    distance = LatentDistance(Identity())
    assert np.isnan(distance.compute())
    distance.update(_images(0), _images(1))
    distance.update(_images(1), _images(0))
    assert distance.compute() == pytest.approx(0, abs=1e-6)


def test_grey_counts_as_three_equal_channels() -> None:
    grey, colour = LatentDistance(Identity()), LatentDistance(Identity())
    a, b = _images(0, 1), _images(1, 1) * 0.7
    grey.update(a, b)
    colour.update(a.expand(-1, 3, -1, -1), b.expand(-1, 3, -1, -1))
    assert grey.compute() == pytest.approx(colour.compute())
    with pytest.raises(RestoreError):
        grey.update(_images(0), _images(0)[..., :9])


def test_metrics_build_it_with_an_autoencoder_only() -> None:
    (metric,) = build(["latent-w2"], device=CPU, border=2, autoencoder=Identity())
    assert not metric.per_picture
    assert not metric.higher_is_better
    assert "identity" in metric.protocol
    assert "not squared" in metric.protocol
    assert "border 2 px cropped" in metric.protocol
    assert metric.update(_images(0), _images(1)) is None
    by_hand = LatentDistance(Identity())
    by_hand.update(_images(0)[..., 2:-2, 2:-2], _images(1)[..., 2:-2, 2:-2])
    assert metric.compute() == pytest.approx(by_hand.compute())
    with pytest.raises(RestoreError, match="needs an autoencoder"):
        build(["latent-w2"], device=CPU)
