"""A picture and what must survive beside its pixels: depth, grey, alpha, profile, EXIF."""

from __future__ import annotations

import stat
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.errors import RestoreError
from restore_cli.images.atomic import write_atomically
from restore_cli.images.decode import DAMAGE, decode, sniff
from restore_cli.images.encode import encode, holds_profile
from restore_cli.images.metadata import Metadata
from restore_cli.images.profile import Converter, ProfileError, converter

FORMATS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "png": (".png",),
        "jpg": (".jpg", ".jpeg", ".jpe", ".jfif"),
        "tiff": (".tif", ".tiff"),
        "webp": (".webp",),
        "bmp": (".bmp", ".dib"),
    }
)
"""The formats that are read and written, by name, and the suffixes that mean them (lower case)."""

READABLE_SUFFIXES: frozenset[str] = frozenset(s for group in FORMATS.values() for s in group)
"""Suffixes of files worth reading in a folder. The content, not the suffix, decides the format."""

_DTYPES = ("uint8", "uint16")
_BAND = 1 << 19  # pixels converted at a time: a few dozen MB of floats
# How far a restored value may lie from the edge of sRGB, where the original was cut off at that
# edge, for the part that was cut off to return; it fades out linearly.
_EDGE = np.float32(0.05)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as its file has it, upright.

    Args:
        pixels: (H, W, C), C is 1 (grey) or 3 (RGB), uint8 or uint16, in the file's own colours.
        alpha: (H, W) of the same dtype, not premultiplied, or None.
        icc: colour profile, or None for sRGB. One that cannot be used is dropped with a note.
        exif: EXIF block from its byte-order mark on, orientation 1, without thumbnail.
        xmp: XMP packet, its orientation 1.
        format: what the file was, a key of `FORMATS`.
        iptc: IPTC-IIM records.
        notes: what was ignored or changed while reading, for people.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    icc: bytes | None = None
    exif: bytes | None = field(default=None, repr=False)
    xmp: bytes | None = field(default=None, repr=False)
    format: str = "png"
    iptc: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] not in (1, 3) or str(dtype) not in _DTYPES:
            raise ValueError(f"pixels are (H, W, 1 or 3) uint8 or uint16, not {shape} {dtype}")
        if self.alpha is not None and (self.alpha.shape != shape[:2] or self.alpha.dtype != dtype):
            raise ValueError("alpha is (H, W) of the pixels' size and dtype")

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        """Pixels in a row."""
        return self.pixels.shape[1]

    @property
    def depth(self) -> int:
        """Bits per sample, 8 or 16: that of the file's type, whatever the values."""
        return 8 * self.pixels.dtype.itemsize

    @property
    def is_grey(self) -> bool:
        """True for one channel."""
        return self.pixels.shape[2] == 1

    @classmethod
    def read(cls, path: Path) -> Picture:
        """Read a PNG, JPEG, TIFF, WebP or BMP file, told by its content.

        Palettes become RGB, CMYK becomes sRGB. A profile that is damaged or is for another kind
        of picture is dropped with a note.

        Args:
            path: the file.

        Raises:
            RestoreError: it cannot be read; names the file and the cure.
        """
        data, format = _read_file(path)
        try:
            decoded = decode(data, format, path)
        except MemoryError as error:
            raise RestoreError(
                f"{path}: not enough memory to read it", hint="cut it into pieces"
            ) from error
        meta, notes = decoded.metadata, decoded.notes
        if meta.icc is not None:
            try:
                how = converter(meta.icc, decoded.pixels.shape[2])
            except ProfileError as error:
                meta = replace(meta, icc=None)
                notes += (f"its colour profile {error} and was ignored: read as sRGB",)
            else:
                if how is not None and how.eight_bit and decoded.pixels.dtype == np.uint16:
                    notes += ("its colour profile is made of tables, which are applied at 8 bits",)
        return cls(
            pixels=decoded.pixels,
            alpha=decoded.alpha,
            icc=meta.icc,
            exif=meta.exif,
            xmp=meta.xmp,
            format=format,
            iptc=meta.iptc,
            notes=notes,
        )

    def to_srgb(self) -> NDArray[np.float32]:
        """Give the picture as the network wants it.

        Returns:
            (H, W, 3) float32 sRGB in [0, 1]. Grey is repeated. Colours outside sRGB are clipped;
            `with_srgb` brings them back.
        """
        out = np.empty((self.height, self.width, 3), np.float32)
        how = self._converter()
        for rows in self._bands():
            out[rows] = self._band_to_srgb(self.pixels[rows], how)
        return out

    def with_srgb(self, srgb: NDArray[np.floating[Any]]) -> Picture:
        """Replace the pixels, keeping depth, grey, alpha and metadata.

        Without a profile (or with sRGB's) each sample is value * maximum, rounded half up. With
        one, colours are converted back into it; what of a pixel `to_srgb` could not express (the
        part outside sRGB) is added again where the new value still lies at the edge of sRGB
        where the old one was cut off. Either way `p.with_srgb(p.to_srgb())` has p's pixels.

        Args:
            srgb: (H, W, 3) floating point, nominally in [0, 1]; clipped.

        Raises:
            ValueError: the size differs.
        """
        if srgb.shape != (self.height, self.width, 3):
            raise ValueError(f"expected ({self.height}, {self.width}, 3), not {srgb.shape}")
        out = np.empty_like(self.pixels)
        top = np.float32(np.iinfo(out.dtype).max)
        how = self._converter()
        for rows in self._bands():
            new = np.clip(srgb[rows], 0, 1).astype(np.float32, copy=False)
            if how is not None:
                old = self.pixels[rows]
                clipped = how.to_srgb(old)
                lost = old / top - how.from_srgb(clipped)
                values = how.from_srgb(new) + lost * _still_at_edge(clipped, new)
            elif self.is_grey:
                # Three equally good estimates of one grey: their mean has the least noise.
                values = new.mean(axis=2, keepdims=True)
            else:
                values = new
            out[rows] = np.clip(np.floor(values * top + np.float32(0.5)), 0, top)
        return replace(self, pixels=out)

    def write(self, path: Path, format: str | None = None, quality: int = 95) -> None:
        """Write the file at once: under its final name it is whole, or as it was before.

        Args:
            path: the file; replaced if it exists. Its folder must exist.
            format: a key of `FORMATS`; None goes by the suffix. PNG and TIFF keep the depth, the
                others have 8 bits. JPEG and BMP lay alpha over white. BMP holds no
                metadata, and WebP no grey profile: such pictures are converted to sRGB.
            quality: 1 to 100, for JPEG and WebP.

        Raises:
            RestoreError: the format is unknown or cannot hold the picture, or the file cannot be
                written (disk full, no permission, no such folder). Nothing is left behind.
        """
        format = resolve_format(path, format)
        if not 1 <= quality <= 100:
            raise RestoreError(f"quality {quality} is out of range", hint="give 1 to 100")
        pixels, metadata = self.pixels, Metadata(self.icc, self.exif, self.xmp, self.iptc)
        if self.icc is not None and not holds_profile(format, self.is_grey):
            plain = Picture(pixels).with_srgb(self.to_srgb())
            pixels, metadata = plain.pixels, replace(metadata, icc=None)
        try:
            data = encode(pixels, self.alpha, metadata, format, quality)
        except DAMAGE as error:
            raise RestoreError(
                f"{path}: cannot be written as {format.upper()}: {error}", hint="try PNG or TIFF"
            ) from error
        write_atomically(path, data)

    def _converter(self) -> Converter | None:
        return None if self.icc is None else converter(self.icc, self.pixels.shape[2])

    def _bands(self) -> Iterator[slice]:
        rows = max(1, _BAND // self.width)
        return (slice(top, top + rows) for top in range(0, self.height, rows))

    @staticmethod
    def _band_to_srgb(band: NDArray[Any], how: Converter | None) -> NDArray[np.float32]:
        if how is not None:
            return how.to_srgb(band)
        # One channel fills three on assignment.
        return np.divide(band, np.iinfo(band.dtype).max, dtype=np.float32)


def resolve_format(path: Path, format: str | None) -> str:
    """Name the format to write: the one given, else the one that the suffix means.

    Raises:
        RestoreError: neither is known.
    """
    wanted = path.suffix.lower() if format is None else "." + format.lower()
    for name, suffixes in FORMATS.items():
        if wanted[1:] == name or wanted in suffixes:
            return name
    what = f"the suffix {path.suffix!r}" if format is None else f"the format {format!r}"
    raise RestoreError(
        f"{path}: {what} is not one that is written", hint="choose from " + ", ".join(FORMATS)
    )


def _still_at_edge(clipped: NDArray[np.float32], new: NDArray[np.float32]) -> NDArray[np.float32]:
    """Say, per pixel, how much of what sRGB cut off should return (1 all, 0 none).

    A flower too red for sRGB gets its red back. Noise that strayed out of sRGB does not return
    once it is removed: the new value then lies well inside.
    """
    away = np.where(clipped <= 0, new, 0) + np.where(clipped >= 1, 1 - new, 0)
    return np.clip(1 - away.max(axis=2, keepdims=True) / _EDGE, 0, 1)


def _read_file(path: Path) -> tuple[bytes, str]:
    """Read a file whose start looks like a picture; return its bytes and format."""
    with naming_problems(path), path.open("rb") as file:
        start = file.read(64)
        format = sniff(start, path)
        return start + file.read(), format


@contextmanager
def naming_problems(path: Path) -> Generator[None]:
    """Check that a file is one before it is read, and say in words why it cannot be.

    Raises:
        RestoreError: there is no such file, or it cannot be read; names the file and the cure.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise RestoreError(f"{path}: this is a folder, not a picture", hint="name a file")
        if not stat.S_ISREG(mode):
            raise RestoreError(f"{path}: this is not a regular file", hint="name a file")
        yield
    except FileNotFoundError as error:
        raise RestoreError(
            f"{path}: there is no such file", hint="was it moved, renamed or deleted?"
        ) from error
    except PermissionError as error:
        raise RestoreError(
            f"{path}: no permission to read it", hint="change its permissions or its owner"
        ) from error
    except OSError as error:
        raise RestoreError(
            f"{path}: cannot be read: {error.strerror or error}", hint="is the disk in order?"
        ) from error
    except MemoryError as error:
        raise RestoreError(f"{path}: not enough memory to read it") from error
