"""What the report shows of a picture: its pixels, and a map of its error, as data URIs."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

HEAT_TOP = 0.1
"""Absolute error that gets the brightest colour of the map; more looks the same."""

LONGEST = 1200
"""Pictures up to this many pixels on the long side are embedded as they are."""

_COLORS = cv2.COLORMAP_INFERNO  # its lightness rises evenly from black to pale yellow
_SIDES = (LONGEST, 960, 800, 640, 480)
_MOST_PIXELS = 300_000_000  # about 100 MB of HTML; much more and browsers become sluggish
_MOST_EXACT_PIXELS = 8_000_000  # lossless, about 20 MB of HTML
_QUALITY = 92
_HEAT_QUALITY = 85
_BAND = 1 << 19  # pixels


@dataclass(frozen=True, slots=True)
class Embedding:
    """How pictures are put into the file.

    Args:
        side: pixels; longer pictures are reduced to this.
        exact: keep every 8-bit value (PNG); else WebP of quality 92.
    """

    side: int
    exact: bool


def plan(sizes: Sequence[tuple[int, int]], images: int) -> Embedding:
    """Choose how to embed pictures so that a browser can still hold the file.

    Few pixels are kept exactly. Otherwise pictures are compressed, and reduced to 1200 pixels on
    the long side, or less where there are so many large ones that the file would be far above
    100 MB.

    Args:
        sizes: width and height of each picture.
        images: how many images each has: outputs, their error maps, and the reference.
    """

    def total(side: int) -> float:
        return images * sum(w * h * min(1.0, side / max(w, h)) ** 2 for w, h in sizes)

    side = next((side for side in _SIDES if total(side) <= _MOST_PIXELS), _SIDES[-1])
    return Embedding(side=side, exact=total(side) <= _MOST_EXACT_PIXELS)


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height after reducing the long side to at most `side`; never below 1."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def picture_uri(srgb: NDArray[np.float32], embedding: Embedding) -> str:
    """Embed a picture.

    Args:
        srgb: (H, W, 3), values in [0, 1]; rounded to 8 bits.
        embedding: how.

    Returns:
        A data URI of a PNG or WebP file, reduced by averaging areas.
    """
    height, width = srgb.shape[:2]
    eight: NDArray[Any] = np.empty(srgb.shape, np.uint8)
    for rows in _bands(srgb.shape):
        eight[rows] = np.clip(srgb[rows] * 255 + 0.5, 0, 255)
    size = fitted(width, height, embedding.side)
    if size != (width, height):
        eight = cv2.resize(eight, size, interpolation=cv2.INTER_AREA)
    if embedding.exact:
        return _uri("png", eight, (cv2.IMWRITE_PNG_COMPRESSION, 4))
    return _uri("webp", eight, (cv2.IMWRITE_WEBP_QUALITY, _QUALITY))


def error_map(output: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float32]:
    """Absolute error of each pixel, mean over the channels.

    Args:
        output: (H, W, 3), values in [0, 1].
        reference: the same shape.

    Returns:
        (H, W), values in [0, 1].

    Raises:
        ValueError: the shapes differ.
    """
    if output.shape != reference.shape:
        raise ValueError(f"{output.shape} against {reference.shape}")
    error = np.empty(output.shape[:2], np.float32)
    for rows in _bands(output.shape):
        error[rows] = np.abs(output[rows] - reference[rows]).mean(axis=2)
    return error


def heat(error: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour an error map: 0 is black, `HEAT_TOP` and more pale yellow (inferno).

    Args:
        error: (H, W).

    Returns:
        (H, W, 3) RGB.
    """
    scaled = np.clip(error * (255 / HEAT_TOP) + 0.5, 0, 255).astype(np.uint8)
    colored = cv2.applyColorMap(scaled, _COLORS)
    return np.ascontiguousarray(colored[..., ::-1]).astype(np.uint8, copy=False)


def heat_uri(error: NDArray[np.float32], embedding: Embedding) -> str:
    """Embed an error map, reduced like its picture: a pixel then shows the mean of its area.

    Args:
        error: (H, W), as from `error_map`.
        embedding: how; the map is compressed (WebP) either way, for it is there to be looked at.
    """
    height, width = error.shape
    size = fitted(width, height, embedding.side)
    if size != (width, height):
        error = np.asarray(cv2.resize(error, size, interpolation=cv2.INTER_AREA), np.float32)
    return _uri("webp", heat(error), (cv2.IMWRITE_WEBP_QUALITY, _HEAT_QUALITY))


def heat_gradient(stops: int = 17) -> str:
    """The map's colours from 0 to `HEAT_TOP` as a CSS gradient, for the legend."""
    colors = heat(np.linspace(0, HEAT_TOP, stops, dtype=np.float32)[None])[0]
    words = ", ".join(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colors.tolist())
    return f"linear-gradient(to right, {words})"


def _uri(format: str, rgb: NDArray[Any], parameters: Sequence[int]) -> str:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(f".{format}", bgr, list(parameters))
    if not done:
        raise ValueError(f"a picture of {rgb.shape} cannot be written as {format}")
    return f"data:image/{format};base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def _bands(shape: tuple[int, ...]) -> Iterable[slice]:
    """Rows at a time: whole large pictures in floats would need several copies of themselves."""
    rows = max(1, _BAND // max(1, shape[1]))
    return (slice(top, top + rows) for top in range(0, shape[0], rows))
