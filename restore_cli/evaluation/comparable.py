"""Two pictures of unlike kinds in one space, and what is to be said about it.

The space: sRGB in [0, 1], premultiplied by alpha; grey fills three channels beside colour.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.decoded import NAN_NOTE
from restore_cli.images.fit import as_floats
from restore_cli.images.picture import Picture
from restore_cli.images.profile import converter

ALPHA = "transparent pictures were compared in colours premultiplied by alpha"
ALPHA_ALONE = "one picture has alpha and the other has none, which counts as opaque"
GREY = "grey was compared with colour, as three equal channels"
DEPTH = "pictures of unlike depth were compared as numbers in [0, 1]"
BEYOND = "floating-point values outside [0, 1] were cut off: white is 1, not 255"
PROFILE = "pictures of unlike colour profiles were compared in sRGB"
_SLACK = 1 / 255


def samples(picture: Picture) -> NDArray[Any]:
    """Give the pixels as they are if they are sRGB, otherwise converted, as float32.

    Colours are premultiplied by alpha, so that transparent pictures differ where they are seen to.

    Args:
        picture: as read.

    Returns:
        (H, W, 1 or 3) uint8, uint16, or float32 in [0, 1].
    """
    channels = picture.pixels.shape[2]
    if _is_transparent(picture) and picture.alpha is not None:
        return picture.to_srgb()[..., :channels] * as_floats(picture.alpha)[..., None]
    if picture.pixels.dtype.kind == "f" or _space(picture) is not None:
        return picture.to_srgb()[..., :channels]
    return picture.pixels


def unlikeness(output: Picture, reference: Picture) -> tuple[str, ...]:
    """What people must know of the comparison: nothing for two pictures of one kind.

    Args:
        output: a picture.
        reference: what it is compared with.
    """
    both = (output, reference)
    said = {
        ALPHA: any(_is_transparent(picture) for picture in both),
        ALPHA_ALONE: (output.alpha is None) != (reference.alpha is None),
        GREY: output.is_grey != reference.is_grey,
        DEPTH: output.depth != reference.depth,
        BEYOND: any(_is_beyond(picture) for picture in both),
        NAN_NOTE: any(NAN_NOTE in picture.notes for picture in both),
        # A grey picture's profile and a coloured one's are never the same bytes.
        PROFILE: _space(output) != _space(reference) and output.is_grey == reference.is_grey,
    }
    return tuple(note for note, holds in said.items() if holds)


def _is_transparent(picture: Picture) -> bool:
    return picture.alpha is not None and bool(as_floats(picture.alpha).min(initial=1) < 1)


def _is_beyond(picture: Picture) -> bool:
    """Whether floats lie outside of what is compared, by more than interpolation leaves there."""
    if picture.pixels.dtype.kind != "f":
        return False
    ends = np.fmin.reduce(picture.pixels, axis=None), np.fmax.reduce(picture.pixels, axis=None)
    return bool(ends[0] < -_SLACK or ends[1] > 1 + _SLACK)


def _space(picture: Picture) -> bytes | None:
    """The profile where it is other than sRGB; b"" for linear light."""
    if picture.linear:
        return b""
    floats = bool(np.issubdtype(picture.pixels.dtype, np.floating))
    icc = picture.icc
    channels = picture.pixels.shape[2]
    return icc if icc is not None and converter(icc, channels, floats=floats) else None
