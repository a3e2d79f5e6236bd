"""Set target: what came before belongs to the photo."""

import math

import numpy as np
import torch

from restore_cli.degradations.noise import GaussianNoise
from restore_cli.degradations.rain import Rain
from restore_cli.degradations.sample import Sample
from restore_cli.degradations.set_target import SetTarget


def dirty(level: float = 0.1) -> Sample:
    clean = torch.rand(3, 9, 12, generator=torch.Generator().manual_seed(0))
    sample = Sample(image=clean, target=clean, noise=torch.zeros(1, 9, 12))
    return GaussianNoise(sigma=(level * 255, level * 255))(sample, np.random.default_rng(0))


def test_the_picture_so_far_becomes_the_target() -> None:
    sample = dirty(0.4)
    assert sample.image.min() < 0
    kept = SetTarget()(sample, np.random.default_rng(1))
    assert torch.equal(kept.target, sample.image.clamp(0, 1))
    assert torch.equal(kept.image, kept.target)
    assert kept.sigma == 0.0
    assert not kept.noise.any()
    assert sample.sigma > 0  # the sample that came in is as it was


def test_only_what_comes_after_is_to_be_removed() -> None:
    rng = np.random.default_rng(2)
    kept = SetTarget()(dirty(), rng)
    rainy = Rain(density=(5000.0, 5000.0), grains=(0.5, 0.5))(kept, rng)
    assert torch.equal(rainy.target, kept.target)
    assert (rainy.image - rainy.target).abs().max() > 0.01
    assert math.isnan(rainy.sigma)
