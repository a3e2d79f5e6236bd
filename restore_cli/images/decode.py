"""From a file's bytes to upright pixels, alpha and metadata; one function for each kind of file."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from restore_cli.errors import RestoreError
from restore_cli.images import bmp, heif, jpeg, jxl, light, png, pnm, tiff, unended
from restore_cli.images.decoded import (
    CMYK_NOTE,
    LAB_NOTE,
    Coding,
    Decoded,
    upright,
    with_highlights,
)
from restore_cli.images.exif import resolution_of_exif
from restore_cli.images.formats import FORMATS
from restore_cli.images.metadata import Metadata
from restore_cli.images.profile import cmyk_to_srgb, lab_to_srgb
from restore_cli.images.refusal import NotSupportedError
from restore_cli.images.room import MAX_PIXELS, check_size
from restore_cli.images.sniff import RAW_HINT
from restore_cli.images.webp import riff
from restore_cli.images.webp import size as webp_size

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# What libraries print about damage is told here, in words that name the file.
# OpenCV 5 has its own place for that.
(getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(0)
warnings.filterwarnings("ignore", module="PIL")

DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, ArithmeticError, TypeError),
    *(AttributeError, AssertionError, RuntimeError),
    *(struct.error, zlib.error, cv2.error, Image.DecompressionBombError),
)
"""What decoders raise on damaged files."""


def decode(data: bytes, format: str, path: Path, page: int = 0) -> Decoded:
    """Decode a file.

    Args:
        data: the whole file.
        format: what `sniff` said.
        path: named in errors.
        page: which picture of a TIFF, from 0 on.

    Raises:
        RestoreError: the file is damaged, animated, or of an unsupported kind.
    """
    one = FORMATS[format]
    one.check_available(path)
    try:
        if format == "tiff":
            return _tiff(data, path, page)
        if page:
            raise tiff.NoSuchPageError(1)
        return _to_its_end(data, format, path)
    except tiff.NoSuchPageError as error:
        some = "one page" if error.pages == 1 else f"{error.pages} pages"
        raise RestoreError(
            f"{path}: there is no page {page + 1}: the file holds {some}",
            hint="pages are counted from 1; without a number, all are taken",
        ) from error
    except NotSupportedError as error:
        raise RestoreError(
            f"{path}: {error} is not supported",
            hint=error.hint or "export it as PNG, TIFF or JPEG of 8 or 16 bits",
        ) from error
    except Image.DecompressionBombError as error:
        raise RestoreError(
            f"{path}: the picture claims far more than one gigapixel, the limit",
            hint="cut it into pieces",
        ) from error
    except DAMAGE as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if isinstance(error, cv2.error | Image.UnidentifiedImageError):
            why = "it cannot be decoded"
        raise RestoreError(
            f"{path}: the {one.title} file is damaged or truncated ({why})",
            hint="copy or export it again",
        ) from error


def _to_its_end(data: bytes, format: str, path: Path) -> Decoded:
    """A picture, also where nothing but the end of its file is missing; noted then."""
    try:
        return _READERS[format](data, path)
    except DAMAGE as error:
        try:
            found = unended.ended(data, format)
        except DAMAGE:
            found = None
        if found is None:
            raise
        whole, missing = found
        if missing > unended.MOST_MISSING:
            raise ValueError(f"{missing:.0%} of its pixels are missing") from error
        decoded = _READERS[format](whole, path)
        return replace(decoded, notes=(*decoded.notes, unended.told(missing)))


def _refuse_animation(frames: int, path: Path) -> None:
    if frames > 1:
        raise RestoreError(
            f"{path}: the file holds {frames} frames, not one picture",
            hint="save the one you want as a file of its own",
        )


def _png(data: bytes, path: Path) -> Decoded:
    file = png.inspect(data)
    check_size(file.width, file.height, path, sample_bytes=file.pixel_bytes)
    _refuse_animation(file.frames, path)
    alone = png.pixels_alone(data, with_key=file.key is None)
    if file.bits < 16:
        with Image.open(io.BytesIO(alone), formats=("PNG",)) as image:
            pixels, alpha = _from_pillow(image)
    elif max(file.width, file.height) > png.LONGEST_SIDE:
        raise NotSupportedError("a 16-bit PNG of more than a million pixels a side")
    else:
        samples = cv2.imdecode(np.frombuffer(alone, np.uint8), cv2.IMREAD_UNCHANGED)
        if samples is None or samples.dtype != np.uint16:
            raise ValueError("its pixels cannot be decoded")
        samples = samples.reshape(file.height, file.width, -1)
        alpha = samples[..., 3] if samples.shape[2] == 4 else None
        # OpenCV gives grey with alpha as four channels, and colour as BGR.
        grey = file.color_type in (png.GREY, 4)
        pixels = samples[..., :1] if grey else samples[..., 2::-1]
    if file.key is not None:
        top = 255 if pixels.dtype == np.uint8 else 65535
        key = np.array(file.key, np.uint32) * top // ((1 << file.bits) - 1)
        alpha = np.where((pixels == key).all(axis=2), 0, top).astype(pixels.dtype)
    return upright(Decoded(pixels, alpha, file.metadata, file.notes))


def _tiff(data: bytes, path: Path, page: int) -> Decoded:
    file = tiff.inspect(data, page)
    if file.raw:
        raise RestoreError(f"{path}: this is a DNG", hint=RAW_HINT)
    check_size(file.width, file.height, path, sample_bytes=sum(file.bits) / 8)
    tiff.check_supported(file)
    return of_tiff(tiff.read_samples(data, file), file)


def of_tiff(samples: NDArray[Any], file: tiff.TiffFile) -> Decoded:
    """What a TIFF holds, from its samples.

    Args:
        samples: as `tiff.read_samples` gives them.
        file: what its tags say.

    Raises:
        NotSupportedError: so many channels are not read.
    """
    colors = samples.shape[2] - len(file.extra)
    if colors not in (1, 3, 4):
        raise NotSupportedError(f"a TIFF of {samples.shape[2]} channels")
    notes, metadata = file.notes, file.metadata
    pixels, alpha = samples[..., :colors], None
    which = next((i for i, kind in enumerate(file.extra) if kind in (1, 2)), None)
    if which is not None:
        alpha = np.ascontiguousarray(samples[..., colors + which])
        if file.extra[which] == 1:
            pixels = _unmultiplied(pixels, alpha)
    if len(file.extra) > (which is not None):
        notes += ("a channel that is neither colour nor alpha was left out",)
    if file.photometric == tiff.CMYK and colors == 4:
        if pixels.dtype.kind == "f":
            raise NotSupportedError("a floating-point TIFF of CMYK")
        pixels, notes = cmyk_to_srgb(pixels, metadata.icc), (*notes, CMYK_NOTE)
        metadata = replace(metadata, icc=None)
    elif file.photometric in (tiff.CIELAB, tiff.ICCLAB, tiff.ITULAB):
        pixels, alpha = lab_to_srgb(tiff.lab_numbers(pixels, file.photometric)), None
        metadata, notes = replace(metadata, icc=None), (*notes, LAB_NOTE)
    metadata = replace(metadata, resolution=resolution_of_exif(metadata.exif))
    decoded = Decoded(pixels, alpha, metadata, notes, pages=file.pages)
    return upright(decoded, file.orientation)


def _unmultiplied(pixels: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Undo premultiplication, rows at a time."""
    out = np.empty_like(pixels)
    top = 1.0 if pixels.dtype.kind == "f" else float(np.iinfo(pixels.dtype).max)
    least = np.float32(1e-6 if top == 1.0 else 1)
    for start in range(0, len(pixels), 256):
        band = pixels[start : start + 256]
        over = np.maximum(alpha[start : start + 256, :, None].astype(np.float32), least)
        free = band * (np.float32(top) / over)
        out[start : start + 256] = free if top == 1.0 else np.clip(free + 0.5, 0, top)
    return out


