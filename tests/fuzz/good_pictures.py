"""Good files of every format that is read, small and of many kinds, to be damaged."""

import io
import struct
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from dng_files import write as write_dng
from icc_profiles import P3, PROPHOTO, SRGB, curv, para, profile
from PIL import Image, ImageDraw

from restore_cli.images.formats import FORMATS
from restore_cli.images.picture import Picture

_RNG = np.random.default_rng(11)
RGB = _RNG.integers(0, 256, (16, 24, 3), np.uint8)
DEEP = _RNG.integers(0, 65536, (16, 24, 3), np.uint16)


def exif() -> bytes:
    """A block with all directories, as cameras write it."""
    made = Image.Exif()
    made[271], made[272], made[274], made[282] = "Maker", "Model 7", 6, 300.0
    details = made.get_ifd(0x8769)
    details[0x829A], details[0x9003], details[0x927C] = 0.01, "2024:05:06 07:08:09", b"note" * 9
    made.get_ifd(0x8825).update({1: "N", 2: (50.0, 1.0, 2.0), 3: "E", 4: (8.0, 1.0, 2.0)})
    return made.tobytes().removeprefix(b"Exif\0\0")


def profiles() -> list[bytes]:
    """ICC profiles: of curves and of functions, grey and in colour."""
    return [
        SRGB,
        profile(b"RGB ", curv(*range(0, 65536, 4096)), P3),
        profile(b"RGB ", para(3, 2.4, 0.9, 0.1, 0.08, 0.04), PROPHOTO),
        profile(b"GRAY", curv(563)),
    ]


def pictures(format: str, folder: Path) -> list[bytes]:
    """Files of one format: as this toolkit writes them, and as others do."""
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>1</a></x:xmpmeta>'
    bare = Picture(RGB, format=format)
    rich = Picture(DEEP, alpha=DEEP[..., 0], icc=profiles()[1], exif=exif(), xmp=packet)
    grey = Picture(RGB[..., :1], comment=b"a comment")
    made: list[bytes] = []
    for number, picture in enumerate((bare, rich, grey)):
        path = folder / f"{number}{FORMATS[format].suffixes[0]}"
        picture.write(path)
        made.append(path.read_bytes())
    return [*made, *_by_others(format)]


def _by_others(format: str) -> list[bytes]:
    image = Image.fromarray(RGB)
    palette = image.quantize(16)
    if format == "png":
        frames = partial(_saved, "PNG", save_all=True)
        return [_saved("PNG", palette, transparency=3), frames(image, append_images=[image])]
    if format == "jpg":
        return [
            _saved("JPEG", image, progressive=True, exif=b"Exif\0\0" + exif()),
            _saved("JPEG", image.convert("CMYK"), icc_profile=SRGB),
        ]
    if format == "tiff":
        kinds: list[dict[str, Any]] = [
            {"compression": "lzw", "predictor": True},
            {"compression": "zlib", "tile": (16, 16)},
            {"compression": "packbits"},
            {"compression": "jpeg"},
            {"planarconfig": "separate"},
            {"bigtiff": True},
        ]
        return [_tiff(RGB, **kind) for kind in kinds] + [
            _tiff(np.stack([DEEP, DEEP]), byteorder=">"),
            _tiff(RGB.astype(np.float32) / 255),
            _saved("TIFF", palette),
            _saved("TIFF", image.convert("1"), compression="group4"),
        ]
    if format == "webp":
        return [_saved("WEBP", image, quality=60), _saved("WEBP", image, lossless=True)]
    if format == "bmp":
        return [_saved("BMP", palette), _saved("BMP", image.convert("1"))]
    if format == "ppm":
        return [b"P3 3 2 255\n" + b"1 2 3 " * 6, b"P1 4 2\n1 0 1 0\n0 1 0 1\n"]
    if format == "tga":
        return [_saved("TGA", image, compression="tga_rle"), _saved("TGA", palette)]
    return []


def raws(folder: Path) -> list[bytes]:
    """DNG files: mosaics and linear ones, of integers and of floats, packed and not."""
    mosaic = _RNG.integers(200, 16000, (32, 48), np.uint16)
    kinds: list[tuple[Any, list[Any], dict[str, Any]]] = [
        (mosaic, [(50714, 3, 1, 200), (50717, 3, 1, 16383)], {}),
        (mosaic, [(50829, 4, 4, (2, 2, 30, 46))], {"compression": "zlib"}),
        (np.dstack([mosaic] * 3), [], {}),
        (mosaic.astype(np.float32) / 16383, [], {}),
        (
            mosaic,
            [(51008, 7, 8, struct.pack(">II", 0, 0))],
            {"compression": "jpeg", "compressionargs": {"lossless": True, "bitspersample": 16}},
        ),
    ]
    made: list[bytes] = []
    for samples, tags, options in kinds:
        path = folder / "one.dng"
        try:
            write_dng(path, samples, *tags, **options)
        except (ValueError, KeyError, RuntimeError):  # a codec that this machine has not
            continue
        made.append(path.read_bytes())
    return made


def labelled(block: bytes, kind: str) -> bytes:
    """A PNG or JPEG around a profile or an EXIF block."""
    image = Image.fromarray(RGB)
    ImageDraw.Draw(image).rectangle((2, 2, 9, 9), fill=(255, 0, 0))
    if kind == "icc":
        return _saved("PNG", image, icc_profile=block)
    return _saved("PNG", image, exif=b"Exif\0\0" + block)


def summed(data: bytes) -> bytes:
    """A PNG with the checksums that belong to its chunks."""
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        (length,) = struct.unpack_from(">I", out, at)
        if at + 12 + length > len(out):
            break
        check = zlib.crc32(out[at + 4 : at + 8 + length])
        struct.pack_into(">I", out, at + 8 + length, check)
        at += 12 + length
    return bytes(out)


def _saved(kind: str, image: Image.Image, **options: Any) -> bytes:  # noqa: ANN401
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _tiff(samples: np.ndarray, **options: Any) -> bytes:  # noqa: ANN401
    out = io.BytesIO()
    tifffile.imwrite(out, samples, photometric="rgb", metadata=None, **options)
    return out.getvalue()
