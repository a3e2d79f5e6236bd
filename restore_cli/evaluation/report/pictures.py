"""What the report shows of a picture: its pixels, and a map of its error, as data URIs."""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

HEAT_TOP = 0.1
"""Absolute error that gets the brightest colour of the map; more looks the same."""

LONGEST = 800
"""Longer pictures are reduced to this many pixels on the long side."""

_COLORS = cv2.COLORMAP_INFERNO  # its lightness rises evenly from black to pale yellow
_IMAGE_BYTES = 58_000  # of one image: 12 pictures of three images make 2.8 MB of HTML
_PAGE_BYTES = 90_000_000  # of all images; with much more, browsers become sluggish
_LEAST_BYTES = 4_000
_QUALITIES = (90, 80, 70, 55, 40)
_SMALLER = 0.75  # of the side, where even the lowest quality takes too many bytes
_BAND = 1 << 19  # pixels


def most_bytes(images: int) -> int:
    """Bytes that one image may take, so that a phone loads the page and a browser can hold it.

    Args:
        images: how many the page has: outputs, their error maps, and references.
    """
    return max(_LEAST_BYTES, min(_IMAGE_BYTES, _PAGE_BYTES * 3 // 4 // max(1, images)))


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height after reducing the long side to at most `side`; never below 1."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def picture_uris(pictures: Sequence[NDArray[np.float32]], most: int) -> list[str]:
    """Embed pictures that are compared by eye: all in the same way, none worse than another.

    Small ones keep every 8-bit value (PNG). Others are reduced to `LONGEST` by averaging areas and
    compressed (WebP), as little as their bytes allow.

    Args:
        pictures: (H, W, 3) of one size, values in [0, 1]; rounded to 8 bits.
        most: bytes that each may take.

    Returns:
        A data URI each.
    """
    return _embedded([_eight(picture) for picture in pictures], most, may_be_exact=True)


def heat_uris(errors: Sequence[NDArray[np.float32]], most: int) -> list[str]:
    """Embed error maps, reduced like their pictures: a pixel then shows the mean of its area.

    Args:
        errors: (H, W) of one size, as from `error_map`.
        most: bytes that each may take.
    """
    size = fitted(errors[0].shape[1], errors[0].shape[0], LONGEST)
    reduced = [np.asarray(_resized(error, size), np.float32) for error in errors]
    return _embedded([heat(error) for error in reduced], most, may_be_exact=False)


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


def heat_gradient(stops: int = 17) -> str:
    """The map's colours from 0 to `HEAT_TOP` as a CSS gradient, for the legend."""
    colors = heat(np.linspace(0, HEAT_TOP, stops, dtype=np.float32)[None])[0]
    words = ", ".join(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colors.tolist())
    return f"linear-gradient(to right, {words})"


def _eight(srgb: NDArray[np.float32]) -> NDArray[Any]:
    """8-bit samples of a picture, reduced to `LONGEST`."""
    eight: NDArray[Any] = np.empty(srgb.shape, np.uint8)
    for rows in _bands(srgb.shape):
        eight[rows] = np.clip(srgb[rows] * 255 + 0.5, 0, 255)
    return _resized(eight, fitted(srgb.shape[1], srgb.shape[0], LONGEST))


def _resized(samples: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    if size == (samples.shape[1], samples.shape[0]):
        return samples
    return np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_AREA))


def _embedded(images: Sequence[NDArray[Any]], most: int, *, may_be_exact: bool) -> list[str]:
    """Encode all in one way, the best one in which each takes at most so many bytes."""
    height, width = images[0].shape[:2]
    # A PNG of more pixels than bytes does not fit: no photo is compressed that well.
    if may_be_exact and height * width <= most:
        files = [_file("png", image, (cv2.IMWRITE_PNG_COMPRESSION, 9)) for image in images]
        if max(map(len, files)) <= most:
            return [_uri("png", file) for file in files]
    side = max(height, width)
    while True:
        reduced = [_resized(image, fitted(width, height, side)) for image in images]
        for quality in _QUALITIES:
            files = [_file("webp", image, (cv2.IMWRITE_WEBP_QUALITY, quality)) for image in reduced]
            if max(map(len, files)) <= most or side <= 16:
                return [_uri("webp", file) for file in files]
        side = round(side * _SMALLER)


def _file(format: str, rgb: NDArray[Any], parameters: Sequence[int]) -> bytes:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(f".{format}", bgr, list(parameters))
    if not done:
        raise ValueError(f"a picture of {rgb.shape} cannot be written as {format}")
    return data.tobytes()


def _uri(format: str, file: bytes) -> str:
    return f"data:image/{format};base64,{base64.b64encode(file).decode('ascii')}"


def _bands(shape: tuple[int, ...]) -> Iterable[slice]:
    """Rows at a time: whole large pictures in floats would need several copies of themselves."""
    rows = max(1, _BAND // max(1, shape[1]))
    return (slice(top, top + rows) for top in range(0, shape[0], rows))
