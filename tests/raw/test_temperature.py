"""Temperatures of light against published chromaticities."""

import numpy as np
import pytest

from restore_cli.raw.temperature import D50, D65, from_uv, temperature_of, to_uv, white_of


@pytest.mark.parametrize(
    ("kelvin", "x", "y"),
    # CIE 15: D50, D55, D65, D75 at 1.4388/1.438 of their nominal temperatures; illuminant A.
    [(5003, 0.34567, 0.35850), (5503, 0.33242, 0.34743), (6504, 0.31272, 0.32903),
     (7504, 0.29902, 0.31485), (2856, 0.44757, 0.40745)],
)  # fmt: skip
def test_lights_are_the_published_ones(kelvin: float, x: float, y: float) -> None:
    np.testing.assert_allclose(white_of(kelvin), (x, y), atol=2e-4)


@pytest.mark.parametrize("kelvin", [2000.0, 3200.0, 3999.0, 4001.0, 5200.0, 10000.0])
@pytest.mark.parametrize("tint", [-40.0, 0.0, 30.0])
def test_temperature_and_tint_come_back(kelvin: float, tint: float) -> None:
    ground = temperature_of(white_of(kelvin))
    found = temperature_of(white_of(kelvin, tint))
    assert found[0] == pytest.approx(kelvin, rel=2e-3)
    assert found[1] - ground[1] == pytest.approx(tint, abs=0.1)


def test_daylight_lies_on_the_green_side_of_the_black_body() -> None:
    for white in (D50, D65):
        assert 8 < temperature_of(white)[1] < 11
    # A greener light has more y.
    assert white_of(5000, 30)[1] > white_of(5000)[1]


def test_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        white_of(500)


def test_coordinates_go_there_and_back() -> None:
    np.testing.assert_allclose(from_uv(to_uv(D65)), D65)
