"""The gradient loss against finite differences by numpy."""

import numpy as np
import pytest
import torch

from restore_cli.methods.vae.edges import gradient_l1


def test_equals_numpy_at_each_scale() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 2, 3, 12, 8))
    levels = []
    for _ in range(2):
        differences = [
            np.abs(np.diff(x, axis=axis) - np.diff(y, axis=axis)).mean() for axis in (2, 3)
        ]
        levels.append(np.mean(differences))
        x, y = (
            v.reshape(2, 3, v.shape[2] // 2, 2, v.shape[3] // 2, 2).mean((3, 5)) for v in (x, y)
        )
    rng = np.random.default_rng(0)
    a, b = (torch.from_numpy(v) for v in rng.random((2, 2, 3, 12, 8)))
    assert float(gradient_l1(a, b, scales=2)) == pytest.approx(np.mean(levels), rel=1e-12)
    assert float(gradient_l1(a, b, scales=1)) == pytest.approx(levels[0], rel=1e-12)


def test_brightness_does_not_count_and_edges_do() -> None:
    target = torch.rand(1, 3, 16, 16, dtype=torch.float64)
    shifted = target + torch.tensor([0.1, -0.2, 0.3]).double().view(1, 3, 1, 1)
    assert float(gradient_l1(shifted, target)) == pytest.approx(0, abs=1e-12)
    assert float(gradient_l1(target.flip(3), target)) > 0.05


def test_gradient_is_right() -> None:
    output = torch.rand(1, 2, 8, 6, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 2, 8, 6, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: gradient_l1(x, target), output)


def test_small_pictures_use_the_scales_they_have_and_wrong_ones_are_refused() -> None:
    pair = torch.rand(2, 1, 1, 3, 3)
    torch.testing.assert_close(gradient_l1(*pair, scales=9), gradient_l1(*pair, scales=1))
    with pytest.raises(ValueError, match="shapes differ"):
        gradient_l1(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4))
    with pytest.raises(ValueError, match="2 px"):
        gradient_l1(torch.zeros(1, 3, 1, 4), torch.zeros(1, 3, 1, 4))
    with pytest.raises(ValueError, match="one scale"):
        gradient_l1(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4), scales=0)
