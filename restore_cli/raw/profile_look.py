"""The look that a DNG file's camera profile describes, for `--look profile`.

Tables of hue, saturation and value, gains by place, and the tone curve, in the order of Adobe's DNG
SDK: HueSatMap, ProfileGainTableMap, exposure, LookTable, tone curve, all in linear ProPhoto RGB.
Source: Adobe, Digital Negative Specification 1.7.1, chapters 4 to 6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.profile import decode_srgb, encode_srgb
from restore_cli.raw.colorimetry import SRGB_TO_XYZ, extremes, tone_curve
from restore_cli.raw.dng_color import adaptation, lights_of, weights_of
from restore_cli.raw.fields import Fields
from restore_cli.raw.temperature import D50, D65, XY

_MAP_DIMS, _MAP_DATA, _MAP_ENCODING = 50937, (50938, 50939, 52537), 51107
_LOOK_DIMS, _LOOK_DATA, _LOOK_ENCODING = 50981, 50982, 51108
_TONE, _GAINS, _GAINS_2 = 50940, 52525, 52544
_MOST = 4_000_000
# ROMM RGB (ISO 22028-2) to XYZ under D50.
_PROPHOTO_TO_XYZ: NDArray[Any] = np.array(
    [[0.7976749, 0.1351917, 0.0313534], [0.2880402, 0.7118741, 0.0000857], [0, 0, 0.8252100]]
)
Light = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HueSatMap:
    """Shifts of hue in degrees, scales of saturation and value, over (value, hue, saturation).

    Attributes:
        table: (values, hues, saturations, 3).
        srgb: values are looked up under the sRGB curve.
    """

    table: NDArray[np.float32]
    srgb: bool

    def apply(self, rgb: Light) -> Light:
        """Apply it to (..., 3) linear ProPhoto in [0, 1]."""
        hue, saturation, value = _to_hsv(np.clip(rgb, 0, 1))
        values, hues, saturations, _ = self.table.shape
        level = encode_srgb(value) if self.srgb else value
        places = (
            (level * (values - 1), values, False),
            (hue / 60 * (hues / 6), hues, True),
            (saturation * (saturations - 1), saturations, False),
        )
        shift = _interpolate(self.table, places)
        hue = np.mod(hue + shift[..., 0], 360)
        saturation = np.clip(saturation * shift[..., 1], 0, 1)
        level = np.clip(level * shift[..., 2], 0, 1)
        return _from_hsv(hue, saturation, decode_srgb(level) if self.srgb else level)


@dataclass(frozen=True, slots=True)
class GainTableMap:
    """ProfileGainTableMap: gains by place and brightness.

    Attributes:
        gains: (rows, columns, levels).
        spacing: of its rows and columns, in parts of the picture.
        origin: of the first, likewise.
        weights: (5,) of red, green, blue, least and largest in the brightness.
        gamma: of the brightness.
    """

    gains: NDArray[np.float32]
    spacing: tuple[float, float]
    origin: tuple[float, float]
    weights: NDArray[np.float32]
    gamma: float

    def apply(self, rgb: Light, rows: slice, height: int, exposure: float) -> Light:
        """Apply it to some rows, (h, W, 3), of a picture of `height` rows."""
        down, across, levels = self.gains.shape
        low, high = extremes(rgb)
        parts = [*np.moveaxis(rgb, 2, 0), low, high]
        weight = sum(w * p for w, p in zip(self.weights, parts, strict=True)) * exposure
        level = np.clip(weight, 0, 1) ** self.gamma * levels
        y = (np.arange(rows.start, rows.stop) + 0.5) / height
        x = (np.arange(rgb.shape[1]) + 0.5) / rgb.shape[1]
        at_y = np.broadcast_to(((y - self.origin[0]) / self.spacing[0])[:, None], low.shape)
        at_x = np.broadcast_to(((x - self.origin[1]) / self.spacing[1])[None], low.shape)
        places = ((at_y, down, False), (at_x, across, False), (level, levels, False))
        return rgb * _interpolate(self.gains[..., None], places)


@dataclass(frozen=True, slots=True)
class ProfileLook:
    """A profile's look.

    Attributes:
        hue_sat: HueSatMap under the light of the scene, or None.
        look: LookTable, or None.
        tone: (n, 2) points of the tone curve, or None for the standard one.
        gains: ProfileGainTableMap, or None.
    """

    hue_sat: HueSatMap | None = None
    look: HueSatMap | None = None
    tone: NDArray[np.float64] | None = None
    gains: GainTableMap | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What it holds, by the names of its tags."""
        held = {
            "ProfileHueSatMap": self.hue_sat,
            "ProfileGainTableMap": self.gains,
            "ProfileLookTable": self.look,
            "ProfileToneCurve": self.tone,
        }
        return tuple(name for name, part in held.items() if part is not None)

    def apply(self, srgb: Light, rows: slice, height: int, exposure: float) -> Light:
        """Apply it to some rows.

        Args:
            srgb: (h, W, 3) linear sRGB, exposure applied already.
            rows: which of the picture.
            height: of the picture.
            exposure: factor that was applied.

        Returns:
            (h, W, 3) linear sRGB.
        """
        there = np.linalg.inv(_PROPHOTO_TO_XYZ) @ adaptation(D65, D50) @ SRGB_TO_XYZ
        rgb = (srgb @ (there / exposure).T.astype(np.float32)).astype(np.float32)
        if self.hue_sat is not None:
            rgb = self.hue_sat.apply(rgb)
        if self.gains is not None:
            rgb = self.gains.apply(rgb, rows, height, exposure)
        rgb = np.clip(rgb * np.float32(exposure), 0, 1).astype(np.float32)
        if self.look is not None:
            rgb = self.look.apply(rgb)
        rgb = tone_curve(rgb) if self.tone is None else _toned(rgb, self.tone)
        return (rgb @ np.linalg.inv(there).T.astype(np.float32)).astype(np.float32)


