"""The sRGB transfer curve on tensors (IEC 61966-2-1)."""

from torch import Tensor


def srgb_to_linear(srgb: Tensor) -> Tensor:
    """Undo the sRGB transfer curve.

    Args:
        srgb: any shape, nominally in [0, 1]; values below 0 follow the straight piece.

    Returns:
        Linear light of the same shape and dtype.
    """
    curved = ((srgb.clamp(min=0.04045) + 0.055) / 1.055).pow(2.4)
    return (srgb / 12.92).where(srgb <= 0.04045, curved)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """Apply the sRGB transfer curve.

    Args:
        linear: any shape, nominally in [0, 1]; values below 0 follow the straight piece.

    Returns:
        Encoded values of the same shape and dtype.
    """
    curved = 1.055 * linear.clamp(min=0.0031308).pow(1 / 2.4) - 0.055
    return (linear * 12.92).where(linear <= 0.0031308, curved)