def _jpg(data: bytes, path: Path) -> Decoded:
    file = jpeg.inspect(data)
    metadata, notes = file.metadata, ()
    # Phones store a second picture (depth, gain map) after the first: Pillow calls that MPO.
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        check_size(image.width, image.height, path)
        mode = image.mode
        coding = Coding()
        if isinstance(image, JpegImageFile) and mode in ("L", "RGB"):
            coding = Coding(jpeg=jpeg.coding(image))
        if mode == "CMYK":
            image.load()
            pixels, alpha = cmyk_to_srgb(np.array(image), metadata.icc), None
            metadata, notes = replace(metadata, icc=None), (CMYK_NOTE,)
        else:
            pixels, alpha = _from_pillow(image)
    return upright(Decoded(pixels, alpha, metadata, notes, coding), None, file.second)


def _webp(data: bytes, path: Path) -> Decoded:
    check_size(*webp_size(data), path, sample_bytes=8)  # opening makes canvases of its own
    with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
        _refuse_animation(getattr(image, "n_frames", 1), path)
        pixels, alpha = _from_pillow(image)
        info: dict[Any, Any] = dict(image.info)
    lossless = b"VP8L" in (kind for kind, _ in riff(data))
    exif: bytes | None = info.get("exif") or None
    exif = exif.removeprefix(b"Exif\0\0") if exif else None
    metadata = Metadata(info.get("icc_profile") or None, exif, info.get("xmp") or None)
    return upright(Decoded(pixels, alpha, metadata, coding=Coding(lossless=lossless)))


