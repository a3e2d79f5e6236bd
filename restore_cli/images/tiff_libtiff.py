"""TIFF pages that libtiff alone decodes, which Pillow and OpenCV bring along."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore_cli.images.ifd import SHORT, Buffer, TagReader
from restore_cli.images.metadata import ORIENTATION
from restore_cli.images.refusal import NotSupportedError

if TYPE_CHECKING:
    from restore_cli.images.tiff import TiffFile


def old_jpeg(data: Buffer, file: TiffFile) -> NDArray[np.uint8]:
    """Decode old-style JPEG to (H, W, 3), at 8 bits.

    Raises:
        NotSupportedError: this libtiff cannot.
    """
    with Image.open(io.BytesIO(upright_page(data, file)), formats=("TIFF",)) as image:
        try:
            samples = np.array(image.convert("RGB"))
        except (OSError, ValueError) as error:
            name = compression_name(file.compression)
            raise NotSupportedError(f"a TIFF compressed by {name}") from error
    return samples


def ycbcr(data: Buffer, file: TiffFile) -> NDArray[np.uint8]:
    """Decode YCbCr that is not JPEG, subsampled or not, to RGB (H, W, 3), at 8 bits.

    Raises:
        NotSupportedError: of other bits.
        ValueError: the pixels are damaged.
    """
    if file.bits != (8, 8, 8):
        raise NotSupportedError(f"a TIFF of YCbCr of {max(file.bits)} bits")
    page = np.frombuffer(upright_page(data, file), np.uint8)
    samples = cv2.imdecode(page, cv2.IMREAD_COLOR)
    if samples is None:
        raise ValueError("its pixels cannot be decoded")
    return np.ascontiguousarray(samples[..., ::-1]).astype(np.uint8, copy=False)


def upright_page(data: Buffer, file: TiffFile) -> bytes:
    """The same file with only the inspected page, marked as upright, for any decoder."""
    reader = TagReader.open(data)
    out = bytearray(data)
    order, word = reader.order, "Q" if reader.big else "I"
    struct.pack_into(order + word, out, 8 if reader.big else 4, file.page.offset)
    if file.page.following:
        struct.pack_into(order + word, out, file.page.link, 0)
    turned = file.page.fields.get(ORIENTATION)
    if turned is not None and turned.kind == SHORT:
        struct.pack_into(order + "H", out, turned.position, 1)
    return bytes(out)


def compression_name(number: int) -> str:
    """The compression's name and number, for messages."""
    import tifffile

    try:
        return f"{tifffile.COMPRESSION(number).name} (number {number})"
    except ValueError:
        return f"the method number {number}"
