"""Chromaticities of spectra."""

import numpy as np
import pytest

from restore_cli.raw.spectrum import chromaticity
from restore_cli.raw.temperature import white_of


def planck(kelvin: float, nanometres: np.ndarray) -> np.ndarray:
    metres = nanometres * 1e-9
    return 1e-30 / metres**5 / np.expm1(1.4388e-2 / (metres * kelvin))


@pytest.mark.parametrize("step", [1.0, 5.0, 20.0])
@pytest.mark.parametrize("kelvin", [2000.0, 2856.0, 3900.0])
def test_black_bodies_lie_where_the_tables_say(kelvin: float, step: float) -> None:
    at = np.arange(380, 781, step)
    assert chromaticity(at, planck(kelvin, at)) == pytest.approx(white_of(kelvin), abs=4e-3)


def test_equal_energy_is_the_middle() -> None:
    at = np.arange(360, 831, 10.0)
    assert chromaticity(at, np.full(len(at), 7.0)) == pytest.approx((1 / 3, 1 / 3), abs=1e-3)


def test_what_holds_no_visible_light_has_none() -> None:
    assert chromaticity(np.array([900.0, 1000.0]), np.ones(2)) is None
    assert chromaticity(np.array([400.0, 700.0]), np.zeros(2)) is None
