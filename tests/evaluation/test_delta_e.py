"""CIEDE2000 against Sharma's published pairs and scikit-image."""

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab

from restore_cli.evaluation.delta_e import ciede2000, mean_ciede2000, srgb_to_lab

# Sharma, Wu, Dalal 2005, table 1: Lab 1, Lab 2, difference (four decimals).
SHARMA = [
    (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
    (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
    (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
    (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
    (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
    (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
    (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
    (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
    (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
    (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
    (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
    (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
    (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
    (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
    (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
    (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
    (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
]


def test_sharmas_published_pairs() -> None:
    table = torch.tensor(SHARMA, dtype=torch.float64)
    first, second, expected = table[:, :3], table[:, 3:6], table[:, 6]
    torch.testing.assert_close(ciede2000(first, second, dim=1), expected, rtol=0, atol=5.1e-5)
    torch.testing.assert_close(ciede2000(second, first, dim=1), expected, rtol=0, atol=5.1e-5)


def test_pixels_and_means_equal_scikit_image() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (2, 40, 50, 3), generator=generator).double() / 255
    images[0, :5] = images[0, :5, :, :1]  # grey, where there is no hue
    first, second = (rgb2lab(image.numpy()) for image in images)
    np.testing.assert_allclose(srgb_to_lab(images[0], dim=-1).numpy(), first, atol=2e-4)
    expected = deltaE_ciede2000(first, second).mean()
    value = mean_ciede2000(*images.permute(0, 3, 1, 2)[:, None])
    assert value.item() == pytest.approx(expected, abs=1e-5)


def test_white_and_black_are_neutral() -> None:
    lab = srgb_to_lab(torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]), dim=1)
    expected = torch.tensor([[100.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(lab, expected, rtol=0, atol=0.01)


def test_one_grey_channel_counts_as_three_equal_ones() -> None:
    output, reference = torch.rand(2, 2, 1, 9, 10, generator=torch.Generator().manual_seed(0))
    wide = mean_ciede2000(output.expand(-1, 3, -1, -1), reference.expand(-1, 3, -1, -1))
    torch.testing.assert_close(mean_ciede2000(output, reference), wide)


def test_identical_pictures_differ_by_zero() -> None:
    image = torch.rand(2, 3, 9, 10, generator=torch.Generator().manual_seed(0))
    assert mean_ciede2000(image, image).tolist() == [0.0, 0.0]


def test_pictures_larger_than_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    output, reference = torch.rand(2, 2, 3, 23, 29, generator=torch.Generator().manual_seed(0))
    whole = mean_ciede2000(output, reference)
    monkeypatch.setattr("restore_cli.evaluation.delta_e._CPU_CHUNK", 100)
    torch.testing.assert_close(mean_ciede2000(output, reference), whole, rtol=1e-14, atol=0)
