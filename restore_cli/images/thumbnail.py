"""The small picture inside an EXIF block, made again from the restored one."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore_cli.images.exif import with_thumbnail

_SIDE = 160  # pixels, as EXIF's own


def renewed(exif: bytes, pixels: NDArray[Any]) -> bytes:
    """An EXIF block with a thumbnail of these pixels.

    Args:
        exif: the block, settled: without a thumbnail.
        pixels: (H, W, 1 or 3), uint8 or uint16; of others there is none made.
    """
    if pixels.dtype.kind == "f":
        return exif
    step = max(1, max(pixels.shape[:2]) // (4 * _SIDE))
    few = pixels[::step, ::step]
    eight = (few >> 8).astype(np.uint8) if few.dtype == np.uint16 else few
    image = Image.fromarray(np.ascontiguousarray(eight[..., 0] if eight.shape[2] == 1 else eight))
    image.thumbnail((_SIDE, _SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=75)
    return with_thumbnail(exif, out.getvalue())
