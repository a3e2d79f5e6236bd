"""Metrics that take global brightness and colour out of the error."""

import math

import pytest
import torch

from restore_cli.evaluation.fidelity import psnr
from restore_cli.evaluation.photometric import photometric_share, psnr_aligned, psnr_gtmean
from restore_cli.losses.alignment import affine_alignment, apply_affine


def _reference(seed: int = 0, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, channels, 24, 31, generator=generator) * 0.5 + 0.2


def test_gtmean_undoes_a_scale() -> None:
    reference = _reference()
    assert psnr_gtmean(reference * 0.25, reference).item() > 120
    assert psnr(reference * 0.25, reference).item() < 10


def test_gtmean_clips_and_weighs_colours() -> None:
    # Grey 0.299 * 0.9 becomes 0.9: a factor of 3.34, and red is clipped at 1.
    output, reference = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.9)
    output[:, 0] = 0.9
    error = (0.1**2 + 2 * 0.9**2) / 3
    expected = -10 * math.log10(error)
    assert psnr_gtmean(output, reference).item() == pytest.approx(expected, abs=1e-5)


def test_gtmean_leaves_a_black_output_alone() -> None:
    reference = _reference()
    black = torch.zeros_like(reference)
    assert psnr_gtmean(black, reference).item() == psnr(black, reference).item()
    assert psnr_gtmean(black, black).item() == math.inf


@pytest.mark.parametrize("channels", [1, 3])
def test_an_affine_colour_map_is_all_photometric(channels: int) -> None:
    reference = _reference(channels=channels)
    matrix = torch.eye(channels) * 0.6 + 0.05
    output = apply_affine(reference, matrix[None], torch.full((1, channels), 0.07))
    assert psnr_aligned(output, reference).item() == math.inf
    assert photometric_share(output, reference).item() == pytest.approx(1.0, abs=1e-9)


def test_noise_without_bias_is_nearly_all_structural() -> None:
    reference = _reference()
    noise = 0.01 * torch.randn(reference.shape, generator=torch.Generator().manual_seed(9))
    plain, aligned = psnr(reference + noise, reference), psnr_aligned(reference + noise, reference)
    assert plain.item() < aligned.item() < plain.item() + 0.2
    assert photometric_share(reference + noise, reference).item() < 0.02


def test_alignment_never_loses() -> None:
    for seed in range(8):
        reference, output = _reference(seed), _reference(seed + 100)
        assert psnr_aligned(output, reference).item() >= psnr(output, reference).item()


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_and_identical_pictures_give_numbers(value: float) -> None:
    flat = torch.full((1, 3, 16, 16), value)
    assert photometric_share(flat, flat).item() == 0.0
    assert psnr_aligned(flat, flat).item() == math.inf
    other = _reference()[..., :16, :16]
    assert 0 <= photometric_share(flat, other).item() <= 1
    assert photometric_share(other, flat).item() == pytest.approx(1.0, abs=1e-9)
    assert psnr_aligned(other, flat).item() == math.inf
    # From a constant, the best map is the reference's mean.
    deviation = (other.double() - other.double().mean(dim=(2, 3), keepdim=True)).square().mean()
    expected = -10 * math.log10(deviation.item())
    assert psnr_aligned(flat, other).item() == pytest.approx(expected, abs=1e-6)


def test_one_step_of_one_pixel_is_structural() -> None:
    # The ridge of the fit must not drown the smallest error that 8 bits know.
    reference = (_reference() * 255).round() / 255
    output = reference.clone()
    output[0, 1, 7, 7] += 1 / 255
    assert photometric_share(output, reference).item() < 0.02
    loss = psnr_aligned(output, reference) - psnr(output, reference)
    assert 0 <= loss.item() < 0.1


def test_aligned_psnr_is_that_of_the_aligned_picture() -> None:
    output, reference = _reference(1).double(), _reference(2).double()
    aligned = apply_affine(output, *affine_alignment(output, reference, eps=1e-12))
    assert psnr_aligned(output, reference).item() == pytest.approx(psnr(aligned, reference).item())
