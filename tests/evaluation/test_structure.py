"""SSIM on one scale and on several, against scikit-image and by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from restore_cli.errors import RestoreError
from restore_cli.evaluation import structure
from restore_cli.evaluation.structure import SMALLEST_FOR_SCALES, ms_ssim, ssim
from restore_cli.images.picture import Picture

PHOTOS = Path(__file__).parents[2] / "../shared/data/photos/val"


def _pair(*, seed: int, height: int = 61, width: int = 83) -> tuple[torch.Tensor, torch.Tensor]:
    """A smooth picture with structure, and a noisy version of it, as 8-bit values / 255."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 9, 12, generator=generator)
    size = (height, width)
    clean = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)
    noisy = (clean + 0.08 * torch.randn(clean.shape, generator=generator)).clamp(0, 1)
    return (noisy * 255).round() / 255, (clean * 255).round() / 255


def _scikit_image(output: torch.Tensor, reference: torch.Tensor) -> float:
    first, second = (image[0].permute(1, 2, 0).double().numpy() for image in (output, reference))
    return float(
        structural_similarity(
            first, second, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            channel_axis=2, data_range=1.0,
        )
    )  # fmt: skip


@pytest.mark.parametrize(("height", "width"), [(61, 83), (11, 11), (12, 40), (75, 11)])
def test_ssim_equals_scikit_image(height: int, width: int) -> None:
    noisy, clean = _pair(seed=1, height=height, width=width)
    assert ssim(noisy, clean).item() == pytest.approx(_scikit_image(noisy, clean), abs=1e-12)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the 20 photos are not beside this checkout")
def test_ssim_equals_scikit_image_on_20_photos() -> None:
    generator = torch.Generator().manual_seed(0)
    paths = sorted(PHOTOS.iterdir())[:20]
    assert len(paths) == 20
    for path in paths:
        clean = torch.from_numpy(Picture.read(path).to_srgb()).permute(2, 0, 1)[None]
        noisy = (clean + 0.05 * torch.randn(clean.shape, generator=generator)).clamp(0, 1)
        noisy = (noisy * 255).round() / 255
        assert ssim(noisy, clean).item() == pytest.approx(_scikit_image(noisy, clean), abs=1e-9)


@pytest.mark.parametrize("tile", [(20, 31), (12, 40), (64, 50), (4096, 4096)])
def test_the_size_of_a_tile_does_not_change_the_number(
    tile: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Heights around multiples of a tile, where a window could be lost or counted twice.
    for height in (12, 63, 64, 65, 118, 119):
        noisy, clean = _pair(seed=height, height=height, width=61)
        batch = torch.cat([noisy, clean]), torch.cat([clean, clean])
        expected = ssim(*batch)
        monkeypatch.setattr(structure, "_CPU_TILE", tile)
        torch.testing.assert_close(ssim(*batch), expected, rtol=0, atol=1e-14)
        monkeypatch.undo()


def test_a_tile_on_the_cpu_stays_below_what_torch_spreads_over_threads() -> None:
    image = torch.zeros(9, 700, 1100)
    for shape in ((9, 700, 1100), (9, 40, 300), (9, 12, 12)):
        planes = image[: shape[0], : shape[1], : shape[2]]
        assert all(planes[tile].numel() < 2**15 for tile in structure._tiles(planes))


def test_identical_pictures_score_exactly_one() -> None:
    _, clean = _pair(seed=0, height=170, width=163)
    assert ssim(clean, clean).item() == 1.0
    assert ms_ssim(clean, clean).item() == 1.0


def test_the_inputs_are_not_changed() -> None:
    noisy, clean = (image.double() for image in _pair(seed=2))
    before = noisy.clone(), clean.clone()
    ssim(noisy, clean)
    assert torch.equal(noisy, before[0])
    assert torch.equal(clean, before[1])


def test_bright_flat_areas_do_not_lose_precision() -> None:
    # Without variance SSIM is its luminance term alone.
    one, other = 254 / 255, 1.0
    expected = (2 * one * other + 1e-4) / (one**2 + other**2 + 1e-4)
    flat = torch.ones(1, 3, 32, 32, dtype=torch.float64)
    assert ssim(flat * one, flat * other).item() == pytest.approx(expected, abs=1e-12)


def test_channels_count_alike() -> None:
    noisy, clean = _pair(seed=4)
    each = [ssim(noisy[:, c : c + 1], clean[:, c : c + 1]).item() for c in range(3)]
    assert ssim(noisy, clean).item() == pytest.approx(float(np.mean(each)), abs=1e-14)


def test_ssim_refuses_pictures_smaller_than_its_window() -> None:
    small = torch.zeros(1, 3, 10, 64)
    with pytest.raises(RestoreError, match=r"SSIM needs .* 11 x 11 pixels; this one has 64 x 10"):
        ssim(small, small)


def test_ms_ssim_refuses_pictures_too_small_for_five_scales() -> None:
    fits = torch.zeros(1, 1, SMALLEST_FOR_SCALES, SMALLEST_FOR_SCALES)
    assert ms_ssim(fits, fits).item() == 1.0
    small = fits[..., 1:]
    with pytest.raises(RestoreError, match=r"MS-SSIM needs .* 161 x 161 .* has 160 x 161"):
        ms_ssim(small, small)


def test_ms_ssim_of_an_inverted_picture_is_zero_and_not_nan() -> None:
    _, clean = _pair(seed=0, height=170, width=163)
    assert ms_ssim(1 - clean, clean).item() == 0.0


def test_an_odd_border_block_is_averaged_over_its_own_pixels() -> None:
    rows = torch.tensor([[1.0, 3.0, 8.0], [5.0, 7.0, 2.0], [4.0, 6.0, 9.0]])
    halved = structure._halve(rows[None, None])
    assert halved[0, 0].tolist() == [[4.0, 5.0], [5.0, 9.0]]
