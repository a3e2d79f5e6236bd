"""Turning: all eight ways, and all planes alike."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from restore_cli.degradations.blur import kernel_moments, shake_kernel
from restore_cli.degradations.sample import Sample
from restore_cli.degradations.turn import Turn


def test_all_eight_ways_are_drawn_and_all_planes_turn_alike(make: Callable[..., Sample]) -> None:
    sample = make(6, 6)
    sample = replace(sample, noise=sample.image[:1])
    seen: set[bytes] = set()
    for seed in range(80):
        turned = Turn(probability=1)(sample, np.random.default_rng(seed))
        assert torch.equal(turned.image, turned.target)
        assert torch.equal(turned.image[:1], turned.noise)
        seen.add(turned.image.numpy().tobytes())
    assert len(seen) == 8


def test_moments_of_a_blur_turn_with_it() -> None:
    kernel = shake_kernel(9, 0.5, np.random.default_rng(1))
    plane = torch.from_numpy(kernel)[None]
    sample = Sample(image=plane.expand(3, -1, -1), target=plane.expand(3, -1, -1), noise=plane,
                    blur=kernel_moments(kernel))  # fmt: skip
    for seed in range(16):
        turned = Turn(probability=1)(sample, np.random.default_rng(seed))
        np.testing.assert_allclose(
            turned.blur, kernel_moments(turned.noise[0].numpy()), rtol=1e-4, atol=1e-4
        )


def test_oblong_pictures_keep_their_shape_and_mosaics_their_colours(
    make: Callable[..., Sample],
) -> None:
    mosaic = replace(make(4, 4), matrix=torch.eye(3))
    for seed in range(10):
        rng = np.random.default_rng(seed)
        assert Turn(probability=1)(make(4, 6), rng).image.shape == (3, 4, 6)
        assert Turn(probability=1)(mosaic, rng) is mosaic


def test_half_of_the_samples_are_drawn(make: Callable[..., Sample]) -> None:
    rng, sample = np.random.default_rng(0), make(3, 3)
    kept = sum(Turn(probability=0.5)(sample, rng) is sample for _ in range(400))
    assert 160 < kept < 240
