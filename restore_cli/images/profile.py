"""Colour profiles (ICC.1:2022): to sRGB for the network, and back for the file.

Profiles made of a matrix and curves, and grey profiles, are applied from their own tags; those made
of tables, and all profiles of floating-point pictures, go through LittleCMS in floating point. So
16-bit pictures keep their precision.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms

_NODES = 65536
_LARGEST = 255 * 65519  # bytes; what a JPEG can hold of a profile
_RELATIVE = 1  # relative colorimetric
_D50 = np.array((0.9642, 1.0, 0.8249))
Floats = NDArray[np.floating[Any]]


class ProfileError(ValueError):
    """A profile that cannot be used; the message says why, in a few words."""


class Converter(Protocol):
    """Converts bands of rows between a profile and sRGB."""

    def to_srgb(self, band: NDArray[Any]) -> NDArray[np.float32]:
        """From (h, w, C) in the profile to (h, w, 3) sRGB in [0, 1], clipped."""
        ...

    def from_srgb(self, band: NDArray[np.float32]) -> NDArray[np.float32]:
        """(h, w, 3) sRGB in [0, 1] to (h, w, C) in the profile, in [0, 1]."""
        ...


def encode_srgb(linear: Floats) -> Floats:
    """Apply the sRGB transfer curve to values in [0, 1] (IEC 61966-2-1)."""
    curved = 1.055 * np.power(linear, 1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, linear * 12.92, curved)


def decode_srgb(srgb: Floats) -> Floats:
    """Undo the sRGB transfer curve for values in [0, 1]."""
    return np.where(srgb <= 0.04045, srgb / 12.92, np.power((srgb + 0.055) / 1.055, 2.4))


@dataclass(frozen=True, slots=True)
class _Curve:
    """One channel's curve to linear light.

    Args:
        table: its values at codes k/65535, rising.
        roots: the codes at which it reaches (k/65535)^2. Looking codes up by the square root of
            the light keeps the shadows exact and needs no search.
    """

    table: NDArray[np.float64]
    roots: NDArray[np.float32]

    @classmethod
    def rising(cls, table: NDArray[np.float64]) -> _Curve:
        codes = np.linspace(0, 1, _NODES)
        roots = np.interp(codes**2, table, codes).astype(np.float32)
        return cls(table, np.append(roots, roots[-1]))

    def at_codes(self, dtype: np.dtype[Any]) -> NDArray[np.float32]:
        step = 257 if dtype == np.uint8 else 1
        return self.table[::step].astype(np.float32)

    def inverse(self, linear: Floats) -> NDArray[np.float32]:
        place = (np.sqrt(linear) * (_NODES - 1)).astype(np.float32)
        below = place.astype(np.int32)
        start = self.roots[below]
        part = np.subtract(place, below, dtype=np.float32)
        codes = start + part * (self.roots[below + 1] - start)
        return codes.astype(np.float32, copy=False)


@dataclass(frozen=True, slots=True)
class _MatrixConverter:
    """Curves, then a matrix (ICC.1:2022, 9.3.3), relative colorimetric, clipped to sRGB."""

    curves: tuple[_Curve, _Curve, _Curve]
    matrix: NDArray[np.float64]  # linear RGB of the profile -> linear sRGB

    def to_srgb(self, band: NDArray[Any]) -> NDArray[np.float32]:
        linear = np.empty(band.shape, np.float32)
        for i, curve in enumerate(self.curves):
            linear[..., i] = curve.at_codes(band.dtype)[band[..., i]]
        linear = linear @ self.matrix.T.astype(np.float32)
        return np.clip(encode_srgb(np.clip(linear, 0, 1)), 0, 1).astype(np.float32)

    def from_srgb(self, band: NDArray[np.float32]) -> NDArray[np.float32]:
        linear = decode_srgb(band) @ np.linalg.inv(self.matrix).T.astype(np.float32)
        out = np.empty(band.shape, np.float32)
        for i, curve in enumerate(self.curves):
            out[..., i] = curve.inverse(np.clip(linear[..., i], 0, 1))
        return out


@dataclass(frozen=True, slots=True)
class _GreyConverter:
    """A grey curve (ICC.1:2022, 9.3.4)."""

    curve: _Curve

    def to_srgb(self, band: NDArray[Any]) -> NDArray[np.float32]:
        table = encode_srgb(self.curve.at_codes(band.dtype)).astype(np.float32)
        return np.repeat(table[band], 3, axis=2)

    def from_srgb(self, band: NDArray[np.float32]) -> NDArray[np.float32]:
        # Three equally good estimates of one grey: their mean has the least noise.
        return self.curve.inverse(decode_srgb(band.mean(axis=2, keepdims=True)))


class _LinearConverter:
    """Linear light with sRGB's primaries, as OpenEXR, Radiance HDR and PFM hold it."""

    def to_srgb(self, band: NDArray[Any]) -> NDArray[np.float32]:
        curved = encode_srgb(np.clip(band, 0, 1)).astype(np.float32)
        curved = np.where(band >= 1, np.float32(1), curved)  # exactly: what was cut off must show
        return np.repeat(curved, 3, axis=2) if band.shape[2] == 1 else curved

    def from_srgb(self, band: NDArray[np.float32]) -> NDArray[np.float32]:
        return decode_srgb(band).astype(np.float32)


