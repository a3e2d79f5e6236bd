"""LibRaw's demosaicing of mosaics that were prepared here.

The mosaic travels as a DNG file in memory, levels settled and white balance applied, so that
nothing is left for LibRaw but to interpolate: any area of any sensor has the size and phase it has.
"""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
import rawpy
from numpy.typing import NDArray

from restore_cli.raw.dng import DngTags, dng_bytes

Demosaic = Literal["linear", "vng", "ppg", "ahd", "dcb", "dht", "aahd"]
AS_IT_IS: dict[str, Any] = {
    "output_bps": 16,
    "gamma": (1, 1),
    "no_auto_bright": True,
    # Its default, 0.75, moves the white level with the picture's brightest values.
    "adjust_maximum_thr": 0.0,
    "highlight_mode": rawpy.HighlightMode.Clip,
    "user_flip": 0,
}
"""How LibRaw is asked for linear light that nothing of the picture's content has moved."""

_LEAST = 32
"""Pixels a side that LibRaw takes for a RAW file."""


def demosaic(light: NDArray[np.float32], cfa: str, method: Demosaic) -> NDArray[np.uint16]:
    """Interpolate a mosaic.

    Args:
        light: (H, W), balanced, in [0, 1]; what lies outside is cut off.
        cfa: colours of its 2x2 cell.
        method: LibRaw's name of it.

    Returns:
        (H, W, 3), 1 at 65535.
    """
    height, width = light.shape
    # Mirrored about the outermost samples each colour comes to lie on its own places.
    margins = [((_LEAST - size + 3) // 4 * 2 if size < _LEAST else 0) for size in (height, width)]
    padded = light
    for axis, margin in enumerate(margins):
        if margin:
            # A side of one sample has nothing to mirror.
            mode = "reflect" if light.shape[axis] > 1 else "edge"
            widths = [(0, 0), (0, 0)]
            widths[axis] = (margin, margin)
            padded = np.pad(padded, widths, mode=mode)
    codes = (np.clip(padded, 0, 1) * 65535 + 0.5).astype(np.uint16)
    tags = DngTags(pattern=cfa, xyz_to_camera=np.eye(3), neutral=np.ones(3))
    raw = rawpy.RawPy()
    try:
        raw.open_buffer(io.BytesIO(dng_bytes(codes, tags)))
        raw.unpack()
        pixels: NDArray[Any] = raw.postprocess(
            demosaic_algorithm=rawpy.DemosaicAlgorithm[method.upper()],
            user_wb=[1.0, 1.0, 1.0, 1.0],
            user_black=0,
            user_sat=65535,
            output_color=rawpy.ColorSpace.raw,
            **AS_IT_IS,
        )
    finally:
        raw.close()
    top, left = margins
    return pixels[top : top + height, left : left + width]
