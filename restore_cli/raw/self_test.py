"""Whether LibRaw works here: a DNG file of our own, written, decoded and developed."""

from __future__ import annotations

import numpy as np
import rawpy

from restore_cli.images.leftovers import temporary_folder
from restore_cli.images.picture import Picture
from restore_cli.raw.develop import Developer
from restore_cli.raw.dng import DngTags, write_dng
from restore_cli.raw.settings import Settings

_BLACK, _WHITE = 512, 16383
_LIGHT = (0.25, 0.5, 0.75)
_WITHIN = 1e-3


def self_test() -> tuple[str, float]:
    """Write a mosaic of one colour, and look whether that colour comes back.

    Returns:
        LibRaw's version, and the largest difference of linear light, in [0, 1].

    Raises:
        RestoreError: it cannot be decoded.
        ValueError: other colours come back.
    """
    cells = np.array(_LIGHT)[[[0, 1], [1, 2]]]
    codes = np.round(_BLACK + cells * (_WHITE - _BLACK)).astype(np.uint16)
    tags = DngTags(black=_BLACK, white=_WHITE, neutral=np.ones(3))
    with temporary_folder() as folder:
        path = folder / "self-test.dng"
        write_dng(path, np.tile(codes, (24, 32)), tags)
        read = Developer(Settings(engine="libraw", look="none", linear=True, bits=16)).read(path)
        seen = read.finish(read.image)
    if not isinstance(seen, Picture):
        raise TypeError("no picture was developed")
    apart = float(np.abs(seen.pixels / 65535 - np.array(_LIGHT)).max())
    if apart > _WITHIN:
        raise ValueError(f"its light is {apart:.3g} off")
    return ".".join(map(str, rawpy.libraw_version)), apart
