"""PSNR against scikit-image, and its edges."""

import math

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from restore_cli.errors import RestoreError
from restore_cli.evaluation.fidelity import check_smallest_side, decibels, psnr


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("peak", [255, 65535])
def test_psnr_equals_scikit_image(channels: int, peak: int) -> None:
    generator = torch.Generator().manual_seed(peak)
    images = torch.randint(peak + 1, (2, 31, 44, channels), generator=generator).double() / peak
    expected = peak_signal_noise_ratio(images[0].numpy(), images[1].numpy(), data_range=1.0)
    output, reference = images.permute(0, 3, 1, 2)[:, None]
    assert psnr(output, reference).item() == pytest.approx(expected, abs=1e-9)
    # As files come in; the promise of `restore eval` is 1e-4 dB.
    assert psnr(output.float(), reference.float()).item() == pytest.approx(expected, abs=1e-6)


def test_psnr_of_a_known_error() -> None:
    dark = torch.zeros(1, 3, 16, 16, dtype=torch.float64)
    assert psnr(dark + 0.1, dark).item() == pytest.approx(20.0, abs=1e-9)


def test_only_equal_pictures_score_infinity() -> None:
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    other = image.clone()
    other[1, 0, 0, 0] += 1 / 65535
    values = psnr(other, image)
    assert values[0].item() == math.inf
    assert 90 < values[1].item() < 140


def test_decibels() -> None:
    values = decibels(torch.tensor([1.0, 0.01, 0.0], dtype=torch.float64))
    assert values.tolist() == [0.0, 20.0, math.inf]


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(RestoreError, match=r"1 x 3 x 20 x 20 .* 1 x 3 x 20 x 21") as caught:
        psnr(torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 21))
    assert "same size" in (caught.value.hint or "")


def test_the_smallest_side_is_told_in_width_by_height() -> None:
    check_smallest_side(torch.zeros(1, 10, 64), 10, metric="X")
    with pytest.raises(RestoreError, match=r"X needs .* 11 x 11 pixels; this one has 64 x 10"):
        check_smallest_side(torch.zeros(1, 10, 64), 11, metric="X")
