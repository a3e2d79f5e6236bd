"""Filters on frequencies are those of torch's transforms, traced or not."""

import pytest
import torch

from restore_cli.networks.fourier import filtered, frequencies, jinc, sinc


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


def test_sinc_and_jinc_are_the_known_functions() -> None:
    x = torch.linspace(0, 60, 6001)
    torch.testing.assert_close(sinc(x), torch.sinc(x / torch.pi), atol=1e-6, rtol=0)
    expected = (2 * torch.special.bessel_j1(x.double()) / x.double()).float()
    expected[0] = 1
    torch.testing.assert_close(jinc(x), expected, atol=1e-6, rtol=0)
