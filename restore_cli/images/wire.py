"""Pictures between two processes, of which the one that decodes is not trusted.

A header in JSON, then the samples as they lie in memory. Nothing of it is executed, and what it
claims is checked before memory is taken.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.decoded import Coding
from restore_cli.images.formats import FORMATS
from restore_cli.images.metadata import Resolution, Text
from restore_cli.images.picture import Picture
from restore_cli.images.room import check_size

LONGEST_HEADER = 2**28
"""Bytes; metadata may unpack to 32 MiB, of which a few blocks may be copies."""
_DTYPES = {"uint8": np.uint8, "uint16": np.uint16, "float32": np.float32}
_BLOCKS = ("icc", "exif", "xmp", "iptc", "comment")
_SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


def packed(picture: Picture) -> tuple[bytes, list[memoryview]]:
    """The header of a picture, and its samples."""
    told: dict[str, object] = {
        "shape": picture.pixels.shape,
        "dtype": str(picture.pixels.dtype),
        "alpha": picture.alpha is not None,
        "format": picture.format,
        "notes": picture.notes,
        "linear": picture.linear,
        "thumbnail": picture.thumbnail,
        "pages": picture.pages,
        "texts": [[one.kind, _text(one.body)] for one in picture.texts],
    }
    for name in _BLOCKS:
        block: bytes | None = getattr(picture, name)
        told[name] = None if block is None else _text(block)
    if (resolution := picture.resolution) is not None:
        told["resolution"] = [resolution.x, resolution.y, resolution.unit]
    if (coding := picture.coding) is not None:
        tables = cast("dict[int, list[int]]", coding.jpeg.get("qtables", {}))
        told["coding"] = {
            "lossless": coding.lossless,
            "qtables": [[number, list(table)] for number, table in tables.items()],
            "subsampling": coding.jpeg.get("subsampling"),
        }
    planes = [picture.pixels] + ([] if picture.alpha is None else [picture.alpha])
    return json.dumps(told).encode(), [_bytes(plane) for plane in planes]


def unpacked(header: bytes, fill: Callable[[memoryview], None], path: Path) -> Picture:
    """The picture that `packed` took apart.

    Args:
        header: as it came.
        fill: puts the samples that follow into memory.
        path: named in errors.

    Raises:
        RestoreError: it does not fit into memory.
        ValueError, KeyError, TypeError: it is none.
    """
    told = cast("dict[str, Any]", json.loads(header))
    height, width, channels = (int(side) for side in told["shape"])
    dtype = np.dtype(_DTYPES[str(told["dtype"])])
    if channels not in (1, 3) or str(told["format"]) not in FORMATS:
        raise ValueError("no such picture")
    has_alpha = bool(told["alpha"])
    check_size(width, height, path, sample_bytes=(channels + has_alpha) * dtype.itemsize)
    pixels = np.empty((height, width, channels), dtype)
    alpha = np.empty((height, width), dtype) if has_alpha else None
    for plane in (pixels, alpha):
        if plane is not None:
            fill(_bytes(plane))
    blocks = {name: None if told[name] is None else _block(told[name]) for name in _BLOCKS}
    return Picture(
        pixels,
        alpha,
        format=str(told["format"]),
        notes=tuple(str(note) for note in told["notes"]),
        resolution=_resolution(told.get("resolution")),
        texts=tuple(Text(_kind(kind), _block(body)) for kind, body in told["texts"]),
        coding=_coding(told.get("coding")),
        linear=bool(told["linear"]),
        thumbnail=bool(told["thumbnail"]),
        pages=int(told["pages"]),
        **blocks,
    )


def _bytes(plane: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(plane).data.cast("B")


def _text(block: bytes) -> str:
    return base64.b64encode(block).decode("ascii")


def _block(text: object) -> bytes:
    return base64.b64decode(str(text), validate=True)


def _kind(kind: object) -> str:
    if kind not in ("tEXt", "zTXt", "iTXt"):
        raise ValueError("no such text")
    return str(kind)


def _resolution(told: list[Any] | None) -> Resolution | None:
    if told is None:
        return None
    x, y, unit = float(told[0]), float(told[1]), str(told[2])
    if not (0 < x < 1e9 and 0 < y < 1e9):
        raise ValueError("no such resolution")
    if unit == "inch":
        return Resolution(x, y, "inch")
    return Resolution(x, y, "cm" if unit == "cm" else "")


def _coding(told: dict[str, Any] | None) -> Coding | None:
    if told is None:
        return None
    jpeg: dict[str, object] = {}
    tables = {int(number): [int(one) for one in table] for number, table in told["qtables"]}
    if tables:
        numbers = {one for table in tables.values() for one in table}
        if not set(tables) <= {0, 1, 2, 3} or {len(one) for one in tables.values()} != {64}:
            raise ValueError("no such tables")
        if not numbers <= set(range(65536)):
            raise ValueError("no such tables")
        jpeg["qtables"] = tables
    if told["subsampling"] is not None:
        if told["subsampling"] not in _SUBSAMPLINGS:
            raise ValueError("no such subsampling")
        jpeg["subsampling"] = str(told["subsampling"])
    return Coding(bool(told["lossless"]), jpeg)
