"""Luma against the values that MATLAB's and OpenCV's conversions are known to give."""

import cv2
import pytest
import torch

from restore_cli.evaluation.fidelity import psnr
from restore_cli.evaluation.luma import grey, psnr_y, ssim_y, studio_luma
from restore_cli.evaluation.structure import ssim

# 8-bit Y of rgb2ycbcr, rounded, as BT.601 and MATLAB's documentation have it.
KNOWN = {
    (0, 0, 0): 16, (255, 255, 255): 235, (255, 0, 0): 81, (0, 255, 0): 145, (0, 0, 255): 41,
    (255, 255, 0): 210, (0, 255, 255): 170, (255, 0, 255): 106, (128, 128, 128): 126,
}  # fmt: skip


@pytest.mark.parametrize(("colour", "luma"), KNOWN.items())
def test_studio_luma_of_known_colours(colour: tuple[int, int, int], luma: int) -> None:
    image = torch.tensor(colour, dtype=torch.float64).view(1, 3, 1, 1) / 255
    assert round(studio_luma(image).item() * 255) == luma


def test_studio_luma_is_not_rounded() -> None:
    image = torch.tensor([10, 20, 30], dtype=torch.float64).view(1, 3, 1, 1) / 255
    exact = (65.481 * 10 + 128.553 * 20 + 24.966 * 30) / 255 + 16
    assert studio_luma(image).item() * 255 == pytest.approx(exact, abs=1e-12)


def test_grey_equals_opencv() -> None:
    image = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    expected = cv2.cvtColor(image[0].permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2GRAY)
    torch.testing.assert_close(
        grey(image)[0, 0], torch.from_numpy(expected).double(), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("luma", [studio_luma, grey])
def test_one_grey_channel_counts_as_three_equal_ones(luma: object) -> None:
    assert callable(luma)
    image = torch.rand(2, 1, 5, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(luma(image), luma(image.expand(-1, 3, -1, -1)), rtol=0, atol=1e-15)


def test_luma_metrics_are_the_plain_ones_on_luma() -> None:
    output, reference = torch.rand(2, 2, 3, 30, 40, generator=torch.Generator().manual_seed(1))
    pair = studio_luma(output), studio_luma(reference)
    assert torch.equal(psnr_y(output, reference), psnr(*pair))
    assert torch.equal(ssim_y(output, reference), ssim(*pair))


def test_a_grey_error_is_1_3_db_smaller_on_luma() -> None:
    # 219 of 255 steps, the peak still 255.
    reference = torch.rand(1, 1, 12, 12, dtype=torch.float64) / 2
    difference = psnr_y(reference + 0.1, reference) - psnr(reference + 0.1, reference)
    assert difference.item() == pytest.approx(1.3219, abs=1e-4)
