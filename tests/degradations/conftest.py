"""Samples that every degradation is tried on."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.sample import Degradation, Sample

Make = Callable[..., Sample]
Contract = Callable[[Degradation, tuple[int, int]], Sample]


def _sample(*size: int, seed: int = 0) -> Sample:
    pixels = np.random.default_rng(seed).random((3, *size), dtype=np.float32)
    clean = torch.from_numpy(pixels)
    return Sample(image=clean, target=clean.clone(), noise=torch.zeros(1, *size))


@pytest.fixture
def make() -> Make:
    """Random pixels of a size as a sample that nothing has happened to."""
    return _sample


@pytest.fixture
def keeps_contract() -> Contract:
    """Applies a step; same seed same sample, shapes, ranges, and nothing changed in place."""

    def check(step: Degradation, size: tuple[int, int]) -> Sample:
        sample = _sample(*size)
        copies = [t.clone() for t in (sample.image, sample.target, sample.noise)]
        once, again = (step(sample, np.random.default_rng(5)) for _ in range(2))
        for before, after in zip(copies, (sample.image, sample.target, sample.noise), strict=True):
            assert torch.equal(before, after)
        for first, second in ((once.image, again.image), (once.target, again.target)):
            assert torch.equal(first, second)
            assert first.shape == (3, *size)
            assert first.dtype == torch.float32
            assert first.isfinite().all()
            assert first.min() >= 0
            assert first.max() <= 1
        return once

    return check
