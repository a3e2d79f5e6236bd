"""Chromaticities of light by temperature and tint, and back.

Sources: CIE 15:2018, daylight's locus; Robertson, "Computation of correlated color temperature and
distribution temperature", JOSA 58, 1968, and Wyszecki and Stiles, Color Science, table 1(3.11).
"""

from __future__ import annotations

import numpy as np

XY = tuple[float, float]
D50: XY = (0.34567, 0.35850)
D65: XY = (0.31271, 0.32902)
LEAST, MOST = 1700.0, 25000.0
"""Kelvin that the tables reach."""
TINT = 3000.0
"""Tint units in a distance of 1 in CIE 1960 (u, v): those of Adobe's programs.

Tint above 0 stands for a light greener than the locus: the picture becomes more magenta."""
_DAYLIGHT = 4000.0

# Mired, u, v and the isotherm's slope of Planck's radiators.
_ROBERTSON = np.array(
    [
        *((0, 0.18006, 0.26352, -0.24341), (10, 0.18066, 0.26589, -0.25479)),
        *((20, 0.18133, 0.26846, -0.26876), (30, 0.18208, 0.27119, -0.28539)),
        *((40, 0.18293, 0.27407, -0.30470), (50, 0.18388, 0.27709, -0.32675)),
        *((60, 0.18494, 0.28021, -0.35156), (70, 0.18611, 0.28342, -0.37915)),
        *((80, 0.18740, 0.28668, -0.40955), (90, 0.18880, 0.28997, -0.44278)),
        *((100, 0.19032, 0.29326, -0.47888), (125, 0.19462, 0.30141, -0.58204)),
        *((150, 0.19962, 0.30921, -0.70471), (175, 0.20525, 0.31647, -0.84901)),
        *((200, 0.21142, 0.32312, -1.0182), (225, 0.21807, 0.32909, -1.2168)),
        *((250, 0.22511, 0.33439, -1.4512), (275, 0.23247, 0.33904, -1.7298)),
        *((300, 0.24010, 0.34308, -2.0637), (325, 0.24792, 0.34655, -2.4681)),
        *((350, 0.25591, 0.34951, -2.9641), (375, 0.26400, 0.35200, -3.5814)),
        *((400, 0.27218, 0.35407, -4.3633), (425, 0.28039, 0.35577, -5.3762)),
        *((450, 0.28863, 0.35714, -6.7262), (475, 0.29685, 0.35823, -8.5955)),
        *((500, 0.30505, 0.35907, -11.324), (525, 0.31320, 0.35968, -15.628)),
        *((550, 0.32129, 0.36011, -23.325), (575, 0.32931, 0.36038, -40.770)),
        (600, 0.33724, 0.36051, -116.45),
    ]
)


def white_of(kelvin: float, tint: float = 0.0) -> XY:
    """Chromaticity of a light: CIE daylight from 4,000 K up, Planck's radiator below.

    Args:
        kelvin: correlated colour temperature, `LEAST` to `MOST`.
        tint: distance from the locus, see `TINT`.

    Raises:
        ValueError: the temperature is out of range.
    """
    if not LEAST <= kelvin <= MOST:
        raise ValueError(f"{kelvin:g} K is outside {LEAST:g} to {MOST:g} K")
    x, y = _daylight(kelvin) if kelvin >= _DAYLIGHT else _planck(kelvin)
    if tint:
        u, v = to_uv((x, y))
        step, rise = _isotherm(kelvin)
        # Slopes fall to the right: away from the origin of the isotherm's left end lies green.
        x, y = from_uv((u - step * tint / TINT, v - rise * tint / TINT))
    return x, y


def temperature_of(white: XY) -> tuple[float, float]:
    """Correlated colour temperature in kelvin, and tint: Robertson's method."""
    u, v = to_uv(white)
    mired, us, vs, slopes = _ROBERTSON.T
    away = ((v - vs) - slopes * (u - us)) / np.hypot(1, slopes)
    below = np.nonzero((away[:-1] >= 0) & (away[1:] < 0))[0]
    i = int(below[0]) if len(below) else (0 if away[0] < 0 else len(mired) - 2)
    part = (
        float(np.clip(away[i] / (away[i] - away[i + 1]), 0, 1)) if away[i] != away[i + 1] else 0.0
    )
    middle = mired[i] + part * (mired[i + 1] - mired[i])
    kelvin = float(np.clip(1e6 / max(middle, 1e6 / 1e5), 1e6 / 600, 1e5))
    near = us[i] + part * (us[i + 1] - us[i]), vs[i] + part * (vs[i + 1] - vs[i])
    step, rise = _isotherm(kelvin)
    tint = -TINT * ((u - near[0]) * step + (v - near[1]) * rise)
    return kelvin, float(tint)


def to_uv(xy: XY) -> XY:
    """CIE 1931 (x, y) to CIE 1960 (u, v)."""
    bottom = -2 * xy[0] + 12 * xy[1] + 3
    return 4 * xy[0] / bottom, 6 * xy[1] / bottom


def from_uv(uv: XY) -> XY:
    """CIE 1960 (u, v) to CIE 1931 (x, y)."""
    bottom = 2 * uv[0] - 8 * uv[1] + 4
    return 3 * uv[0] / bottom, 2 * uv[1] / bottom


def _daylight(kelvin: float) -> XY:
    if kelvin <= 7000:
        factors = (0.244063, 0.09911e3, 2.9678e6, -4.6070e9)
    else:
        factors = (0.237040, 0.24748e3, 1.9018e6, -2.0064e9)
    x = sum(factor / kelvin**power for power, factor in enumerate(factors))
    return x, -3.0 * x * x + 2.87 * x - 0.275


def _planck(kelvin: float) -> XY:
    mired, us, vs, _ = _ROBERTSON.T
    at = 1e6 / kelvin
    return from_uv((float(np.interp(at, mired, us)), float(np.interp(at, mired, vs))))


def _isotherm(kelvin: float) -> tuple[float, float]:
    """Direction of the isotherm in (u, v), of length 1, towards magenta."""
    mired, _, _, slopes = _ROBERTSON.T
    angle = float(np.interp(1e6 / kelvin, mired, np.arctan(slopes)))
    return float(np.cos(angle)), float(np.sin(angle))
