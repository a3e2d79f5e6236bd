"""The sRGB curve against the standard's own numbers and against scalar arithmetic."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from restore_cli.images.color import linear_to_srgb, srgb_to_linear


def encode(linear: float) -> float:
    """IEC 61966-2-1, one value at a time in double precision."""
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * math.pow(linear, 1 / 2.4) - 0.055


@given(st.floats(0.0, 1.0))
def test_encoding_follows_the_standard(linear: float) -> None:
    value = linear_to_srgb(torch.tensor(linear, dtype=torch.float64)).item()
    assert value == pytest.approx(encode(linear), abs=1e-12)


@given(st.floats(0.0, 1.0))
def test_decoding_undoes_encoding(linear: float) -> None:
    encoded = torch.tensor(encode(linear), dtype=torch.float64)
    assert srgb_to_linear(encoded).item() == pytest.approx(linear, abs=1e-7)


def test_known_points() -> None:
    srgb = torch.tensor([0.0, 0.5, 188 / 255, 1.0])
    expected = torch.tensor([0.0, 0.2140411, 0.5028865, 1.0])
    torch.testing.assert_close(srgb_to_linear(srgb), expected, atol=1e-6, rtol=0)


def test_every_8_bit_level_survives_the_way_there_and_back() -> None:
    levels = torch.arange(256, dtype=torch.float32) / 255
    back = linear_to_srgb(srgb_to_linear(levels)) * 255
    assert torch.equal(back.round(), torch.arange(256, dtype=torch.float32))
    torch.testing.assert_close(back, levels * 255, atol=1e-3, rtol=0)


@pytest.mark.parametrize("curve", [srgb_to_linear, linear_to_srgb])
def test_curves_rise_and_join(curve: object) -> None:
    assert callable(curve)
    values = curve(torch.linspace(-0.05, 1.05, 20001, dtype=torch.float64))
    steps = values.diff()
    assert steps.min() > 0
    # A gap where the straight piece meets the curve would be one step far larger than the rest.
    assert steps.max() < 13 * 1.1 / 20000


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_shape_and_dtype_are_kept_and_the_input_is_not_changed(dtype: torch.dtype) -> None:
    image = torch.rand(2, 3, 4, 5).to(dtype)
    before = image.clone()
    for curve in (srgb_to_linear, linear_to_srgb):
        result = curve(image)
        assert result.shape == image.shape
        assert result.dtype == dtype
    assert torch.equal(image, before)


def test_below_zero_it_is_the_straight_piece_and_gradients_stay_finite() -> None:
    values = torch.tensor([-0.2, 0.0, 0.02, 0.6], dtype=torch.float64, requires_grad=True)
    assert srgb_to_linear(values)[0].item() == pytest.approx(-0.2 / 12.92)
    assert linear_to_srgb(values)[0].item() == pytest.approx(-0.2 * 12.92)
    assert torch.autograd.gradcheck(srgb_to_linear, (values,))
    assert torch.autograd.gradcheck(linear_to_srgb, (values,))
