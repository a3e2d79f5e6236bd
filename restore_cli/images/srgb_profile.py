"""The ICC profiles of what is written here: sRGB, and linear light with sRGB's primaries."""

import struct
from functools import lru_cache

from PIL import ImageCms

_NAME = "sRGB built-in".encode("utf-16-be")
_LINEAR_NAME = "linear sRGB  ".encode("utf-16-be")
_DATE = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)


@lru_cache(maxsize=2)
def srgb_profile(*, linear: bool = False) -> bytes:
    """A profile's bytes, always the same (LittleCMS notes when it made a profile).

    Args:
        linear: with no transfer curve.
    """
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    icc = bytearray(made)
    icc[24:36] = _DATE
    icc[84:100] = bytes(16)  # the hash of the profile, which is optional (ICC.1:2022, 7.2.18)
    if not linear:
        return bytes(icc)
    (count,) = struct.unpack_from(">I", icc, 128)
    for entry in range(132, 132 + 12 * count, 12):
        name, start, _ = struct.unpack_from(">4sII", icc, entry)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            # A curve without points is the identity (10.6).
            icc[start : start + 12] = b"curv" + bytes(8)
            struct.pack_into(">I", icc, entry + 8, 12)
    return bytes(icc).replace(_NAME, _LINEAR_NAME)
