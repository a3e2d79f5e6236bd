"""From pixels, alpha and metadata to a file's bytes."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore_cli.images import png, tiff
from restore_cli.images.metadata import Metadata, wrap_iptc

LONGEST_SIDE = {"jpg": 65500, "webp": 16383, "bmp": 2**31 - 1, "png": 2**31 - 1, "tiff": 2**31 - 1}
"""Pixels; libjpeg's, libwebp's and the formats' own limits."""
_MARKER_ROOM = 65533 - 40  # what fits into one JPEG marker beside its own header


def holds_profile(format: str, is_grey: bool) -> bool:
    """Say whether a format can hold the picture's profile: BMP never, WebP none for grey."""
    return format != "bmp" and not (format == "webp" and is_grey)


def to_eight_bit(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Round uint16 to uint8, half up; uint8 passes."""
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def flatten(pixels: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Lay a picture over white, in encoded values as browsers do.

    Args:
        pixels: (H, W, C) uint8.
        alpha: (H, W) uint8.
    """
    cover = alpha[..., None].astype(np.uint16)
    over = pixels * cover + 255 * (255 - cover)
    return ((over + 127) // 255).astype(np.uint8)


def encode(
    pixels: NDArray[Any],
    alpha: NDArray[Any] | None,
    metadata: Metadata,
    format: str,
    quality: int,
) -> bytes:
    """Encode a picture.

    Args:
        pixels: (H, W, 1) or (H, W, 3) RGB, uint8 or uint16.
        alpha: (H, W) of the same dtype, or None.
        metadata: kept as far as the format can: JPEG drops EXIF or XMP beyond 64 kB, WebP has no
            place for IPTC, BMP for none of it.
        format: "png", "tiff" (lossless, any depth), "jpg", "webp" or "bmp" (8 bits; JPEG and
            BMP lay alpha over white; WebP has no grey).
        quality: 1 to 100, for JPEG and WebP. JPEG keeps full colour resolution from 90 up.

    Returns:
        The whole file.

    Raises:
        ValueError: the picture does not fit into the format.
    """
    if max(pixels.shape[:2]) > LONGEST_SIDE[format]:
        raise ValueError(f"{format.upper()} holds at most {LONGEST_SIDE[format]} pixels per side")
    if format == "png":
        return png.encode(pixels, alpha, metadata)
    if format == "tiff":
        return tiff.encode(pixels, alpha, metadata)
    pixels = to_eight_bit(pixels)
    alpha = None if alpha is None else to_eight_bit(alpha)
    if alpha is not None and format in ("jpg", "bmp"):
        pixels, alpha = flatten(pixels, alpha), None
    if pixels.shape[2] == 1 and (alpha is not None or format == "webp"):
        pixels = np.repeat(pixels, 3, axis=2)
    samples = pixels if alpha is None else np.dstack((pixels, alpha))
    image = Image.fromarray(
        np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples)
    )
    out = io.BytesIO()
    if format == "bmp":
        image.save(out, "BMP")
        return out.getvalue()
    options: dict[str, Any] = {
        "icc_profile": metadata.icc,
        "exif": b"Exif\0\0" + metadata.exif if metadata.exif else b"",
        "xmp": metadata.xmp or b"",
    }
    if format == "webp":
        image.save(out, "WEBP", quality=quality, method=4, exact=True, **options)
        return out.getvalue()
    for name in ("exif", "xmp"):
        if len(options[name] or b"") > _MARKER_ROOM:
            options[name] = b""
    sampling = "4:4:4" if quality >= 90 else "4:2:0"
    if pixels.shape[2] == 3:
        options["subsampling"] = sampling
    image.save(out, "JPEG", quality=quality, **options)
    return _with_iptc(out.getvalue(), metadata)


def _with_iptc(jpeg: bytes, metadata: Metadata) -> bytes:
    """Put IPTC, which Pillow does not write, behind the JFIF header."""
    if metadata.iptc is None or len(metadata.iptc) > _MARKER_ROOM:
        return jpeg
    body = b"Photoshop 3.0\0" + wrap_iptc(metadata.iptc)
    at = 2
    while jpeg[at : at + 2] in (b"\xff\xe0", b"\xff\xe1"):
        at += 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
    return b"".join((jpeg[:at], b"\xff\xed", struct.pack(">H", len(body) + 2), body, jpeg[at:]))
