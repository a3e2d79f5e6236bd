"""Filters on frequencies are those of torch's transforms, traced or not."""

import pytest
import torch

from restore_cli.networks.fourier import filtered, frequencies, jinc, local, sinc


@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_frequencies_are_those_of_the_transform(size: int) -> None:
    like = torch.zeros(1)
    torch.testing.assert_close(frequencies(size, like=like), torch.fft.fftfreq(size))
    torch.testing.assert_close(frequencies(size, like=like, half=True), torch.fft.rfftfreq(size))


@pytest.mark.parametrize("size", [(8, 10), (9, 7), (40, 64)])
def test_matrices_of_waves_filter_as_fast_transforms_do(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 3, *size)
    gains = [torch.rand(2, 1, size[0], size[1] // 2 + 1) for _ in range(2)]
    expected = filtered(image, gains)

    # Traced on another size: the matrices must follow the picture.
    example = (torch.rand(1, 3, 12, 16), torch.rand(1, 1, 12, 9), torch.rand(1, 1, 12, 9))
    traced = torch.jit.trace(lambda x, a, b: tuple(filtered(x, [a, b])), example)
    for found, wanted in zip(traced(image, *gains), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=2e-5, rtol=0)


@pytest.mark.parametrize("size", [(64, 96), (50, 71), (20, 9)])
def test_a_local_filter_is_the_same_whatever_the_size(size: tuple[int, int]) -> None:
    grid = frequencies(32, like=torch.zeros(1))
    # Narrow enough to lie inside what does not fade: its gain is known at every frequency.
    gain = torch.exp(-20 * (grid[:, None].square() + 2 * grid.square() + grid[:, None] * grid))
    fy, fx = (frequencies(n, like=gain, half=h) for n, h in zip(size, (False, True), strict=True))
    found = local(gain[None, None], size)[0, 0]
    wanted = torch.exp(-20 * (fy[:, None].square() + 2 * fx.square() + fy[:, None] * fx))
    near = (fy.abs()[:, None] < 0.3) & (fx < 0.3)  # beyond, a grid holds waves of both signs
    torch.testing.assert_close(found[near], wanted[near], atol=3e-3, rtol=0)


def test_a_local_filter_reaches_half_of_its_grid() -> None:
    torch.manual_seed(0)
    gain = torch.fft.fft2(torch.rand(16, 16)).abs()[None, None]  # even, and reaches everywhere
    point = torch.zeros(1, 1, 60, 70)
    point[..., 30, 35] = 1
    (made,) = filtered(point, [local(gain, (60, 70))])
    there = made[0, 0].abs() > 1e-5
    assert there[23:38, 28:43].any()
    there[23:38, 28:43] = False
    assert not there.any()


def test_sinc_and_jinc_are_the_known_functions() -> None:
    x = torch.linspace(0, 60, 6001)
    torch.testing.assert_close(sinc(x), torch.sinc(x / torch.pi), atol=1e-6, rtol=0)
    expected = (2 * torch.special.bessel_j1(x.double()) / x.double()).float()
    expected[0] = 1
    torch.testing.assert_close(jinc(x), expected, atol=1e-6, rtol=0)
