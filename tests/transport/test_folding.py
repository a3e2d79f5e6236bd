"""The folded map against explicit unfold, map and fold."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.transport import folding as module
from restore_cli.transport.folding import FoldedMap, coverage, map_patches, patch_noise


def _explicit(x: Tensor, matrix: Tensor, offset: Tensor, patch: int) -> Tensor:
    size = (x.shape[2], x.shape[3])
    count = F.fold(F.unfold(torch.ones_like(x), patch), size, patch)
    return F.fold(matrix @ F.unfold(x, patch) + offset[:, None], size, patch) / count


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def test_whole_picture_with_borders_equals_explicit_patches_at_random_sizes() -> None:
    rng = np.random.default_rng(1)
    for trial in range(60):
        channels = int(rng.choice([1, 2, 3, 5, 8, 11]))  # above 8 rows are not paired
        patch = int(rng.integers(1, 6 if channels < 8 else 4))
        height, width = (int(v) for v in rng.integers(patch, 34, 2))
        size = channels * patch**2
        matrix, offset = _random(size, size, seed=trial), _random(size, seed=trial)
        x = _random(2, channels, height, width, seed=trial)
        exact = _explicit(x, matrix, offset, patch)
        folded = FoldedMap(matrix, offset, channels=channels, dtype=torch.float64)(x)
        for made in (folded, map_patches(x, matrix, offset)):
            assert float((made - exact).abs().max()) <= 1e-9 * float(exact.abs().max())


def test_identity_map_changes_nothing() -> None:
    x = _random(1, 4, 21, 8)
    made = FoldedMap(torch.eye(36).double(), torch.zeros(36).double(), channels=4)(x)
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, x.float())


def test_float32_is_close_to_float64() -> None:
    matrix, offset, x = _random(36, 36), _random(36), _random(1, 4, 40, 30)
    exact = FoldedMap(matrix, offset, channels=4, dtype=torch.float64)(x)
    single = FoldedMap(matrix, offset, channels=4)(x)
    assert float((single - exact).abs().max()) <= 1e-5 * float(exact.abs().max())


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (40, 1), (3, 4)])
def test_latents_smaller_than_a_patch_keep_their_size(size: tuple[int, int]) -> None:
    matrix, offset = _random(36, 36), _random(36)
    x = _random(1, 4, *size)
    made = FoldedMap(matrix, offset, channels=4, dtype=torch.float64)(x)
    assert made.shape == x.shape
    pad = (0, max(0, 3 - size[1]), 0, max(0, 3 - size[0]))
    exact = _explicit(F.pad(x, pad, mode="replicate"), matrix, offset, 3)
    torch.testing.assert_close(made, exact[..., : size[0], : size[1]])


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="square patch"):
        FoldedMap(torch.eye(35).double(), torch.zeros(35).double(), channels=4)
    folded = FoldedMap(torch.eye(36).double(), torch.zeros(36).double(), channels=4)
    with pytest.raises(ValueError, match="expected"):
        folded(torch.zeros(1, 3, 8, 8))


def test_coverage_counts_patches() -> None:
    x = torch.ones(1, 1, 6, 4)
    exact = F.fold(F.unfold(x, 3), (6, 4), 3)
    torch.testing.assert_close(coverage(x, 3), exact)


def test_noise_has_the_variance_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    root = torch.diag(torch.tensor([1.0] * 9 + [2.0] * 9)).double()
    like = torch.zeros(1, 2, 300, 300).double()
    noise = patch_noise(root, like, generator=torch.Generator().manual_seed(0))
    spread = noise.var(dim=(0, 2, 3))
    bound = 5 * math.sqrt(2 / 300**2)
    assert float(spread[0]) == pytest.approx(1, rel=bound)
    assert float(spread[1]) == pytest.approx(4, rel=bound)
    # At the border and in the corners too.
    drawn = [
        patch_noise(root, like[..., :3, :3], generator=torch.Generator().manual_seed(seed))
        for seed in range(4000)
    ]
    corner = torch.cat(drawn)[:, 0].var(dim=0)
    assert float((corner - 1).abs().max()) < 6 * math.sqrt(2 / 4000)
    monkeypatch.setattr(module, "_BAND_VALUES", 1)
    banded = patch_noise(root, like, generator=torch.Generator().manual_seed(1))
    assert float(banded.var()) == pytest.approx(2.5, rel=0.1)


def test_noise_follows_its_seed_and_takes_any_size() -> None:
    root = torch.eye(9).double()
    like = torch.zeros(1, 1, 2, 7)
    first, second = (
        patch_noise(root, like, generator=torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert first.shape == like.shape
    assert first.dtype == torch.float32
    assert torch.equal(first, second)