def read_look(first: Fields, raw: Fields | None, white: XY) -> ProfileLook | None:
    """The look of a DNG file's first profile; None where it has none.

    Args:
        first: the file's first directory.
        raw: its raw image's, which may hold the gains by place.
        white: of the scene, which decides between tables for several lights.
    """
    tables = [
        table
        for tag in _MAP_DATA
        if (table := _table(first, _MAP_DIMS, tag, _MAP_ENCODING)) is not None
    ]
    hue_sat = tables[0] if tables else None
    lights = lights_of(first, len(tables))
    if len(tables) > 1 and lights and len({t.table.shape for t in tables}) == 1:
        order = np.argsort([kelvin for kelvin, _ in lights])
        weights = weights_of(white, [lights[i] for i in order])
        mixed = sum(w * tables[i].table for w, i in zip(weights, order, strict=True))
        hue_sat = HueSatMap(np.asarray(mixed, np.float32), tables[0].srgb)
    tone = (
        first.reals(_TONE).reshape(-1, 2) if len(first.reals(_TONE)) % 2 == 0 else np.empty((0, 2))
    )
    usable = 2 <= len(tone) <= 65536 and (np.diff(tone[:, 0]) > 0).all()
    look = ProfileLook(
        hue_sat,
        _table(first, _LOOK_DIMS, _LOOK_DATA, _LOOK_ENCODING),
        np.clip(tone, 0, 1) if usable else None,
        _gain_table(first) or (None if raw is None else _gain_table(raw)),
    )
    return look if look.names else None


def _table(first: Fields, dims: int, data: int, encoding: int) -> HueSatMap | None:
    shape, values = first.integers(dims), first.reals(data)
    if len(shape) not in (2, 3) or min(shape) < 1:
        return None
    hues, saturations, levels = (*shape, 1)[:3]
    if saturations < 2 or hues * saturations * levels * 3 != len(values):
        return None
    table = values.reshape(levels, hues, saturations, 3).astype(np.float32)
    return HueSatMap(table, first.integer(encoding, 0) == 1)


