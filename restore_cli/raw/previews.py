"""The embedded previews of RAW files: the best one, upright, with its own profile."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rawpy
from numpy.typing import NDArray
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images.decode import DAMAGE, decode
from restore_cli.images.ifd import TagReader
from restore_cli.images.metadata import bake, orientation, settle_exif
from restore_cli.images.picture import Picture
from restore_cli.raw.dng_tags import read_dng
from restore_cli.raw.fields import Fields
from restore_cli.raw.libraw_info import ORIENTATIONS
from restore_cli.raw.pixels import read_samples
from restore_cli.raw.tags import RawTags

_SUB_IFDS, _SUBFILE, _COMPRESSION, _PHOTOMETRIC = 330, 254, 259, 262
_JPEGS, _JPEG_XL, _RGB, _YCBCR = (6, 7), 52546, 2, 6
_STARTS, _SIZES, _SAMPLES, _BITS, _ICC, _SPACE = (273, 324), (279, 325), 277, 258, 34675, 50970
_MOST = 1 << 28


class _Found(NamedTuple):
    """A preview's page: how large it is, and what holds its samples."""

    height: int
    width: int
    page: Fields
    jpeg: bytes | None


def preview(raw: rawpy.RawPy | None, tags: RawTags, path: Path) -> tuple[Picture, bytes | None]:
    """The best embedded preview, upright, and its JPEG file where that is upright as it is.

    Raises:
        RestoreError: there is none, or it is damaged.
    """
    stored, turn, profile = _stored(raw, tags, path)
    if isinstance(stored, bytes):
        try:
            found = decode(stored, "jpg", path)
            own = orientation(_exif_of(stored), None)
        except (RestoreError, *DAMAGE) as error:
            raise RestoreError(f"{path}: its preview is damaged: {error}") from error
        # Its own orientation tag counts; most previews have none and lie as the sensor does.
        turn = 1 if 2 <= own <= 8 else turn
        pixels: NDArray[Any] = found.pixels
        profile = found.metadata.icc or profile
        as_stored = stored if turn == 1 and own <= 1 else None
    else:
        pixels, as_stored = stored, None
    upright = bake(pixels, turn)
    exif = tags.exif
    if exif is not None:
        exif = settle_exif(exif, upright.shape[1], upright.shape[0])
    return Picture(upright, icc=profile, exif=exif), as_stored


def _exif_of(jpeg: bytes) -> bytes | None:
    with Image.open(io.BytesIO(jpeg)) as image:
        return image.info.get("exif", b"").removeprefix(b"Exif\0\0") or None


def _stored(
    raw: rawpy.RawPy | None, tags: RawTags, path: Path
) -> tuple[bytes | NDArray[Any], int, bytes | None]:
    """A JPEG file's bytes or (H, W, C) pixels, the turn that they need, and their profile."""
    own = max(_pages(tags.first), key=lambda f: f.height * f.width, default=None)
    thumb = None if raw is None else _thumb(raw)
    # Of two alike the file's own: LibRaw adds EXIF to JPEG files that have none.
    if own is not None and (thumb is None or own.height * own.width >= _size(thumb)):
        turn = tags.orientation
        profile = own.page.bytes(_ICC)
        return (own.jpeg if own.jpeg is not None else _pixels(own, path)), turn, profile
    if thumb is None or raw is None:
        raise RestoreError(
            f"{path}: it holds no preview that can be read",
            hint="develop it: leave --preview out",
        )
    turn = ORIENTATIONS.get(int(raw.sizes.flip), 1)
    # LibRaw gives samples only: a profile stands in the page that has them.
    profile = None if own is None else own.page.bytes(_ICC)
    if isinstance(thumb, bytes):
        return thumb, turn, profile
    return (thumb if thumb.ndim == 3 else thumb[..., None]), turn, profile


def _thumb(raw: rawpy.RawPy) -> bytes | NDArray[np.uint8] | None:
    """The largest preview that LibRaw finds."""
    try:
        return raw.extract_thumb().data
    except (rawpy.LibRawError, rawpy.NotSupportedError):
        return None


def _size(thumb: bytes | NDArray[np.uint8]) -> int:
    if not isinstance(thumb, bytes):
        return thumb.shape[0] * thumb.shape[1]
    try:
        with Image.open(io.BytesIO(thumb)) as image:
            return image.width * image.height
    except DAMAGE:
        return 0


def _pages(first: Fields | None) -> list[_Found]:
    """The pages of a TIFF-like file that hold a preview."""
    if first is None:
        return []
    reader: TagReader = first.reader
    pages = [first]
    for offset in first.integers(_SUB_IFDS)[:16]:
        try:
            pages.append(Fields(reader, reader.directory(offset)))
        except ValueError:
            continue
    return [found for page in pages if (found := _found(page)) is not None]


def _found(page: Fields) -> _Found | None:
    if not page.integer(_SUBFILE, 0) & 1:
        return None
    height, width = page.integer(257, 0), page.integer(256, 0)
    compression, kind = page.integer(_COMPRESSION, 1), page.integer(_PHOTOMETRIC, 0)
    if not 0 < height * width * 3 <= _MOST or kind not in (_RGB, _YCBCR, 1):
        return None
    data, start, size = page.reader.data, page.integers(_STARTS[0]), page.integers(_SIZES[0])
    if compression in _JPEGS and len(start) == len(size) == 1:
        jpeg = bytes(data[start[0] : start[0] + size[0]])
        return _Found(height, width, page, jpeg) if jpeg[:2] == b"\xff\xd8" else None
    known = compression == _JPEG_XL or (compression == 1 and kind == _RGB)
    return _Found(height, width, page, None) if known and start else None


def _pixels(found: _Found, path: Path) -> NDArray[Any]:
    """Those of an uncompressed or JPEG XL preview."""
    told = read_dng(found.page, found.page, kinds=(_RGB, 1))
    if told is None:
        raise RestoreError(f"{path}: its preview is damaged")
    samples = read_samples(told, path)
    pixels = samples if samples.ndim == 3 else samples[..., None]
    return pixels.astype(np.uint8) if int(found.page.integer(_BITS, 8)) == 8 else pixels
