"""A file's samples as sRGB floats and back, in bands that stay in a processor's cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_cli.images.profile import Converter

_BAND = 1 << 15  # pixels converted at a time
# How far a restored value may lie from the edge of sRGB, where the original was cut off at that
# edge, for the part that was cut off to return; it fades out linearly.
_EDGE = np.float32(0.05)
_HALF = np.float32(0.5)
Floats = NDArray[np.float32]


def to_floats(samples: NDArray[Any], how: Converter | None, out: Floats) -> Floats:
    """Convert to sRGB in [0, 1]; colours outside of it are clipped.

    Args:
        samples: (H, W, 1 or 3) uint8, uint16 or float32, in the file's own colours.
        how: converts these; None where they are sRGB.
        out: (H, W, 3), which is filled. Grey is repeated.
    """
    for rows in _bands(samples.shape):
        out[rows] = _to_srgb(_finite(samples[rows]), how)
    return out


def from_floats(
    samples: NDArray[Any], srgb: NDArray[np.floating[Any]], how: Converter | None
) -> NDArray[Any]:
    """What samples become when their picture is another one; see `Picture.with_srgb`.

    Args:
        samples: as `to_floats` takes them; not changed.
        srgb: (H, W, 3) nominally in [0, 1]; clipped.
        how: as there.

    Returns:
        Of the samples' shape and type.
    """
    out = np.empty_like(samples, order="C")
    plain = how is None and samples.dtype.kind != "f" and samples.shape[2] == 3
    for rows in _bands(samples.shape):
        new = np.clip(srgb[rows], 0, 1).astype(np.float32, copy=False)
        if plain:
            _round(new, out[rows])
        else:
            _replace(samples[rows], new, how, out[rows])
    return out


def _bands(shape: tuple[int, ...]) -> Iterator[slice]:
    step = max(1, _BAND // shape[1])
    return (slice(top, top + step) for top in range(0, shape[0], step))


def _to_srgb(band: NDArray[Any], how: Converter | None) -> Floats:
    if how is not None:
        return how.to_srgb(band)
    # One channel fills three on assignment.
    if band.dtype.kind == "f":
        return np.broadcast_to(np.clip(band, 0, 1), (*band.shape[:2], 3))
    return np.divide(band, np.iinfo(band.dtype).max, dtype=np.float32)


def _from_srgb(band: Floats, how: Converter | None, channels: int) -> Floats:
    values = band if how is None else how.from_srgb(band)
    if channels == 1 and values.shape[2] == 3:
        return values.mean(axis=2, keepdims=True)
    return values


def _round(new: Floats, out: NDArray[Any]) -> None:
    """Colours to integers, within 0 and the top already; `new` is overwritten."""
    new *= np.float32(np.iinfo(out.dtype).max)
    new += _HALF
    codes = new.astype(out.dtype)  # rounds down
    channels = [codes[..., channel] for channel in range(3)]
    if channels[0].flags.c_contiguous:
        cv2.merge(channels, out)  # NumPy takes three times as long from planes to pixels
    else:
        out[...] = codes


def _replace(old: NDArray[Any], new: Floats, how: Converter | None, out: NDArray[Any]) -> None:
    floats = out.dtype.kind == "f"
    top = np.float32(1 if floats else np.iinfo(out.dtype).max)
    channels, before = old.shape[2], _finite(old)
    if how is None and not floats:
        # Three equally good estimates of one grey: their mean has the least noise.
        out[...] = new.mean(axis=2, keepdims=True) * top + _HALF
        return
    clipped = _to_srgb(before, how)
    lost = before / top - _from_srgb(clipped, how, channels)
    values = _from_srgb(new, how, channels) + lost * _still_at_edge(clipped, new)
    if floats:
        same = (new == clipped).all(axis=2, keepdims=True)
        out[...] = np.where(same, old, values)
    else:
        out[...] = np.clip(np.floor(values * top + _HALF), 0, top)


def _finite(band: NDArray[Any]) -> NDArray[Any]:
    """Floats without NaN (read as 0) and infinities."""
    return np.nan_to_num(band, posinf=65504.0, neginf=0.0) if band.dtype.kind == "f" else band


def _still_at_edge(clipped: Floats, new: Floats) -> Floats:
    """Say, per pixel, how much of what sRGB cut off should return (1 all, 0 none).

    A flower too red for sRGB gets its red back. Noise that strayed out of sRGB does not return
    once it is removed: the new value then lies well inside.
    """
    away = np.where(clipped <= 0, new, 0) + np.where(clipped >= 1, 1 - new, 0)
    return np.clip(1 - away.max(axis=2, keepdims=True) / _EDGE, 0, 1)
