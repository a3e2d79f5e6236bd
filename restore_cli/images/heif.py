"""AVIF and HEIC: pixels of 8 to 12 bits, and what their boxes say (ISO 23008-12, ISO 14496-12).

Pillow reads and writes AVIF at 8 bits, imagecodecs reads its deeper ones; pillow-heif (the extra
`[heif]`) reads and writes HEIC.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore_cli.images.ifd import Buffer
from restore_cli.images.metadata import Metadata
from restore_cli.images.primaries import Described, of_code_points
from restore_cli.images.refusal import NotSupportedError

_MOST_BOXES = 10_000
"""In one box: a film has few, a file of nothing but empty boxes without end."""


@dataclass(frozen=True, slots=True)
class HeifFile:
    """A decoded AVIF or HEIC.

    Args:
        samples: (H, W, 3 or 4) uint8 or uint16, scaled to the full range.
        metadata: profile (also where colours are told by code points), EXIF with the orientation
            that is still to be baked in, XMP.
        notes: what was ignored.
        second: what else is in the file and is not kept, in words; or None.
        lossless: it was coded without loss, as far as can be told.
    """

    samples: NDArray[Any]
    metadata: Metadata
    notes: tuple[str, ...] = ()
    second: str | None = None


def boxes(data: Buffer, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Boxes of a file or of a box's body, as (type, start of the body, its end).

    What is cut off ends the walk.
    """
    end = len(data) if end is None else end
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        stop = end if size == 0 else start + size
        if stop > end or stop < start + head:
            return
        yield bytes(kind), start + head, stop
        start = stop


def properties(data: Buffer) -> list[tuple[bytes, bytes]]:
    """The item properties of a file, as (type, body), in order: `colr`, `av1C`, `irot`, ..."""
    found: list[tuple[bytes, bytes]] = []
    for kind, start, end in boxes(data):
        inner = [(b"", 0, 0)] if kind != b"meta" else list(boxes(data, start + 4, end))
        for _, at, stop in (box for box in inner if box[0] == b"iprp"):
            for _, first, last in (box for box in boxes(data, at, stop) if box[0] == b"ipco"):
                found += [(k, bytes(data[a:b])) for k, a, b in boxes(data, first, last)]
    return found


def largest(data: Buffer) -> tuple[int, int] | None:
    """Width and height of the largest item that a file claims (`ispe`); None where none is told."""
    told = [
        struct.unpack_from(">II", body, 4)
        for kind, body in properties(data)
        if kind == b"ispe" and len(body) >= 12
    ]
    return max(told, key=lambda size: size[0] * size[1], default=None)


def read_avif(data: bytes) -> HeifFile:
    """Decode an AVIF.

    Raises:
        NotSupportedError: PQ or HLG, or an animation.
        OSError, ValueError, RuntimeError: the file is damaged.
    """
    told = properties(data)
    configured = next((body for kind, body in told if kind == b"av1C"), b"\x81\0\0\0")
    flags = configured[2] if len(configured) > 2 else 0
    bits = 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    colors, notes = _colors(told)
    with Image.open(io.BytesIO(data), formats=("AVIF",)) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise NotSupportedError("an animated AVIF", "save the frame you want as a file")
        info: dict[Any, Any] = dict(image.info)
        samples = np.array(image) if bits == 8 else _deep_avif(data, bits)
    icc: bytes | None = info.get("icc_profile") or colors
    exif: bytes | None = info.get("exif") or None
    exif = exif.removeprefix(b"Exif\0\0") if exif else None
    gain = any(kind == b"tmap" for kind, _ in told) or b"tmap" in data[:64]
    second = "a gain map in it" if gain else None
    return HeifFile(samples, Metadata(icc, exif, info.get("xmp") or None), notes, second)


def _deep_avif(data: bytes, bits: int) -> NDArray[np.uint16]:
    import imagecodecs

    codes = imagecodecs.avif_decode(data, numthreads=1)
    codes = codes if codes.ndim == 3 else np.repeat(codes[..., None], 3, axis=2)
    return _full_range(codes, bits)