def _bmp(data: bytes, path: Path) -> Decoded:
    width, height = struct.unpack_from("<ii" if data[14] >= 40 else "<HH", data, 18)
    check_size(width, abs(height), path)
    metadata, notes = bmp.metadata(data)
    pixels, alpha = bmp.read_samples(data)
    return upright(Decoded(pixels, alpha, metadata, notes))


def _plain(kind: str) -> Callable[[bytes, Path], Decoded]:
    """A reader of formats that say nothing beside their pixels."""

    def read(data: bytes, path: Path) -> Decoded:
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            check_size(image.width, image.height, path)
            pixels, alpha = _from_pillow(image)
        return Decoded(pixels, alpha, Metadata())

    return read


def _heif(data: bytes, path: Path, *, avif: bool) -> Decoded:
    if (size := heif.largest(data)) is not None:
        check_size(*size, path, sample_bytes=8)
    file = heif.read_avif(data) if avif else heif.read_heic(data)
    samples = file.samples
    if samples.ndim == 2:
        samples = np.repeat(samples[..., None], 3, axis=2)
    pixels = samples[..., :3]
    alpha = samples[..., 3] if samples.shape[2] == 4 else None
    # HEIC is decoded upright, whatever its EXIF says.
    return upright(
        Decoded(pixels, alpha, file.metadata, file.notes), None if avif else 1, file.second
    )


def _jxl(data: bytes, path: Path) -> Decoded:
    if (size := jxl.size(data)) is not None:
        check_size(*size, path, sample_bytes=8)
    file = jxl.read(data)
    samples = file.samples
    colors = 1 if samples.shape[2] < 3 else 3
    alpha = samples[..., colors] if samples.shape[2] > colors else None
    return upright(Decoded(samples[..., :colors], alpha, file.metadata, file.notes), 1)


def _light(
    read: Callable[[bytes], light.Light], size: Callable[[bytes], tuple[int, int] | None]
) -> Callable[[bytes, Path], Decoded]:
    def decoded(data: bytes, path: Path) -> Decoded:
        if (claimed := size(data)) is not None:
            check_size(*claimed, path, sample_bytes=16)
        pixels, alpha, notes = read(data)
        return with_highlights(Decoded(pixels, alpha, Metadata(), notes, linear=True))

    return decoded


def _pnm(data: bytes, path: Path) -> Decoded:
    check_size(*pnm.size(data), path, sample_bytes=8)
    pixels, alpha = pnm.read_samples(data)
    return Decoded(pixels, alpha, Metadata())


def _from_pillow(image: Image.Image) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Take pixels and alpha out of a Pillow picture of any supported mode."""
    image.load()
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode in ("1", "YCbCr", "RGBX", "La", "RGBa"):
        modes = {"1": "L", "La": "LA", "RGBa": "RGBA"}
        image = image.convert(modes.get(image.mode, "RGB"))
    elif image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise NotSupportedError(f"a picture of mode {image.mode}")
    samples = np.array(image)
    if samples.ndim == 2:
        return samples[..., None], None
    if samples.shape[2] in (2, 4):
        return samples[..., :-1], samples[..., -1]
    return samples, None


_READERS: Mapping[str, Callable[[bytes, Path], Decoded]] = {
    "png": _png,
    "jpg": _jpg,
    "webp": _webp,
    "bmp": _bmp,
    "avif": lambda data, path: _heif(data, path, avif=True),
    "heic": lambda data, path: _heif(data, path, avif=False),
    "jxl": _jxl,
    "exr": _light(light.read_exr, light.exr_size),
    "hdr": _light(light.read_hdr, light.hdr_size),
    "pfm": _light(lambda data: (pnm.read_floats(data), None, ()), pnm.size),
    "ppm": _pnm,
    "pam": _pnm,
    "tga": _plain("TGA"),
    "qoi": _plain("QOI"),
}
