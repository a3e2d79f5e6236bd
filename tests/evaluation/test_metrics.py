"""The metrics against scikit-image, and what they promise at the edges."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from restore_cli.errors import RestoreError
from restore_cli.evaluation.metrics import psnr, ssim


def _pair(*, seed: int, height: int = 61, width: int = 83) -> tuple[torch.Tensor, torch.Tensor]:
    """A smooth picture with structure, and a noisy version of it, as 8-bit values / 255."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 9, 12, generator=generator)
    size = (height, width)
    clean = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)
    noisy = (clean + 0.08 * torch.randn(clean.shape, generator=generator)).clamp(0, 1)
    return (noisy * 255).round() / 255, (clean * 255).round() / 255


def _array(image: torch.Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).double().numpy()


@pytest.mark.parametrize("seed", range(4))
def test_psnr_equals_scikit_image(seed: int) -> None:
    noisy, clean = _pair(seed=seed)
    expected = peak_signal_noise_ratio(_array(clean), _array(noisy), data_range=1.0)
    assert psnr(noisy, clean).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("height", "width"), [(61, 83), (11, 11), (12, 40)])
def test_ssim_equals_scikit_image(height: int, width: int) -> None:
    noisy, clean = _pair(seed=1, height=height, width=width)
    _, similarity = structural_similarity(
        _array(clean),
        _array(noisy),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2,
        data_range=1.0,
        full=True,
    )
    expected = similarity[5:-5, 5:-5].mean()
    assert ssim(noisy, clean).item() == pytest.approx(expected, abs=1e-7)


def test_a_batch_scores_each_picture_alone() -> None:
    pairs = [_pair(seed=seed) for seed in (1, 2, 3)]
    noisy, clean = (torch.cat(images) for images in zip(*pairs, strict=True))
    for metric in (psnr, ssim):
        alone = torch.cat([metric(*pair) for pair in pairs])
        torch.testing.assert_close(metric(noisy, clean), alone, rtol=0, atol=1e-12)
        assert alone.unique().numel() == 3


def test_identical_pictures_score_infinity_and_one() -> None:
    _, clean = _pair(seed=0)
    assert psnr(clean, clean).item() == float("inf")
    assert ssim(clean, clean).item() == pytest.approx(1.0, abs=1e-12)


def test_psnr_of_a_known_error() -> None:
    dark = torch.zeros(1, 3, 16, 16)
    assert psnr(dark + 0.1, dark).item() == pytest.approx(20.0, abs=1e-5)


def test_bright_flat_areas_do_not_lose_precision() -> None:
    # Without variance SSIM is its luminance term alone.
    one, other = 254 / 255, 1.0
    expected = (2 * one * other + 1e-4) / (one**2 + other**2 + 1e-4)
    flat = torch.ones(1, 3, 32, 32, dtype=torch.float64)
    assert ssim(flat * one, flat * other).item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_shapes_that_would_broadcast_are_refused(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(RestoreError, match=r"1 x 3 x 20 x 20 .* 1 x 1 x 20 x 20"):
        metric(torch.zeros(1, 3, 20, 20), torch.zeros(1, 1, 20, 20))


def test_ssim_refuses_pictures_smaller_than_its_window() -> None:
    small = torch.zeros(1, 3, 10, 64)
    with pytest.raises(RestoreError, match="64 x 10"):
        ssim(small, small)


def test_no_torchvision_and_no_torchmetrics_on_import() -> None:
    code = (
        "import sys, restore_cli.evaluation.metrics as metrics\n"
        "assert 'torchmetrics' not in sys.modules\n"
        "import torch; image = torch.zeros(1, 3, 16, 16); metrics.ssim(image, image)\n"
        "assert 'torchvision' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