LINEAR: Converter = _LinearConverter()
"""The conversion of linear light; a grey picture takes the mean of what `from_srgb` gives."""


@dataclass(frozen=True, slots=True)
class _CmsConverter:
    """LittleCMS in floating point."""

    icc: bytes
    space: Literal["rgb", "gray"] = "rgb"

    def to_srgb(self, band: NDArray[Any]) -> NDArray[np.float32]:
        return _transformed(band, (self.icc, self.space), (_srgb_bytes(), "rgb"))

    def from_srgb(self, band: NDArray[np.float32]) -> NDArray[np.float32]:
        return _transformed(band, (_srgb_bytes(), "rgb"), (self.icc, self.space))


def _transformed(
    band: NDArray[Any], source: tuple[bytes, str], target: tuple[bytes, str]
) -> NDArray[np.float32]:
    """Apply LittleCMS to (h, w, C) samples; the result is float32, clipped to [0, 1].

    Raises:
        RuntimeError: it refuses one of the profiles.
    """
    import imagecodecs

    samples = np.ascontiguousarray(band)
    if samples.dtype.kind == "f":
        samples = np.clip(samples, 0, 1).astype(np.float32)
    done = imagecodecs.cms_transform(
        samples[..., 0] if source[1] == "gray" else samples,
        source[0],
        target[0],
        colorspace=source[1],
        outcolorspace=target[1],
        outdtype="float32",
        intent=_RELATIVE,
    )
    return np.clip(done, 0, 1).reshape(*band.shape[:2], -1)


