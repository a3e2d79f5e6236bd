"""From a picture that fits its format (see `fit`) to a file's bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore_cli.images import bmp, heif, jpeg, jxl, light, png, pnm, tiff_write
from restore_cli.images.formats import FORMATS
from restore_cli.images.saving import Saving, Subsampling

if TYPE_CHECKING:
    from restore_cli.images.picture import Picture

_QUALITY = 95
_EFFORT = 6


def encode(pictures: Sequence[Picture], format: str, saving: Saving) -> bytes:
    """Encode a picture, or several into one TIFF.

    Args:
        pictures: as `fit` gave them.
        format: a key of `formats.FORMATS`.
        saving: how.

    Returns:
        The whole file.

    Raises:
        ValueError: the picture does not fit into the format.
    """
    one, picture = FORMATS[format], pictures[0]
    if max(picture.width, picture.height) > one.longest:
        raise ValueError(f"{one.title} holds at most {one.longest} pixels per side")
    if format == "tiff":
        return tiff_write.encode([tiff_write.Page(p.pixels, p.alpha, p.metadata) for p in pictures])
    if len(pictures) > 1:
        raise ValueError(f"{one.title} holds one picture, not {len(pictures)}")
    pixels, alpha, metadata = picture.pixels, picture.alpha, picture.metadata
    samples = pixels if alpha is None else np.dstack((pixels, alpha))
    effort = saving.effort or _EFFORT
    match format:
        case "png":
            return png.encode(pixels, alpha, metadata, level=saving.effort)
        case "jpg":
            return _jpeg(picture, saving)
        case "webp":
            return _webp(picture, samples, saving)
        case "bmp":
            return bmp.encode(pixels, picture.resolution)
        case "avif":
            quality = 100 if saving.lossless else saving.quality or _QUALITY - 10
            sampling = "4:4:4" if saving.lossless else saving.subsampling or _sampling(quality)
            options = {"quality": quality, "subsampling": sampling, "speed": 10 - effort}
            return heif.encode_avif(samples, metadata, options)
        case "heic":
            return heif.encode_heic(samples, metadata, _heic_options(saving))
        case "jxl":
            return jxl.encode(samples, metadata, _jxl_options(saving, effort))
        case "exr":
            return light.encode_exr(pixels, alpha)
        case "hdr":
            return light.encode_hdr(pixels)
        case "pfm":
            return pnm.encode_floats(pixels)
        case "ppm":
            return pnm.encode(pixels)
        case "pam":
            return pnm.encode_pam(pixels, alpha)
        case _:
            return _by_pillow(samples, {"tga": "TGA", "qoi": "QOI"}[format])


def _sampling(quality: int) -> Subsampling:
    """Full colour resolution where quality is asked for."""
    return "4:4:4" if quality >= 90 else "4:2:0"


def _is_as_before(picture: Picture, format: str, saving: Saving) -> bool:
    """Whether the file is to be compressed as its source was."""
    return picture.coding is not None and picture.format == format and saving.quality is None


def _jpeg(picture: Picture, saving: Saving) -> bytes:
    quality = 100 if saving.lossless else saving.quality or _QUALITY
    options: dict[str, Any] = {"quality": quality}
    if picture.pixels.shape[2] == 3:
        options["subsampling"] = saving.subsampling or _sampling(quality)
    if picture.coding is not None and _is_as_before(picture, "jpg", saving) and quality < 100:
        alike = dict(picture.coding.jpeg)
        if picture.is_grey or saving.subsampling is not None:
            alike.pop("subsampling", None)
        if alike:
            options.pop("quality")
        options |= alike
    out = io.BytesIO()
    optimize = saving.effort is not None and saving.effort > 4
    _image(picture.pixels).save(out, "JPEG", optimize=optimize, **options)
    return jpeg.with_metadata(out.getvalue(), picture.metadata)


def _webp(picture: Picture, samples: NDArray[Any], saving: Saving) -> bytes:
    before = picture.coding is not None and _is_as_before(picture, "webp", saving)
    lossless = saving.lossless or (
        before and picture.coding is not None and picture.coding.lossless
    )
    out = io.BytesIO()
    _image(samples).save(
        out,
        "WEBP",
        quality=saving.quality or (75 if lossless else _QUALITY),
        lossless=lossless,
        method=4 if saving.effort is None else round((saving.effort - 1) * 6 / 8),
        exact=True,
        icc_profile=picture.icc,
        exif=b"Exif\0\0" + picture.exif if picture.exif else b"",
        xmp=picture.xmp or b"",
    )
    return out.getvalue()


def _heic_options(saving: Saving) -> dict[str, Any]:
    if saving.lossless:  # RGB as such: YCbCr of as many bits is not the same
        return {"quality": -1, "chroma": 444, "matrix_coefficients": 0}
    chroma = int((saving.subsampling or "4:4:4").replace(":", ""))
    return {"quality": saving.quality or _QUALITY, "chroma": chroma}


def _jxl_options(saving: Saving, effort: int) -> dict[str, Any]:
    if saving.lossless:
        return {"lossless": True, "effort": effort}
    quality = saving.quality or _QUALITY
    # libjxl's own mapping of JPEG's qualities to its distance.
    distance = 0.1 + (100 - quality) * 0.09 if quality >= 30 else 25 - 0.6 * quality
    return {"lossless": False, "distance": distance, "effort": effort}


def _by_pillow(samples: NDArray[Any], kind: str) -> bytes:
    out = io.BytesIO()
    _image(samples).save(out, kind)
    return out.getvalue()


def _image(samples: NDArray[Any]) -> Image.Image:
    flat = samples[..., 0] if samples.shape[2] == 1 else samples
    return Image.fromarray(np.ascontiguousarray(flat))
