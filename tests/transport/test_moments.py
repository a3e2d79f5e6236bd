"""Streaming statistics against numpy on all patches at once."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.transport import moments as module
from restore_cli.transport.moments import Moments


def _latents(seed: int, *size: int) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed)) + 100.0


def _pictures() -> list[Tensor]:
    sizes = [(2, 4, 9, 11), (1, 4, 3, 3), (1, 4, 20, 5), (3, 4, 6, 6)]
    return [_latents(index, *size) for index, size in enumerate(sizes)]


def _whole(pictures: list[Tensor]) -> Moments:
    found = Moments(4, 3)
    for picture in pictures:
        found.update(picture)
    return found


def test_equal_to_numpy_on_all_patches() -> None:
    found = _whole(_pictures())
    patches = torch.cat([F.unfold(p.double(), 3).movedim(1, 0).flatten(1) for p in _pictures()], 1)
    assert found.count == patches.shape[1]
    assert found.pictures == 7
    np.testing.assert_allclose(found.mean, patches.mean(1), rtol=1e-12)
    exact = np.cov(patches.numpy(), bias=True)
    np.testing.assert_allclose(found.covariance, exact, rtol=1e-10, atol=1e-12)


def test_four_shards_merged_equal_one_pass() -> None:
    whole, merged = _whole(_pictures()), Moments(4, 3)
    for picture in _pictures():
        merged.merge(_whole([picture]))
    assert (merged.count, merged.pictures) == (whole.count, whole.pictures)
    for ours, theirs in ((merged.mean, whole.mean), (merged.scatter, whole.scatter)):
        assert float((ours - theirs).abs().max()) <= 1e-12 * float(theirs.abs().max())


def test_bands_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _whole(_pictures())
    monkeypatch.setattr(module, "_BAND_VALUES", 1)
    banded = _whole(_pictures())
    assert banded.count == whole.count
    torch.testing.assert_close(banded.scatter, whole.scatter, rtol=1e-12, atol=1e-9)


def test_pictures_smaller_than_a_patch_give_nothing() -> None:
    found = Moments(4, 3)
    assert found.update(_latents(0, 2, 4, 2, 9)) == 0
    assert (found.count, found.pictures) == (0, 0)
    assert float(found.covariance.abs().max()) == 0.0


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        Moments(4, 3).update(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match="not finite"):
        Moments(4, 3).update(torch.full((1, 4, 8, 8), torch.nan))
    with pytest.raises(ValueError, match="other channels"):
        Moments(4, 3).merge(Moments(4, 2))
    with pytest.raises(ValueError, match="1 or more"):
        Moments(4, 0)


def test_moments_move_towards_others_by_mean_and_covariance() -> None:
    torch.manual_seed(0)
    one, other = Moments(2, 1), Moments(2, 1)
    one.update(torch.randn(1, 2, 20, 20))
    other.update(3 * torch.randn(1, 2, 9, 9) + 1)
    moved = one.towards(other, 0.25)
    assert (moved.count, moved.pictures) == (400, 1)
    torch.testing.assert_close(moved.mean, 0.75 * one.mean + 0.25 * other.mean)
    torch.testing.assert_close(moved.covariance, 0.75 * one.covariance + 0.25 * other.covariance)
    with pytest.raises(ValueError, match="other channels"):
        one.towards(Moments(3, 1), 0.5)
