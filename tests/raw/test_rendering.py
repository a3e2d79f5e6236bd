"""From camera colours to pixels: exact values, and what depends on what."""

import numpy as np
import pytest

from restore_cli.degradations.cameras import Camera
from restore_cli.images.profile import encode_srgb
from restore_cli.raw.colorimetry import to_srgb_matrix, tone_curve
from restore_cli.raw.rendering import Rendering, Rows

LIGHT = np.random.default_rng(0).random((30, 40, 3)).astype(np.float32)
MATRIX = to_srgb_matrix(Camera.named("Nikon D90").xyz_to_camera)


def rows_of(light: np.ndarray) -> Rows:
    return lambda rows: light[rows]


def render(light: np.ndarray = LIGHT, **options: object) -> np.ndarray:
    given = {"matrix": MATRIX, "look": "none", **options}
    return Rendering(**given).render(rows_of(light), *light.shape[:2])


@pytest.mark.parametrize("bits", [8, 16])
def test_none_is_matrix_and_curve_and_no_more(bits: int) -> None:
    linear = np.clip(LIGHT.astype(np.float64) @ MATRIX.T, 0, 1)
    top = 2**bits - 1
    expected = np.floor(encode_srgb(linear) * top + 0.5)
    assert np.abs(render(bits=bits).astype(int) - expected).max() <= (1 if bits == 16 else 0) + 1
    assert render(bits=bits).dtype == (np.uint8 if bits == 8 else np.uint16)


def test_linear_leaves_out_look_and_curve() -> None:
    plain = render(matrix=np.eye(3), linear=True, look="standard", bits=16)
    np.testing.assert_allclose(plain / 65535, LIGHT, atol=1e-5)


def test_standard_is_the_tone_curve_between() -> None:
    expected = encode_srgb(tone_curve(LIGHT)) * 65535
    got = render(matrix=np.eye(3), look="standard", bits=16)
    assert np.abs(got - expected).max() <= 1


def test_a_stop_doubles_the_light() -> None:
    dark = LIGHT / 4
    one = render(dark, matrix=np.eye(3), linear=True, bits=16, exposure=1.0)
    np.testing.assert_allclose(one / 65535, 2 * dark, atol=1e-5)


def test_saturated_places_are_white_under_every_matrix_and_exposure() -> None:
    white = np.ones((4, 4, 3), np.float32)
    assert (render(white) == 255).all()
    assert (render(white, look="standard") == 255).all()
    dimmed = render(white, exposure=-1.0)
    assert (dimmed == dimmed[0, 0, 0]).all()


def test_bands_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = render(look="standard", auto_bright=True)
    monkeypatch.setattr("restore_cli.raw.rendering._BAND", 100)
    np.testing.assert_array_equal(render(look="standard", auto_bright=True), whole)


def test_auto_bright_makes_one_percent_white() -> None:
    dark = (LIGHT * 0.2).astype(np.float32)
    bright = render(dark, matrix=np.eye(3), auto_bright=True, bits=16)
    share = (bright.max(axis=2) == 65535).mean()
    assert 0.005 < share < 0.02
    assert (render(dark, matrix=np.eye(3)).max(axis=2) == 255).mean() == 0
    # It undoes what the exposure did before.
    again = render(dark, matrix=np.eye(3), auto_bright=True, exposure=-1.0, bits=16)
    assert np.abs(again.astype(int) - bright).max() <= 1