def _gain_table(page: Fields) -> GainTableMap | None:
    second = page.bytes(_GAINS_2)
    data = second or page.bytes(_GAINS)
    if data is None:
        return None
    order = page.reader.order
    try:
        down, across = struct.unpack_from(order + "2I", data)
        step_y, step_x, top, left = struct.unpack_from(order + "4d", data, 8)
        (levels,) = struct.unpack_from(order + "I", data, 40)
        weights = np.array(struct.unpack_from(order + "5f", data, 44), np.float32)
        kind, gamma, low, high, at = 3, 1.0, 0.0, 1.0, 64
        if second is not None:
            kind, gamma, low, high = struct.unpack_from(order + "I3f", data, 64)
            at = 80
    except struct.error:
        return None
    dtype = {0: "u1", 1: "u2", 2: "f2", 3: "f4"}.get(kind)
    count = down * across * levels
    if dtype is None or not 1 <= count <= min(_MOST, (len(data) - at) // np.dtype(dtype).itemsize):
        return None
    gains = np.frombuffer(data, order + dtype, count, at).astype(np.float32)
    if kind < 2:
        gains = low + (high - low) * gains / np.float32(255 if kind == 0 else 65535)
    numbers = [step_y, step_x, top, left, gamma, *weights]
    if not (np.isfinite(gains).all() and np.isfinite(numbers).all()) or gamma <= 0:
        return None
    if (down > 1 and step_y <= 0) or (across > 1 and step_x <= 0):
        return None
    shaped = gains.reshape(down, across, levels)
    return GainTableMap(shaped, (step_y or 1.0, step_x or 1.0), (top, left), weights, gamma)


def _interpolate(
    table: NDArray[np.float32], places: tuple[tuple[NDArray[Any], int, bool], ...]
) -> NDArray[np.float32]:
    """Linear between the nodes of the first three axes; the flag says which one goes around."""
    corners: list[tuple[tuple[NDArray[np.intp], NDArray[np.float32]], ...]] = []
    for place, count, around in places:
        at = np.mod(place, count) if around else np.clip(place, 0, count - 1)
        below = np.minimum(at.astype(np.intp), count - 1)
        above = (below + 1) % count if around else np.minimum(below + 1, count - 1)
        part = (at - below).astype(np.float32)
        corners.append(((below, 1 - part), (above, part)))
    out = np.zeros((*places[0][0].shape, table.shape[3]), np.float32)
    for i, a in corners[0]:
        for j, b in corners[1]:
            for k, c in corners[2]:
                out += table[i, j, k] * (a * b * c)[..., None]
    return out


def _to_hsv(rgb: Light) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Hue in degrees, saturation and value."""
    low, value = extremes(rgb)
    gap = value - low
    safe = np.maximum(gap, np.float32(1e-12))
    red, green, blue = np.moveaxis(rgb, -1, 0)
    hue = np.where(
        value == red,
        (green - blue) / safe,
        np.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    hue = np.where(gap > 0, np.mod(60 * hue, 360), 0)
    return hue, gap / np.maximum(value, np.float32(1e-12)), value


def _from_hsv(hue: NDArray[Any], saturation: NDArray[Any], value: NDArray[Any]) -> Light:
    def channel(shift: float) -> NDArray[Any]:
        k = np.mod(shift + hue / 60, 6)
        return value * (1 - saturation * np.clip(np.minimum(k, 4 - k), 0, 1))

    return np.stack([channel(5), channel(3), channel(1)], axis=-1).astype(np.float32)


def _toned(rgb: Light, points: NDArray[np.float64]) -> Light:
    """The tone curve on the largest and smallest value; the middle one keeps its place."""
    x = np.linspace(0, 1, 4096)
    curve = np.clip(_spline(points, x), 0, 1)
    low, high = (side[..., None] for side in extremes(rgb))
    share = (rgb - low) / np.maximum(high - low, np.float32(1e-6))
    top, bottom = (np.interp(p, x, curve).astype(np.float32) for p in (high, low))
    return (bottom + share * (top - bottom)).astype(np.float32)


def _spline(points: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The natural cubic spline through the points."""
    at, y = points.T
    n = len(at)
    if n == 2:
        return np.interp(x, at, y)
    h, slope = np.diff(at), np.diff(y) / np.diff(at)
    # The tridiagonal system of second derivatives, by elimination.
    upper, right = np.zeros(n), np.zeros(n)
    for i in range(1, n - 1):
        pivot = 2 * (h[i - 1] + h[i]) - h[i - 1] * upper[i - 1]
        upper[i] = h[i] / pivot
        right[i] = (6 * (slope[i] - slope[i - 1]) - h[i - 1] * right[i - 1]) / pivot
    second = np.zeros(n)
    for i in range(n - 2, 0, -1):
        second[i] = right[i] - upper[i] * second[i + 1]
    i = np.clip(np.searchsorted(at, x) - 1, 0, n - 2)
    inside = np.clip(x, at[0], at[-1])
    a, b = (at[i + 1] - inside) / h[i], (inside - at[i]) / h[i]
    bend = ((a**3 - a) * second[i] + (b**3 - b) * second[i + 1]) * h[i] ** 2 / 6
    return a * y[i] + b * y[i + 1] + bend
