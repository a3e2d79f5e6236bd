"""From a camera's colours to sRGB: matrices, and the tone curve of `--look standard`."""

from typing import Any

import numpy as np
import numpy.typing as npt

from restore_cli.images.profile import decode_srgb, encode_srgb

Matrix = npt.NDArray[np.floating[Any]]

SRGB_TO_XYZ: Matrix = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
"""Linear sRGB to XYZ, both with the white D65 (IEC 61966-2-1)."""


def balanced_matrix(xyz_to_camera: Matrix) -> Matrix:
    """Linear sRGB to white-balanced camera values.

    The product with sRGB's matrix, each row divided by its sum, so that white stays white
    whatever the white balance: dcraw's `cam_xyz_coeff` (Coffin), which LibRaw follows.

    Args:
        xyz_to_camera: (3, 3), DNG's ColorMatrix under D65.

    Raises:
        ValueError: a row sums to zero or less, which no camera's does.
    """
    product = xyz_to_camera @ SRGB_TO_XYZ
    sums = product.sum(axis=1, keepdims=True)
    if not np.isfinite(sums).all() or (sums <= 0).any():
        raise ValueError("not the matrix of a camera")
    return product / sums


def to_srgb_matrix(xyz_to_camera: Matrix) -> Matrix:
    """White-balanced camera values to linear sRGB: the inverse of `balanced_matrix`.

    Raises:
        ValueError: there is none.
    """
    try:
        return np.linalg.inv(balanced_matrix(xyz_to_camera))
    except np.linalg.LinAlgError as error:
        raise ValueError("not the matrix of a camera") from error


_SHOULDER, _CONTRAST = 1.2, 0.45


def tone_curve(linear: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The tone curve of `--look standard`, from linear light to linear light.

    A sensor's straight response looks dark and flat beside what people remember. First a shoulder
    as of film, (1 - exp(-1.2 x)) / (1 - exp(-1.2)), lifts middle grey (0.18) and rolls
    the lights off; then, under the sRGB curve, 45 % of a smoothstep, 3 v^2 - 2 v^3, leaves
    deep shadows where they were. Middle grey gains 0.7 EV; black and white stay. Ours, fixed, and
    the same for every camera.

    The largest and the smallest of a pixel's three values go through the curve, and the middle one
    keeps its place between them, so that hues stay (Adobe, DNG SDK, `RefBaselineRGBTone`).

    Args:
        linear: (..., 3) linear sRGB; values outside [0, 1] are clipped.

    Returns:
        The same shape, in [0, 1].
    """
    clipped = np.clip(linear, 0, 1)
    low, high = (side[..., None] for side in extremes(clipped))
    share = (clipped - low) / np.maximum(high - low, np.float32(1e-6))
    top, bottom = _curve(high), _curve(low)
    return np.clip(bottom + share * (top - bottom), 0, 1).astype(np.float32)


def extremes(
    rgb: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The smallest and the largest of each pixel's three values, (..., 3) to (...) each.

    NumPy's reduction along so short an axis takes ten times as long.
    """
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    low = np.minimum(np.minimum(red, green), blue)
    return low, np.maximum(np.maximum(red, green), blue)


def _curve(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lifted = np.expm1(-_SHOULDER * x) / np.float32(np.expm1(-_SHOULDER))
    v = encode_srgb(lifted)
    return decode_srgb((1 - _CONTRAST) * v + _CONTRAST * v * v * (3 - 2 * v)).astype(np.float32)
