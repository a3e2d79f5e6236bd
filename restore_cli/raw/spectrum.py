"""From a light's spectrum to its chromaticity.

Source: Wyman, Sloan, Shirley, "Simple analytic approximations to the CIE XYZ color matching
functions", JCGT 2(2), 2013: the fit with several lobes for the observer of 1931.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.raw.temperature import XY

_LEAST, _MOST = 360.0, 830.0
# Weight, peak, and widths below and above it, of the lobes of x, y and z.
_LOBES = (
    ((1.056, 599.8, 37.9, 31.0), (0.362, 442.0, 16.0, 26.7), (-0.065, 501.1, 20.4, 26.2)),
    ((0.821, 568.8, 46.9, 40.5), (0.286, 530.9, 16.3, 31.1)),
    ((1.217, 437.0, 11.8, 36.0), (0.681, 459.0, 26.0, 13.8)),
)


def chromaticity(nanometres: NDArray[Any], power: NDArray[Any]) -> XY | None:
    """Chromaticity of a spectrum, to about .003; None where it holds no visible light.

    Args:
        nanometres: (N,) wavelengths, rising.
        power: (N,) at each, in any unit; linear between them, none beyond.
    """
    at = np.arange(_LEAST, _MOST + 1)
    light = np.interp(at, nanometres, power, left=0.0, right=0.0)
    sums = [float((light * _matching(lobes, at)).sum()) for lobes in _LOBES]
    total = sum(sums)
    if not np.isfinite(total) or total <= 0 or min(sums[:2]) <= 0:
        return None
    return sums[0] / total, sums[1] / total


def _matching(
    lobes: tuple[tuple[float, float, float, float], ...], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.sum(
        [
            weight * np.exp(-0.5 * ((at - peak) / np.where(at < peak, below, above)) ** 2)
            for weight, peak, below, above in lobes
        ],
        axis=0,
    )
