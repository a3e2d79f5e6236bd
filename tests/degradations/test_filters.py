"""OpenCV's filters and torch's are the same filters."""

import cv2
import numpy as np
import pytest
import torch

from restore_cli.degradations.filters import (
    convolved,
    convolved_by_spectra,
    local_mean,
    local_mean_by_pooling,
)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 13), (70, 64)])
@pytest.mark.parametrize("side", [1, 3, 15, 41])
def test_transforms_convolve_as_opencv(size: tuple[int, int], side: int) -> None:
    rng = np.random.default_rng(side)
    pictures = torch.from_numpy(rng.random((3, *size), dtype=np.float32))
    kernel = torch.from_numpy(rng.random((side, side), dtype=np.float32))
    kernel /= kernel.sum()
    expected = convolved(pictures, kernel)
    found = convolved_by_spectra(pictures, kernel)
    assert found.shape == expected.shape == pictures.shape
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (8, 8), (40, 33)])
def test_pooling_is_opencvs_box_filter(size: tuple[int, int]) -> None:
    plane = torch.from_numpy(np.random.default_rng(0).random(size, dtype=np.float32))
    found = local_mean_by_pooling(plane, side=15)
    assert torch.equal(local_mean(plane, side=15).reshape(-1), _boxed(plane).reshape(-1))
    torch.testing.assert_close(found, local_mean(plane, side=15), atol=5e-6, rtol=0)


def _boxed(plane: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(cv2.blur(plane.numpy(), (15, 15)))
