"""From a file's bytes to upright pixels, alpha and metadata.

OpenCV decodes 16-bit colour; Pillow decodes the rest. The kind of file is told by its content.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images import png, tiff
from restore_cli.images.ifd import Buffer
from restore_cli.images.metadata import (
    Metadata,
    bake,
    orientation,
    settle_exif,
    settle_xmp,
    unwrap_iptc,
)
from restore_cli.images.profile import cmyk_to_srgb

MAX_PIXELS = 1_000_000_000
"""Larger pictures are refused. Pillow's own limit, 89 megapixels, refuses today's photographs."""
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

READABLE = "PNG, JPEG, TIFF, WebP and BMP"
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, OverflowError, TypeError),
    *(struct.error, zlib.error, cv2.error, Image.DecompressionBombError),
)
"""What decoders raise on damaged files."""

_STARTS = {
    png.SIGNATURE: "png",
    b"\xff\xd8\xff": "jpg",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
}
_CONVERT = f"convert it to one of {READABLE}"
_RAW = "it is a camera RAW file: develop it first, with `restore isp`"
_OTHERS = (
    (0, b"GIF8", "a GIF", _CONVERT),
    (0, b"8BPS", "a Photoshop document", _CONVERT),
    (0, b"%PDF", "a PDF", _CONVERT),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR file", _CONVERT),
    (0, b"#?R", "a Radiance HDR file", _CONVERT),
    (0, b"\xff\x0a", "a JPEG XL file", _CONVERT),
    (4, b"JXL ", "a JPEG XL file", _CONVERT),
    (4, b"jP  ", "a JPEG 2000 file", _CONVERT),
    (4, b"ftypavi", "an AVIF file", _CONVERT),
    (4, b"ftyphe", "a HEIC file", _CONVERT),
    (4, b"ftypmif1", "a HEIC file", _CONVERT),
    (4, b"ftypcrx", "a Canon RAW file", _RAW),
    (8, b"CR\x02", "a Canon RAW file", _RAW),
    (0, b"FUJIFILMCCD-RAW", "a Fujifilm RAW file", _RAW),
    (0, b"IIRO", "an Olympus RAW file", _RAW),
    (0, b"IIU\0", "a Panasonic RAW file", _RAW),
)
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a file holds, upright.

    Args:
        pixels: (H, W, C), C is 1 (grey) or 3 (RGB), uint8 or uint16.
        alpha: (H, W) of the same dtype, or None.
        metadata: made true for the upright picture.
        notes: what was ignored or changed, in words.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None
    metadata: Metadata
    notes: tuple[str, ...] = ()


def sniff(start: bytes, path: Path) -> str:
    """Tell the format by the first bytes.

    Args:
        start: at least the first 64 bytes of the file, or all of it.
        path: named in errors.

    Returns:
        "png", "jpg", "tiff", "webp" or "bmp".

    Raises:
        RestoreError: it is empty, or something else.
    """
    if not start:
        raise RestoreError(f"{path}: the file is empty", hint="copy or export it again")
    for offset, magic, what, hint in _OTHERS:
        if start[offset : offset + len(magic)] == magic:
            raise RestoreError(f"{path}: this is {what}, which is not read", hint=hint)
    for magic, name in _STARTS.items():
        if start.startswith(magic):
            return name
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    if (
        start[:2] == b"BM"
        and len(start) >= 18
        and struct.unpack_from("<I", start, 14)[0] in _BMP_HEADERS
    ):
        return "bmp"
    text = all(byte >= 32 or byte in b"\t\n\r\f" for byte in start)
    what = "not a picture: it looks like text" if text else "not a picture of a known format"
    raise RestoreError(f"{path}: {what}", hint=f"{READABLE} files are read")


def decode(data: bytes, format: str, path: Path) -> Decoded:
    """Decode a file.

    Args:
        data: the whole file.
        format: what `sniff` said.
        path: named in errors.

    Raises:
        RestoreError: the file is damaged, animated, of several pages, or of an unsupported kind.
    """
    try:
        if format == "png":
            return _decode_png(data, path)
        if format == "tiff":
            return _decode_tiff(data, path)
        return _decode_other(data, format, path)
    except DAMAGE as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if isinstance(error, cv2.error | Image.UnidentifiedImageError):
            why = "it cannot be decoded"
        raise RestoreError(
            f"{path}: the {format.upper()} file is damaged or truncated ({why})",
            hint="copy or export it again",
        ) from error


def _check_size(width: int, height: int, path: Path) -> None:
    if width <= 0 or height <= 0:
        raise RestoreError(
            f"{path}: the picture is {width} x {height} pixels: there is nothing in it"
        )
    if width * height > MAX_PIXELS:
        raise RestoreError(
            f"{path}: the picture is {width} x {height} pixels; the limit is one gigapixel",
            hint="cut it into pieces",
        )


def _refuse_animation(frames: int, what: str, path: Path) -> None:
    if frames > 1:
        raise RestoreError(
            f"{path}: the file holds {frames} {what}, not one picture",
            hint="save the one you want as a file of its own",
        )


def _decode_png(data: bytes, path: Path) -> Decoded:
    file = png.inspect(data)
    _check_size(file.width, file.height, path)
    _refuse_animation(file.frames, "frames", path)
    if file.bits < 16:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if file.key is not None:
                image.info.pop("transparency", None)  # applied below, alike at every depth
            pixels, alpha, notes = _from_pillow(image, file.metadata.icc)
    else:
        clean = data if file.key is None else png.without(data, b"tRNS")
        samples = cv2.imdecode(np.frombuffer(clean, np.uint8), cv2.IMREAD_UNCHANGED)
        if samples is None or samples.dtype != np.uint16:
            raise ValueError("its pixels cannot be decoded")
        samples = samples.reshape(file.height, file.width, -1)
        alpha = samples[..., 3] if samples.shape[2] == 4 else None
        # OpenCV gives grey with alpha as four channels, and colour as BGR.
        grey = file.color_type in (png.GREY, 4)
        pixels, notes = samples[..., :1] if grey else samples[..., 2::-1], ()
    if file.key is not None:
        top = 255 if pixels.dtype == np.uint8 else 65535
        key = np.array(file.key, np.uint32) * top // ((1 << file.bits) - 1)
        alpha = np.where((pixels == key).all(axis=2), 0, top).astype(pixels.dtype)
    return _upright(pixels, alpha, file.metadata, file.notes + notes)


def _decode_tiff(data: bytes, path: Path) -> Decoded:
    file = tiff.inspect(data)
    if file.raw:
        raise RestoreError(f"{path}: this is a DNG", hint=_RAW)
    _check_size(file.width, file.height, path)
    _refuse_animation(file.pages, "pages", path)
    if file.formats - {1, 4}:
        kind = "floating-point" if 3 in file.formats else "signed or complex"
        raise RestoreError(
            f"{path}: the TIFF stores {kind} samples, which are not read",
            hint="export it with 8 or 16 bits per channel",
        )
    depth = max(file.bits)
    deep = depth == 16 and file.photometric in (tiff.WHITE_IS_ZERO, tiff.BLACK_IS_ZERO, tiff.RGB)
    if depth not in (1, 2, 4, 8, 16) or len(set(file.bits)) > 1 or file.photometric > 6:
        what = "Lab colour" if file.photometric in (8, 9, 10) else f"{depth}-bit samples"
        raise RestoreError(
            f"{path}: the TIFF stores {what}, which is not read",
            hint="export it as RGB or grey with 8 or 16 bits per channel",
        )
    notes: tuple[str, ...] = ()
    if any(kind not in (1, 2) for kind in file.extra):
        notes = ("a channel that is neither colour nor alpha was left out",)
    if deep:
        samples = tiff.read_16_bit(data, file)
        if samples is None:
            raise ValueError("its pixels cannot be decoded")
        pixels, alpha = _split(samples, file)
    else:
        single = bytes(tiff.single_upright_page(data, file))
        with Image.open(io.BytesIO(single), formats=("TIFF",)) as image:
            pixels, alpha, more = _from_pillow(image, file.metadata.icc)
        if depth == 16:
            more += ("16-bit samples of this kind are read at 8 bits",)
        notes += more
    return _upright(pixels, alpha, file.metadata, notes, file.orientation)


def _split(
    samples: NDArray[np.uint16], file: tiff.TiffFile
) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """Separate alpha from 16-bit samples, undoing premultiplication."""
    colors = samples.shape[2] - len(file.extra)
    pixels = samples[..., :colors]
    which = next((i for i, kind in enumerate(file.extra) if kind in (1, 2)), None)
    if which is None:
        return pixels, None
    alpha = samples[..., colors + which]
    if file.extra[which] == 1:
        rows = max(1, (1 << 20) // file.width)
        for top in range(0, file.height, rows):
            band, over = pixels[top : top + rows], alpha[top : top + rows, :, None]
            free = band * (65535 / np.maximum(over, 1).astype(np.float32))
            band[...] = np.clip(free + 0.5, 0, 65535)
    return pixels, alpha


def _decode_other(data: Buffer, format: str, path: Path) -> Decoded:
    # Phones store a second picture (depth, gain map) after the first: Pillow calls that MPO.
    known = {"jpg": ("JPEG", "MPO"), "webp": ("WEBP",), "bmp": ("BMP",)}[format]
    with Image.open(io.BytesIO(data), formats=known) as image:
        _check_size(image.width, image.height, path)
        if format == "webp":
            _refuse_animation(getattr(image, "n_frames", 1), "frames", path)
        info: dict[Any, Any] = dict(image.info)
        pixels, alpha, notes = _from_pillow(image, info.get("icc_profile"))
    exif: bytes | None = info.get("exif") or None
    resources = info.get("photoshop")
    iptc = resources.get(0x0404) if isinstance(resources, dict) else None
    metadata = Metadata(
        icc=info.get("icc_profile") or None,
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        xmp=info.get("xmp") or None,
        iptc=unwrap_iptc(iptc) if iptc else None,
    )
    return _upright(pixels, alpha, metadata, notes)


def _from_pillow(
    image: Image.Image, icc: bytes | None
) -> tuple[NDArray[Any], NDArray[Any] | None, tuple[str, ...]]:
    """Take pixels and alpha out of a Pillow picture of any supported mode."""
    notes: tuple[str, ...] = ()
    image.load()
    if image.mode == "CMYK":
        image, notes = cmyk_to_srgb(image, icc), ("CMYK was converted to sRGB",)
    elif image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode in ("1", "YCbCr", "RGBX", "La", "RGBa"):
        modes = {"1": "L", "La": "LA", "RGBa": "RGBA"}
        image = image.convert(modes.get(image.mode, "RGB"))
    elif image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise ValueError(f"samples of mode {image.mode} are not read")
    samples = np.array(image)
    if samples.ndim == 2:
        return samples[..., None], None, notes
    if samples.shape[2] in (2, 4):
        return samples[..., :-1], samples[..., -1], notes
    return samples, None, notes


def _upright(
    pixels: NDArray[Any],
    alpha: NDArray[Any] | None,
    metadata: Metadata,
    notes: tuple[str, ...],
    turned: int | None = None,
) -> Decoded:
    """Bake the orientation in and make the metadata say so."""
    if metadata.exif is not None:
        try:
            orientation(metadata.exif, None)
            settle_exif(metadata.exif, 1, 1)
        except (ValueError, struct.error):
            metadata = replace(metadata, exif=None)
            notes += ("its EXIF block is damaged and was ignored",)
    if turned is None:
        turned = orientation(metadata.exif, metadata.xmp)
    pixels = bake(pixels, turned)
    if alpha is not None:
        alpha = bake(alpha, turned)
    height, width = pixels.shape[:2]
    if metadata.exif is not None:
        metadata = replace(metadata, exif=settle_exif(metadata.exif, width, height))
    if metadata.xmp is not None:
        metadata = replace(metadata, xmp=settle_xmp(metadata.xmp))
    if "CMYK was converted to sRGB" in notes:
        metadata = replace(metadata, icc=None)
    return Decoded(pixels, alpha, metadata, notes)