@lru_cache(maxsize=16)
def converter(icc: bytes, channels: int, *, floats: bool = False) -> Converter | None:
    """Build the conversion for a profile.

    Args:
        icc: the profile.
        channels: 1 for a grey picture, 3 for RGB.
        floats: the picture's samples are floating point.

    Returns:
        The conversion, or None where the profile is sRGB (or grey with sRGB's curve), so that the
        pixels are sRGB as they are.

    Raises:
        ProfileError: the profile is damaged or is for another kind of picture.
    """
    try:
        space, tags = _parse(icc)
        if space != (b"GRAY" if channels == 1 else b"RGB "):
            kind = space.decode("latin-1").strip()
            what = "a grey" if channels == 1 else "an RGB"
            raise ProfileError(f"is for {kind}, not for {what} picture")
        if channels == 1:
            curve = _curve(tags[b"kTRC"])
            if floats and not _is_srgb_curve(curve):
                return _cms_converter(icc, "gray")
            return None if _is_srgb_curve(curve) else _GreyConverter(curve)
        if b"A2B0" in tags or b"rXYZ" not in tags:
            return _cms_converter(icc)
        curves = tuple(_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
        matrix = np.linalg.inv(_srgb_matrix()) @ _matrix(tags)
    except (KeyError, struct.error, np.linalg.LinAlgError) as error:
        raise ProfileError("is damaged") from error
    if np.linalg.cond(matrix) > 1e4 or not np.isfinite(matrix).all():
        raise ProfileError("is damaged")
    if np.allclose(matrix, np.eye(3), atol=3e-3) and all(map(_is_srgb_curve, curves)):
        return None
    if floats:
        return _cms_converter(icc)
    return _MatrixConverter((curves[0], curves[1], curves[2]), matrix)


def cmyk_to_srgb(samples: NDArray[Any], icc: bytes | None) -> NDArray[Any]:
    """Convert CMYK samples to sRGB.

    Args:
        samples: (H, W, 4) uint8 or uint16, 0 is no ink.
        icc: their profile; without a usable one the plain formula is used, (1 - C) (1 - K).

    Returns:
        (H, W, 3) of the same dtype.
    """
    top = np.iinfo(samples.dtype).max
    if icc is not None and icc[16:20] == b"CMYK":
        try:
            rgb = _transformed(samples, (icc, "cmyk"), (_srgb_bytes(), "rgb"))
            return np.floor(rgb * top + 0.5).astype(samples.dtype)
        except (RuntimeError, ValueError):
            pass
    light = top - samples.astype(np.uint32)
    return ((light[..., :3] * light[..., 3:] + top // 2) // top).astype(samples.dtype)


def lab_to_srgb(lab: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Convert CIE L*a*b* under D50 to sRGB; colours outside of it are clipped.

    Args:
        lab: (H, W, 3), L* in [0, 100].

    Returns:
        (H, W, 3) uint16.
    """
    high = (lab[..., :1] + 16) / 116
    f = np.concatenate((high + lab[..., 1:2] / 500, high, high - lab[..., 2:] / 200), axis=2)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _D50
    linear = xyz @ np.linalg.inv(_srgb_matrix()).T
    return np.floor(encode_srgb(np.clip(linear, 0, 1)) * 65535 + 0.5).astype(np.uint16)


def _srgb_profile() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@lru_cache(maxsize=1)
def _srgb_bytes() -> bytes:
    return _srgb_profile().tobytes()


def _cms_converter(icc: bytes, space: Literal["rgb", "gray"] = "rgb") -> Converter:
    both = _CmsConverter(icc, space)
    try:
        both.from_srgb(both.to_srgb(np.zeros((1, 1, 1 if space == "gray" else 3), np.uint8)))
    except (RuntimeError, ValueError) as error:
        raise ProfileError("cannot be used in both directions") from error
    return both


@lru_cache(maxsize=1)
def _srgb_matrix() -> NDArray[np.float64]:
    """Linear sRGB to XYZ under D50, as LittleCMS's own sRGB profile has it."""
    return _matrix(_parse(_srgb_bytes())[1])


def _parse(icc: bytes) -> tuple[bytes, dict[bytes, memoryview]]:
    """Split a profile into its colour space and tags (ICC.1:2022, 7.2 and 7.3)."""
    if len(icc) > _LARGEST:
        raise ProfileError("is too large")
    if len(icc) < 132 or icc[36:40] != b"acsp":
        raise ProfileError("is damaged")
    (count,) = struct.unpack_from(">I", icc, 128)
    if count > 1000:
        raise ProfileError("is damaged")
    # Tags may share their bytes, and a thousand of them all: no copies.
    view = memoryview(icc)
    tags: dict[bytes, memoryview] = {}
    for i in range(count):
        name, start, size = struct.unpack_from(">4sII", icc, 132 + 12 * i)
        if start + size > len(icc):
            raise ProfileError("is cut off")
        tags[name] = view[start : start + size]
    return icc[16:20], tags


def _fixed(data: memoryview, at: int, count: int) -> NDArray[np.float64]:
    """Read s15Fixed16 numbers."""
    return np.array(struct.unpack_from(f">{count}i", data, at), np.float64) / 65536


def _matrix(tags: dict[bytes, memoryview]) -> NDArray[np.float64]:
    return np.stack([_fixed(tags[name], 8, 3) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)


def _curve(tag: memoryview) -> _Curve:
    """Read a `curv` or `para` tag (ICC.1:2022, 10.6 and 10.18)."""
    x = np.linspace(0, 1, _NODES)
    if bytes(tag[:4]) == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            y = x
        elif count == 1:
            y = x ** (struct.unpack_from(">H", tag, 12)[0] / 256)
        elif count > _NODES:
            raise ProfileError("has a curve that is too long")
        else:
            values = np.array(struct.unpack_from(f">{count}H", tag, 12), np.float64) / 65535
            y = np.interp(x, np.linspace(0, 1, count), values)
    elif bytes(tag[:4]) == b"para":
        y = _parametric(tag, x)
    else:
        raise ProfileError("has a curve of an unknown kind")
    if not np.isfinite(y).all() or (np.diff(y) < -1e-6).any() or y[-1] - y[0] < 1e-3:
        raise ProfileError("has a curve that does not rise")
    return _Curve.rising(np.maximum.accumulate(np.clip(y, 0, 1)))


def _parametric(tag: memoryview, x: NDArray[np.float64]) -> NDArray[np.float64]:
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind > 4:
        raise ProfileError("has a curve of an unknown kind")
    # Every kind is the fullest one, (ax + b)^g + e above d and cx + f below, with defaults.
    given = _fixed(tag, 12, (1, 3, 4, 5, 7)[kind])
    g, a, b, c, d, e, f = np.concatenate((given, np.zeros(7 - len(given))))
    if kind == 0:
        a, d = 1.0, -1.0
    elif kind in (1, 2):
        e = f = c if kind == 2 else 0.0
        d, c = (-b / a if a else 0.0), 0.0
    with np.errstate(all="ignore"):
        return np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)


def _is_srgb_curve(curve: _Curve) -> bool:
    codes = np.linspace(0, 1, _NODES)
    return bool(np.abs(encode_srgb(curve.table) - codes).max() < 2e-3)
