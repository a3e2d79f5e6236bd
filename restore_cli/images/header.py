"""How large a picture is, from the head of its file: no pixel is decoded."""

import os
import struct
from pathlib import Path
from typing import BinaryIO, cast

from PIL import Image

from restore_cli.images import jpeg, png, pnm, tiff
from restore_cli.images.decode import DAMAGE
from restore_cli.images.exif import usable
from restore_cli.images.metadata import orientation
from restore_cli.images.picture import Picture
from restore_cli.images.regular import FileBytes, open_once, size_of
from restore_cli.images.room import MAX_METADATA, MAX_PIXELS
from restore_cli.images.sniff import sniff

_PILLOW_NAMES = {"webp": ("WEBP",), "bmp": ("BMP",)}
_CHUNK = struct.Struct(">I4s")


def upright_size(path: Path) -> tuple[int, int]:
    """Size of a picture as `Picture.read` gives it: with its orientation baked in.

    What the head of the file does not tell for sure (damage, animations, unusual kinds of samples)
    is read as a whole, so that it is refused in the reader's own words.

    Args:
        path: the file.

    Returns:
        (width, height) in pixels.

    Raises:
        RestoreError: it cannot be read; names the file and the cure.
    """
    size = size_of_head(path)
    if size is None:
        picture = Picture.read(path)
        return picture.width, picture.height
    return size


def size_of_head(path: Path) -> tuple[int, int] | None:
    """The same where the head of the file tells it for sure; else None.

    Raises:
        RestoreError: it is no picture, or no regular file.
    """
    try:
        size = _from_head(path)
    except DAMAGE:
        return None
    return size if size is not None and 0 < size[0] * size[1] <= MAX_PIXELS else None


def count_pages(path: Path) -> int:
    """How many full pictures a file holds: more than one only for a TIFF.

    Raises:
        RestoreError, OSError, ValueError: it cannot be read.
    """
    with open_once(path) as file:
        if sniff(file.read(64), path) != "tiff":
            return 1
        return tiff.inspect(cast("bytes", FileBytes(file))).pages


def _from_head(path: Path) -> tuple[int, int] | None:
    with open_once(path) as file:
        format = sniff(file.read(64), path)
        file.seek(0)
        if format == "png":
            return _png(file)
        if format == "tiff":
            return _tiff(file)
        if format in ("ppm", "pam", "pfm"):
            return pnm.size(file.read(4096))
        if format == "jpg":
            return _jpg(file)
        return _other(file, format) if format in _PILLOW_NAMES else None


def _png(file: BinaryIO) -> tuple[int, int] | None:
    """Take the PNG without its pixels apart; a file that ends early raises."""
    end = size_of(file)
    parts = [file.read(len(png.SIGNATURE))]
    kind, pixels, kept, at = b"", 0, 0, len(png.SIGNATURE)
    while kind != b"IEND":
        head = file.read(_CHUNK.size)
        length, kind = _CHUNK.unpack(head)
        png.check_kind(kind)
        length += 4  # the checksum
        at += _CHUNK.size + length
        if at > end:  # asking the file where it is would make other threads wait
            raise ValueError("the file ends early")
        if kind == b"IDAT":
            pixels += 1
            file.seek(length, os.SEEK_CUR)
        else:
            kept += _CHUNK.size + length
            if kept > MAX_METADATA:
                raise ValueError("its metadata is too large")
            parts += [head, file.read(length)]
    seen = png.inspect(b"".join(parts))
    if not pixels or seen.frames > 1:
        return None
    return _turned(seen.width, seen.height, seen.metadata.exif, seen.metadata.xmp)


def _tiff(file: BinaryIO) -> tuple[int, int] | None:
    # Tags may lie anywhere. A map gives bytes when sliced, and reads only what is asked for.
    seen = tiff.inspect(cast("bytes", FileBytes(file)))
    plain = not seen.formats - {1} and seen.photometric <= tiff.RGB
    plain = plain and (not set(seen.bits) - {8} or not set(seen.bits) - {16})
    if seen.raw or not plain:
        return None
    return _swapped(seen.width, seen.height, seen.orientation)


def _jpg(file: BinaryIO) -> tuple[int, int] | None:
    # Pillow asks the file for each segment. Threads of Python that do so wait for one another:
    # two files of 65,535 segments took half a minute.
    seen = jpeg.head(cast("bytes", FileBytes(file)))
    return None if seen is None else _turned(*seen)


def _other(file: BinaryIO, format: str) -> tuple[int, int] | None:
    with Image.open(file, formats=_PILLOW_NAMES[format]) as image:
        if format == "webp" and getattr(image, "n_frames", 1) > 1:
            return None
        exif, xmp = image.info.get("exif"), image.info.get("xmp")
        exif = exif.removeprefix(b"Exif\0\0") if exif else None
        return _turned(image.width, image.height, exif, xmp)


def _turned(width: int, height: int, exif: bytes | None, xmp: bytes | None) -> tuple[int, int]:
    """Bake the orientation in; a damaged block says nothing, as in reading."""
    block = None if exif is None else usable(exif)[0]
    return _swapped(width, height, orientation(block, xmp))


def _swapped(width: int, height: int, turned: int) -> tuple[int, int]:
    return (width, height) if turned < 5 else (height, width)
