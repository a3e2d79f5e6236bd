"""Pixel losses against numpy, their limits, and their gradients."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from restore_cli.losses.pixel import PIXEL_LOSSES, charbonnier, l1, pixel_loss, psnr_loss

Loss = Callable[[Tensor, Tensor], Tensor]
every_loss = pytest.mark.parametrize("loss", PIXEL_LOSSES.values(), ids=PIXEL_LOSSES)
pictures = arrays(np.float64, (2, 3, 4, 5), elements=st.floats(-0.5, 1.5))


@given(pictures, pictures)
def test_values_are_those_of_numpy(x: np.ndarray, y: np.ndarray) -> None:
    output, target = torch.from_numpy(x), torch.from_numpy(y)
    assert l1(output, target).item() == pytest.approx(np.mean(np.abs(x - y)), abs=1e-12)
    for eps in (1e-3, 0.1):
        expected = np.mean(np.sqrt((x - y) ** 2 + eps**2))
        assert charbonnier(output, target, eps=eps).item() == pytest.approx(expected, abs=1e-12)


@given(pictures, pictures)
def test_psnr_loss_is_a_mean_over_pictures_of_their_own_error(x: np.ndarray, y: np.ndarray) -> None:
    for eps in (1e-4, 1e-2):
        expected = [
            10 * np.log10(np.mean((a - b) ** 2) / eps + 1) for a, b in zip(x, y, strict=True)
        ]
        value = psnr_loss(torch.from_numpy(x), torch.from_numpy(y), eps=eps).item()
        assert value == pytest.approx(np.mean(expected), abs=1e-9)


def test_far_above_its_floor_psnr_loss_is_minus_psnr() -> None:
    output, target = torch.rand(4, 3, 8, 8, dtype=torch.float64), torch.zeros(4, 3, 8, 8).double()
    psnr = [
        peak_signal_noise_ratio(t.numpy(), o.numpy(), data_range=1)
        for o, t in zip(output, target, strict=True)
    ]
    assert psnr_loss(output, target, eps=1e-9).item() == pytest.approx(90 - np.mean(psnr), abs=1e-6)


def test_one_difference_is_averaged_over_all_values() -> None:
    output = torch.zeros(1, 3, 2, 2)
    target = output.clone()
    target[0, 1, 0, 1] = -0.6
    assert l1(output, target).item() == pytest.approx(0.6 / 12)


def test_charbonnier_between_its_limits() -> None:
    zero = torch.zeros(4, dtype=torch.float64)
    # Equal pictures give eps itself.
    assert charbonnier(zero, zero, eps=0.01).item() == pytest.approx(0.01)
    # Far from zero it is l1, less than eps above it.
    assert 0 < charbonnier(zero + 3, zero).item() - 3.0 < 1e-6
    # Near zero it is the parabola eps + d^2 / (2 eps).
    assert charbonnier(zero + 1e-4, zero, eps=0.1).item() == pytest.approx(0.1 + 5e-8, abs=1e-12)


def test_charbonnier_has_a_zero_gradient_where_pictures_agree() -> None:
    output = torch.full((2, 3), 0.4, requires_grad=True)
    charbonnier(output, output.detach().clone()).backward()
    assert output.grad is not None
    assert torch.equal(output.grad, torch.zeros(2, 3))


@every_loss
def test_gradients(loss: Loss) -> None:
    generator = torch.Generator().manual_seed(0)
    output = torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    target = torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), (output,))


@every_loss
def test_symmetric_scalar_that_changes_neither_argument(loss: Loss) -> None:
    output, target = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    before = output.clone(), target.clone()
    value = loss(output, target)
    assert value.shape == ()
    assert value > 0
    assert value == loss(target, output)
    assert torch.equal(output, before[0])
    assert torch.equal(target, before[1])


@every_loss
@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (2, 1, 4, 4), (2, 3, 4, 1), (3, 4, 4), ()])
def test_broadcasting_is_refused(loss: Loss, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shapes differ: \(2, 3, 4, 4\) and"):
        loss(torch.zeros(2, 3, 4, 4), torch.zeros(shape))


def test_a_recipe_asks_for_a_loss_by_name_and_floor() -> None:
    output, target = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    assert pixel_loss("l1")(output, target) == l1(output, target)
    assert pixel_loss("psnr")(output, target) == psnr_loss(output, target)
    coarse = pixel_loss("psnr", floor=1e-2)(output, target)
    assert coarse == psnr_loss(output, target, eps=1e-2)
    with pytest.raises(ValueError, match="unknown loss 'l2'; known: charbonnier, l1, psnr"):
        pixel_loss("l2")
    with pytest.raises(ValueError, match="floor is 0"):
        pixel_loss("psnr", floor=0)