def read_heic(data: bytes) -> HeifFile:
    """Decode a HEIC, upright.

    Raises:
        NotSupportedError: PQ or HLG.
        ImportError: the extra is missing.
        OSError, ValueError, RuntimeError: the file is damaged.
    """
    import pillow_heif

    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=True)
    info: dict[Any, Any] = dict(file.info)
    nclx = info.get("nclx_profile")
    described = Described(None)
    if not info.get("icc_profile") and nclx:
        described = of_code_points(
            int(nclx["color_primaries"]), int(nclx["transfer_characteristics"])
        )
    samples = np.asarray(file)
    bits = int(info.get("bit_depth") or 8)
    if samples.dtype == np.uint16:
        samples = _full_range(samples >> np.uint16(16 - bits), bits)
    samples = samples if samples.ndim == 3 else samples[..., None]
    if samples.shape[2] in (1, 2):
        samples = np.concatenate((np.repeat(samples[..., :1], 3, axis=2), samples[..., 1:]), axis=2)
    exif: bytes | None = info.get("exif") or None
    exif = exif.removeprefix(b"Exif\0\0") if exif else None
    metadata = Metadata(info.get("icc_profile") or described.icc, exif, info.get("xmp") or None)
    more = bool(info.get("depth_images") or info.get("aux"))
    notes = () if described.note is None else (described.note,)
    return HeifFile(samples, metadata, notes, "a depth map or gain map in it" if more else None)


def _colors(told: list[tuple[bytes, bytes]]) -> tuple[bytes | None, tuple[str, ...]]:
    for kind, body in told:
        if kind == b"colr" and body[:4] == b"nclx" and len(body) >= 10:
            described = of_code_points(*struct.unpack_from(">HH", body, 4))
            return described.icc, () if described.note is None else (described.note,)
    return None, ()


def _full_range(codes: NDArray[Any], bits: int) -> NDArray[np.uint16]:
    top = (1 << bits) - 1
    scaled = (codes.astype(np.uint32) * 131070 + top) // (2 * top)
    return scaled.astype(np.uint16)


def encode_avif(samples: NDArray[np.uint8], metadata: Metadata, options: dict[str, Any]) -> bytes:
    """Encode (H, W, 3 or 4) as AVIF.

    Args:
        samples: the pixels.
        metadata: profile, EXIF and XMP are kept.
        options: Pillow's: quality, subsampling, speed.
    """
    out = io.BytesIO()
    Image.fromarray(samples).save(
        out,
        "AVIF",
        icc_profile=metadata.icc,
        exif=b"Exif\0\0" + metadata.exif if metadata.exif else b"",
        xmp=metadata.xmp or b"",
        **options,
    )
    return out.getvalue()


def encode_heic(samples: NDArray[Any], metadata: Metadata, options: dict[str, Any]) -> bytes:
    """Encode (H, W, 3 or 4) as HEIC, 16 bits as 12.

    Args:
        samples: uint8 or uint16.
        metadata: profile, EXIF and XMP are kept.
        options: pillow-heif's: quality (-1 is lossless), chroma.
    """
    import pillow_heif

    pillow_heif.options.SAVE_HDR_TO_12_BIT = True
    height, width, channels = samples.shape
    mode = ("RGB" if channels == 3 else "RGBA") + (";16" if samples.dtype == np.uint16 else "")
    contiguous = np.ascontiguousarray(samples)
    file = pillow_heif.from_bytes(mode=mode, size=(width, height), data=contiguous.tobytes())
    if metadata.icc is not None:
        file[0].info["icc_profile"] = metadata.icc
        file[0].info["icc_profile_type"] = "prof"
    out = io.BytesIO()
    exif = b"Exif\0\0" + metadata.exif if metadata.exif else None
    file.save(out, exif=exif, xmp=metadata.xmp, **options)
    return out.getvalue()
