"""A picture and what must survive beside its pixels: depth, grey, alpha, profile, EXIF."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.errors import RestoreError
from restore_cli.images.atomic import write_atomically
from restore_cli.images.chatter import reading
from restore_cli.images.decode import DAMAGE, decode
from restore_cli.images.decoded import Coding, Decoded
from restore_cli.images.encode import encode
from restore_cli.images.fit import fit
from restore_cli.images.formats import FORMATS, resolve_format
from restore_cli.images.metadata import Metadata, Resolution, Text, settle_exif
from restore_cli.images.profile import LINEAR, Converter, ProfileError, converter
from restore_cli.images.regular import naming_problems, open_once, size_of
from restore_cli.images.resize import resized
from restore_cli.images.room import admit
from restore_cli.images.samples import from_floats, to_floats
from restore_cli.images.saving import DEFAULT, Saving
from restore_cli.images.sniff import sniff

_DTYPES = ("uint8", "uint16", "float32")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as its file has it, upright.

    Args:
        pixels: (H, W, C), C is 1 (grey) or 3 (RGB), uint8, uint16 or float32, in the file's own
            colours. Floats are nominally in [0, 1], and may lie beyond.
        alpha: (H, W) of the same dtype, not premultiplied, or None.
        icc: colour profile, or None for sRGB. One that cannot be used is dropped with a note.
        exif: EXIF block from its byte-order mark on, orientation 1, without thumbnail.
        xmp: XMP packet, its orientation 1.
        format: what the file was, a key of `FORMATS`.
        iptc: IPTC-IIM records.
        notes: what was ignored or changed while reading, for people.
        resolution: how many pixels to the inch or centimetre.
        texts: a PNG's text chunks.
        comment: a JPEG's or PNG's comment.
        coding: how the file was compressed, for writing it alike; None where unknown.
        linear: the samples are linear light of sRGB's primaries (OpenEXR, HDR, PFM).
        thumbnail: the EXIF block had a thumbnail, to be made again in writing.
        pages: how many pictures the file holds.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    icc: bytes | None = None
    exif: bytes | None = field(default=None, repr=False)
    xmp: bytes | None = field(default=None, repr=False)
    format: str = "png"
    iptc: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    resolution: Resolution | None = None
    texts: tuple[Text, ...] = field(default=(), repr=False)
    comment: bytes | None = None
    coding: Coding | None = field(default=None, repr=False)
    linear: bool = False
    thumbnail: bool = False
    pages: int = 1

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] not in (1, 3) or str(dtype) not in _DTYPES:
            raise ValueError(
                f"pixels are (H, W, 1 or 3) uint8, uint16 or float32, not {shape} {dtype}"
            )
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
        """Bits per sample, 8, 16 or 32 (floats): that of the file's type, whatever the values."""
        return 8 * self.pixels.dtype.itemsize

    @property
    def is_grey(self) -> bool:
        """True for one channel."""
        return self.pixels.shape[2] == 1

    @classmethod
    def read(cls, path: Path, page: int = 0, *, opened: int | None = None) -> Picture:
        """Read a picture of any format of `formats.FORMATS`, told by its content.

        Palettes become RGB, CMYK and Lab become sRGB. A profile that is damaged or is for another
        kind of picture is dropped with a note.

        Args:
            path: the file.
            page: which picture of a TIFF of several, from 0 on.
            opened: its descriptor, where somebody has opened it; it is closed.

        Raises:
            RestoreError: it cannot be read; names the file and the cure.
        """
        data, format = _read_file(path, opened)
        try:
            with reading(path):
                decoded = decode(data, format, path, page)
        except MemoryError as error:
            raise RestoreError(
                f"{path}: not enough memory to read it", hint="cut it into pieces"
            ) from error
        return cls.of_decoded(decoded, format)

    @classmethod
    def of_decoded(cls, decoded: Decoded, format: str) -> Picture:
        """The picture of what was decoded; a profile that cannot be used goes with a note."""
        meta, notes, pixels = decoded.metadata, decoded.notes, decoded.pixels
        if meta.icc is not None:
            try:
                converter(meta.icc, pixels.shape[2], floats=pixels.dtype.kind == "f")
            except ProfileError as error:
                meta = replace(meta, icc=None)
                notes += (f"its colour profile {error} and was ignored: read as sRGB",)
        return cls(
            pixels=pixels,
            alpha=decoded.alpha,
            icc=meta.icc,
            exif=meta.exif,
            xmp=meta.xmp,
            format=format,
            iptc=meta.iptc,
            notes=notes,
            resolution=meta.resolution,
            texts=meta.texts,
            comment=meta.comment,
            coding=decoded.coding,
            linear=decoded.linear,
            thumbnail=decoded.thumbnail,
            pages=decoded.pages,
        )

    @property
    def metadata(self) -> Metadata:
        """What travels beside the pixels."""
        return Metadata(
            self.icc, self.exif, self.xmp, self.iptc, self.resolution, self.texts, self.comment
        )

    def to_srgb(self) -> NDArray[np.float32]:
        """Give the picture as the network wants it.

        Returns:
            (H, W, 3) float32 sRGB in [0, 1]. Grey is repeated. Colours outside sRGB are clipped;
            `with_srgb` brings them back.
        """
        out = np.empty((self.height, self.width, 3), np.float32)
        return to_floats(self.pixels, self._converter(), out)

    def to_planes(self) -> NDArray[np.float32]:
        """The same, (3, H, W)."""
        planes = np.empty((3, self.height, self.width), np.float32)
        to_floats(self.pixels, self._converter(), planes.transpose(1, 2, 0))
        return planes

    def with_srgb(self, srgb: NDArray[np.floating[Any]]) -> Picture:
        """Replace the pixels, keeping depth, grey, alpha and metadata.

        Integers without a profile (or with sRGB's) are value * maximum, rounded half up. Otherwise
        colours are converted back into the profile; what of a pixel `to_srgb` could not express
        (the part outside sRGB, light above 1) is added again where the new value still lies at the
        edge of sRGB where the old one was cut off. In each case `p.with_srgb(p.to_srgb())` has p's
        pixels.

        Args:
            srgb: (H, W, 3) floating point, nominally in [0, 1]; clipped.

        Raises:
            ValueError: the size differs.
        """
        if srgb.shape != (self.height, self.width, 3):
            raise ValueError(f"expected ({self.height}, {self.width}, 3), not {srgb.shape}")
        return replace(self, pixels=from_floats(self.pixels, srgb, self._converter()))

    def resized(self, height: int, width: int) -> Picture:
        """The picture at another size, bicubic; what travels beside the pixels is made true of it.

        Args:
            height: rows.
            width: columns; the picture's own size gives the picture itself.
        """
        if (height, width) == (self.height, self.width):
            return self
        return replace(
            self,
            pixels=resized(self.pixels, height, width),
            alpha=None
            if self.alpha is None
            else resized(self.alpha[..., None], height, width)[..., 0],
            exif=None if self.exif is None else settle_exif(self.exif, width, height),
        )

    def write(
        self, path: Path, format: str | None = None, saving: Saving = DEFAULT
    ) -> tuple[str, ...]:
        """Write the file at once: under its final name it is whole, or as it was before.

        What the format cannot carry is converted or left out, as the table in `formats` says.

        Args:
            path: the file; replaced if it exists. Its folder must exist.
            format: a key of `formats.FORMATS`; None goes by the suffix.
            saving: how it is compressed.

        Returns:
            Notes on what the format could not carry, for people.

        Raises:
            RestoreError: the format is unknown or cannot hold the picture, or the file cannot be
                written (disk full, no permission, no such folder). Nothing is left behind.
        """
        return write_pages([self], path, format, saving)

    def save(
        self, path: str | os.PathLike[str], format: str | None = None, quality: int | None = None
    ) -> tuple[str, ...]:
        """Write the file, as `write` does, to a path of any type; `quality` is that of `Saving`."""
        return self.write(Path(path), format, Saving(quality=quality))

    def _converter(self) -> Converter | None:
        if self.linear:
            return LINEAR
        floats = self.pixels.dtype.kind == "f"
        return (
            None if self.icc is None else converter(self.icc, self.pixels.shape[2], floats=floats)
        )


