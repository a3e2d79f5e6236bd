"""Making a picture fit a format.

What the table in `formats` says it cannot carry is converted or left out, each with its note. The
encoders then meet only what they can hold.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.exif import as_srgb, has_thumbnail, lightened, resolution_of_exif
from restore_cli.images.formats import FORMATS, Format, Thing, note
from restore_cli.images.profile import decode_srgb
from restore_cli.images.thumbnail import renewed

if TYPE_CHECKING:
    from restore_cli.images.picture import Picture


def to_eight_bit(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Round uint16 to uint8, half up; uint8 passes."""
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def flatten(pixels: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Lay a picture over white, in encoded values as browsers do.

    Args:
        pixels: (H, W, C) uint8, uint16 or float32.
        alpha: (H, W) of the same dtype.
    """
    if pixels.dtype.kind == "f":
        cover = np.clip(alpha, 0, 1)[..., None]
        return (pixels * cover + (1 - cover)).astype(np.float32)
    top = int(np.iinfo(pixels.dtype).max)
    cover = alpha[..., None].astype(np.uint64)
    over = pixels * cover + top * (top - cover)
    return ((over + top // 2) // top).astype(pixels.dtype)


def fit(picture: Picture, format: str) -> tuple[Picture, tuple[str, ...]]:
    """Convert or leave out what a format cannot carry.

    Args:
        picture: what is to be written.
        format: a key of `formats.FORMATS`.

    Returns:
        The picture as the format's encoder takes it, and notes on what was lost.
    """
    one = FORMATS[format]
    lost: list[Thing] = []
    deep = picture.depth > 8
    if picture.alpha is not None and not one.holds("alpha"):
        flat = flatten(picture.pixels, picture.alpha)
        picture = replace(picture, pixels=flat, alpha=None)
        lost.append("alpha")
    picture = _in_its_colours(picture, one, lost)
    picture = _in_its_depth(picture, one, lost)
    if picture.is_grey and not one.grey:
        picture = replace(picture, pixels=np.repeat(picture.pixels, 3, axis=2))
    picture, notes = _with_all_exif_that_fits(picture, one)
    picture = _with_its_metadata(picture, one, lost)
    if picture.thumbnail and picture.exif is not None:
        exif = renewed(picture.exif, picture.pixels)
        if one.holds("exif", len(exif)):
            picture = replace(picture, exif=exif)
    notes += tuple(note(thing, format) for thing in lost)
    if one.precision and deep and picture.format != format:
        notes += (f"{one.title} holds {one.precision}: deeper values were rounded",)
    dropped = picture.exif is None or not has_thumbnail(picture.exif)
    if picture.thumbnail and picture.exif is not None and dropped:
        notes += ("its thumbnail was left out: a new one does not fit",)
    return picture, notes


def _in_its_colours(picture: Picture, one: Format, lost: list[Thing]) -> Picture:
    """Convert to sRGB, or to linear light, where the format knows nothing else."""
    light = one.holds("float") and not one.holds("profile")  # OpenEXR, HDR, PFM
    if light:
        if picture.linear:
            return picture
        srgb = picture.to_srgb()
        pixels = decode_srgb(srgb).astype(np.float32)
        if picture.is_grey:
            pixels = pixels[..., :1]
        alpha = None if picture.alpha is None else as_floats(picture.alpha)
        if picture.icc is not None:
            lost.append("profile")
        return replace(picture, pixels=pixels, alpha=alpha, icc=None, linear=True)
    has_profile = picture.icc is not None
    size = len(picture.icc or b"")
    holds = one.holds("profile", size, grey=picture.is_grey)
    if (not has_profile or holds) and not picture.linear:
        return picture
    if has_profile:
        lost.append("profile")
    dtype = np.uint16 if picture.pixels.dtype.kind == "f" else picture.pixels.dtype
    srgb = picture.to_srgb()
    values = srgb.mean(axis=2, keepdims=True) if picture.is_grey else srgb
    top = np.iinfo(dtype).max
    pixels = np.floor(values * np.float32(top) + np.float32(0.5)).astype(dtype)
    if picture.pixels.dtype.kind == "f":
        lost.append("float")
    alpha = picture.alpha
    if alpha is not None and alpha.dtype.kind == "f":
        alpha = _as_integers(alpha)
    exif = None if picture.exif is None else as_srgb(picture.exif)
    return replace(picture, pixels=pixels, alpha=alpha, icc=None, exif=exif, linear=False)


def _in_its_depth(picture: Picture, one: Format, lost: list[Thing]) -> Picture:
    if picture.pixels.dtype.kind == "f":
        if one.holds("float"):
            return picture
        alpha = None if picture.alpha is None else _as_integers(picture.alpha)
        picture = replace(picture, pixels=_as_integers(picture.pixels), alpha=alpha)
        lost.append("float")
    if picture.depth == 16 and not one.holds("16 bits"):
        alpha = None if picture.alpha is None else to_eight_bit(picture.alpha)
        if "float" not in lost:
            lost.append("16 bits")
        return replace(picture, pixels=to_eight_bit(picture.pixels), alpha=alpha)
    return picture


def _as_integers(samples: NDArray[Any]) -> NDArray[np.uint16]:
    values = np.nan_to_num(np.clip(samples, 0, 1))
    return np.floor(values * np.float32(65535) + np.float32(0.5)).astype(np.uint16)


def as_floats(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Integers divided by their maximum; floats pass."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    return np.divide(samples, np.iinfo(samples.dtype).max, dtype=np.float32)


def _with_all_exif_that_fits(picture: Picture, one: Format) -> tuple[Picture, tuple[str, ...]]:
    """Save what can be saved of a block that is too large; and a note."""
    exif, limit = picture.exif, one.carries.get("exif", 0)
    if exif is None or not limit or len(exif) <= limit:
        return picture, ()
    small, lossy = lightened(exif, limit)
    if small is None:
        return picture, ()
    words = f"its EXIF block is too large for {one.title}: the largest entries were left out"
    return replace(picture, exif=small), (words,) if lossy else ()


def _with_its_metadata(picture: Picture, one: Format, lost: list[Thing]) -> Picture:
    for name in ("exif", "xmp", "iptc", "comment"):
        value: bytes | None = getattr(picture, name)
        if value is not None and not one.holds(name, len(value)):
            lost.append(name)
            picture = replace(picture, **{name: None})
    if picture.resolution is not None and not one.holds("resolution"):
        if resolution_of_exif(picture.exif) is None:
            lost.append("resolution")
        picture = replace(picture, resolution=None)
    if picture.texts and not one.holds("texts"):
        lost.append("texts")
        picture = replace(picture, texts=())
    return picture
