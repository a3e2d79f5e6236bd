"""Blur: kernels, linear light, saturation."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.blur import (
    CameraShake,
    Defocus,
    directional_widths,
    disc_kernel,
    kernel_moments,
    shake_kernel,
    spread,
)
from restore_cli.degradations.sample import Degradation, Sample
from restore_cli.degradations.set_target import SetTarget
from restore_cli.images.color import linear_to_srgb, srgb_to_linear


@pytest.mark.parametrize("step", [CameraShake(), Defocus()], ids=lambda step: type(step).__name__)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 47)])
def test_contract(
    keeps_contract: Callable[..., Sample], step: Degradation, size: tuple[int, int]
) -> None:
    assert math.isnan(keeps_contract(step, size).sigma)


@pytest.mark.parametrize("step", [CameraShake(probability=0.0), Defocus(probability=0.0)])
def test_now_and_then_nothing_happens(step: Degradation, make: Callable[..., Sample]) -> None:
    sample = make(9, 9)
    assert step(sample, np.random.default_rng(0)).image is sample.image


@pytest.mark.parametrize("extent", [0.2, 1.0, 7.0, 40.0])
@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_shake_has_unit_sum_its_extent_and_stays_in_place(extent: float, jitter: float) -> None:
    for seed in range(5):
        kernel = shake_kernel(extent, jitter, np.random.default_rng(seed))
        side = kernel.shape[0]
        assert kernel.shape == (side, side)
        assert side % 2 == 1
        assert kernel.min() >= 0
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        axis = np.arange(side) - side // 2
        assert (kernel.sum(axis=0) * axis).sum() == pytest.approx(0, abs=1e-3)
        assert (kernel.sum(axis=1) * axis).sum() == pytest.approx(0, abs=1e-3)
        rows, columns = (np.flatnonzero(kernel.sum(axis=a) > 1e-7) for a in (1, 0))
        longer = max(np.ptp(rows), np.ptp(columns))
        assert extent - 1 <= longer <= extent + 2


def test_a_calm_hand_draws_a_line_and_a_restless_one_does_not() -> None:
    def thinness(jitter: float) -> float:
        ratios = []
        for seed in range(20):
            kernel = shake_kernel(20, jitter, np.random.default_rng(seed))
            y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]] - kernel.shape[0] // 2
            moments = np.array([[(kernel * a * b).sum() for a in (x, y)] for b in (x, y)])
            low, high = np.linalg.eigvalsh(moments)
            ratios.append(low / high)
        return float(np.median(ratios))

    assert thinness(0.0) < 0.01 < thinness(0.8)


@pytest.mark.parametrize("radius", [0.1, 0.5, 3.0, 8.0])
def test_disc_is_round_and_has_its_area(radius: float) -> None:
    kernel = disc_kernel(radius, 0.6)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(kernel, kernel.T)
    np.testing.assert_allclose(kernel, kernel[::-1])
    if radius >= 3:
        assert 1 / kernel.max() == pytest.approx(math.pi * radius**2, rel=0.06)


def test_moments_of_a_disc_and_of_a_line() -> None:
    # A uniform disc has r^2 / 4 along each axis, a uniform line of length l has l^2 / 12.
    xx, xy, yy = kernel_moments(disc_kernel(9.0, 0.5))
    assert xx == pytest.approx(81 / 4, rel=0.02)
    assert yy == pytest.approx(xx, rel=1e-4)
    assert xy == pytest.approx(0, abs=1e-3)
    xx, xy, yy = kernel_moments(np.eye(13, dtype=np.float32) / 13)
    assert xx == pytest.approx(14, rel=1e-5)  # (13^2 - 1) / 12, its points being discrete
    assert xy == pytest.approx(xx, rel=1e-5)
    assert yy == pytest.approx(xx, rel=1e-5)


def test_widths_by_direction() -> None:
    torch.testing.assert_close(
        directional_widths((14.0, 14.0, 14.0)), torch.tensor([14**0.5, 28**0.5, 14**0.5, 0.0])
    )
    torch.testing.assert_close(
        directional_widths((4.0, 0.0, 0.0)), torch.tensor([2.0, 2**0.5, 0.0, 2**0.5])
    )


def test_a_sample_knows_all_the_blur_it_went_through(make: Callable[..., Sample]) -> None:
    rng = np.random.default_rng(0)
    once = Defocus(radius=(3.0, 3.0), edge=(0.5, 0.5))(make(20, 20), rng)
    assert once.blur == pytest.approx(kernel_moments(disc_kernel(3.0, 0.5)))
    twice = Defocus(radius=(3.0, 3.0), edge=(0.5, 0.5))(once, rng)
    assert twice.blur == pytest.approx([2 * moment for moment in once.blur])
    assert CameraShake(extent=(9.0, 9.0))(once, rng).blur[0] >= once.blur[0]
    assert SetTarget()(once, rng).blur == (0.0, 0.0, 0.0)


def test_blur_adds_up_light_and_not_srgb_values() -> None:
    image = torch.zeros(3, 1, 2)
    image[..., 1] = 0.7  # below where the glow begins
    kernel = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]], np.float32)
    blurred = spread(image, torch.from_numpy(kernel))
    # OpenCV's REFLECT border repeats the edge: of the two places one sees both, one itself twice.
    expected = linear_to_srgb(srgb_to_linear(torch.tensor(0.7)) / 2)
    values = sorted(blurred[0, 0].tolist())
    assert min(abs(value - float(expected)) for value in values) < 1e-5
    assert abs(float(expected) - 0.35) > 0.1


def test_convolution_and_not_correlation() -> None:
    image = torch.zeros(3, 9, 9)
    image[:, 4, 4] = 0.5
    kernel = np.zeros((3, 3), np.float32)
    kernel[0, 2] = 1.0  # light falls one up, one right
    moved = spread(image, torch.from_numpy(kernel))
    assert moved[0, 3, 5] == pytest.approx(0.5, abs=1e-5)


def test_lamps_glow_and_greys_do_not() -> None:
    lamp, grey = torch.zeros(3, 15, 15), torch.full((3, 15, 15), 0.6)
    lamp[:, 7, 7] = 1.0
    kernel = torch.from_numpy(disc_kernel(3.0, 0.5))
    plain, glowing = spread(lamp, kernel), spread(lamp, kernel, glow=4.0)
    ratio = srgb_to_linear(glowing[0, 7, 7]) / srgb_to_linear(plain[0, 7, 7])
    assert ratio == pytest.approx(4, rel=1e-3)
    torch.testing.assert_close(spread(grey, kernel, glow=4.0), grey, atol=1e-5, rtol=0)