def write_pages(
    pictures: Sequence[Picture], path: Path, format: str | None = None, saving: Saving = DEFAULT
) -> tuple[str, ...]:
    """Write one picture, or several as the pages of a TIFF; see `Picture.write`.

    Raises:
        RestoreError: as there; and several pictures into a format that holds one.
    """
    format = resolve_format(path, format)
    saving.check()
    fitted = [fit(picture, format) for picture in pictures]
    try:
        data = encode([picture for picture, _ in fitted], format, saving)
    except DAMAGE as error:
        raise RestoreError(
            f"{path}: cannot be written as {FORMATS[format].title}: {error}",
            hint="try PNG or TIFF",
        ) from error
    write_atomically(path, data)
    notes = [note for _, notes in fitted for note in notes]
    if saving.lossless and not FORMATS[format].exact:
        notes.append(f"{FORMATS[format].title} is written with the least loss, not without any")
    return tuple(dict.fromkeys(notes))


def _read_file(path: Path, opened: int | None) -> tuple[bytes, str]:
    """Read a file whose start looks like a picture; return its bytes and format."""
    with (
        naming_problems(path),
        open_once(path) if opened is None else os.fdopen(opened, "rb") as file,
    ):
        start = file.read(64)
        format = sniff(start, path)
        size = size_of(file)
        admit(path, size)
        # No more than that: files of /proc and files that grow have no end of their own.
        return start + file.read(max(0, size - len(start))), format
