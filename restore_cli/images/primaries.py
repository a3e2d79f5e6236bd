"""Colours told by numbers instead of a profile, as the profile that says the same.

PNG's cICP, cHRM and gAMA chunks, `nclx` boxes of AVIF and HEIC, EXIF's "Adobe RGB". With a
profile they survive in every format, and one way of conversion serves all.
Sources: ITU-T H.273 (code points), PNG third edition, DCF 2.0 (option file, R03).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from restore_cli.images.exif import is_adobe_rgb
from restore_cli.images.refusal import NotSupportedError

_D65 = (0.3127, 0.329)
# H.273, table 2: red, green, blue, white.
_PRIMARIES: Mapping[int, tuple[float, ...]] = {
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65),
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *_D65),
    7: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *_D65),
    9: (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, *_D65),
    11: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351),
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, *_D65),
    22: (0.63, 0.34, 0.295, 0.605, 0.155, 0.077, *_D65),
}
_SRGB = _PRIMARIES[1]
_NEAR = 2e-3  # what chromaticities may be rounded by
_ADOBE = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *_D65)
# H.273, table 3. 2 is "unspecified"; BT.709's own camera curve is shown as sRGB's, as
# browsers and Apple do.
_SRGB_LIKE = (1, 2, 6, 13, 14, 15)
_GAMMAS: Mapping[int, float] = {4: 2.2, 5: 2.8, 8: 1.0}
_HDR: Mapping[int, str] = {16: "PQ", 18: "HLG"}
_FREE = (0, 1, 2)  # matrix or primaries that say nothing, or RGB


@dataclass(frozen=True, slots=True)
class Described:
    """Colours told by numbers.

    Args:
        icc: the profile that says the same; None for sRGB.
        note: what is uncertain about it, for people; or None.
    """

    icc: bytes | None
    note: str | None = None


def of_code_points(primaries: int, transfer: int, *, grey: bool = False) -> Described:
    """Colours by H.273's code points, as cICP and `nclx` give them.

    Raises:
        NotSupportedError: PQ or HLG, which are not pictures for a screen of sRGB's kind; or a
            code point that is not known.
    """
    _refuse_hdr(transfer)
    wide = _PRIMARIES[1] if primaries in _FREE else _PRIMARIES.get(primaries)
    if wide is None or (transfer not in _SRGB_LIKE and transfer not in _GAMMAS):
        note = f"its colour code points {primaries} and {transfer} are unknown: read as sRGB"
        return Described(None, note)
    note = "its colours are BT.2020's, kept by a profile of the same primaries"
    return Described(
        _profile(None if grey else wide, _GAMMAS.get(transfer)), note if primaries == 9 else None
    )


def refuse_hdr_profile(icc: bytes | None) -> None:
    """Refuse a profile that says of itself, by its cicp tag, that it is of PQ or HLG.

    Args:
        icc: a colour profile, perhaps a damaged one (ICC.1:2022, 9.2.17 and 10.3), or None.

    Raises:
        NotSupportedError: it is.
    """
    if icc is None or len(icc) < 132:
        return
    (count,) = struct.unpack_from(">I", icc, 128)
    for entry in range(132, min(132 + 12 * count, len(icc) - 11), 12):
        if icc[entry : entry + 4] == b"cicp":
            (start,) = struct.unpack_from(">I", icc, entry + 4)
            if icc[start : start + 4] == b"cicp" and start + 12 <= len(icc):
                _refuse_hdr(icc[start + 9])


def _refuse_hdr(transfer: int) -> None:
    if transfer in _HDR:
        raise NotSupportedError(
            f"an HDR picture ({_HDR[transfer]})", "convert it to SDR, sRGB or Display P3 first"
        )


def of_chunks(
    gamma: float | None, chromaticities: tuple[float, ...] | None, *, grey: bool
) -> Described:
    """Colours by PNG's gAMA and cHRM.

    Args:
        gamma: the exponent that made the samples, 0.45455 for most; None where it is not told.
        chromaticities: white, red, green and blue as x, y; None where not told.
        grey: the picture is grey.
    """
    wide = _SRGB
    if chromaticities is not None and not grey:
        wide = (*chromaticities[2:], *chromaticities[:2])
    if wide[1::2] and (min(wide[1::2]) <= 0 or max(wide) > 1):
        return Described(None, "its cHRM chunk makes no sense and was ignored: read as sRGB")
    usual = gamma is None or abs(gamma - 1 / 2.2) < 0.005
    note = None
    if not usual and chromaticities is None:
        note = "its colours are told by gAMA alone: read as sRGB's primaries with that gamma"
    if usual and _is_srgb(wide):
        return Described(None)
    if gamma is not None and not 0.1 < gamma < 5:
        return Described(None, "its gAMA chunk makes no sense and was ignored: read as sRGB")
    # 1 / 2.2 beside sRGB's primaries stands for sRGB's own curve; beside others it is meant.
    return Described(_profile(None if grey else wide, 1 / gamma if gamma else None), note)


def _is_srgb(wide: tuple[float, ...]) -> bool:
    # NumPy's `allclose` takes longer than all else that is read of a small file.
    return all(abs(one - other) < _NEAR for one, other in zip(wide, _SRGB, strict=True))


def of_exif(exif: bytes | None, *, grey: bool) -> Described:
    """Colours by EXIF: "Adobe RGB" of DCF's option files (interoperability index R03)."""
    if grey or not is_adobe_rgb(exif):
        return Described(None)
    return Described(_profile(_ADOBE, 563 / 256))


@lru_cache(maxsize=16)
def _profile(wide: tuple[float, ...] | None, gamma: float | None) -> bytes | None:
    """Build a profile: sRGB's curve where no gamma is given; a grey one without primaries."""
    import imagecodecs

    if wide is not None and gamma is None and _is_srgb(wide):
        return None
    if wide is None and gamma is None:
        return None
    if wide is None:
        made = imagecodecs.cms_profile("gray", whitepoint=[*_D65, 1.0], gamma=gamma)
    else:
        red, green, blue, white = (wide[at : at + 2] for at in (0, 2, 4, 6))
        made = imagecodecs.cms_profile(
            "rgb",
            whitepoint=[*white, 1.0],
            primaries=[*red, 1.0, *green, 1.0, *blue, 1.0],
            gamma=gamma or 2.2,
        )
    icc = bytearray(made)
    # LittleCMS notes the time; the same colours are to be the same bytes.
    icc[24:36] = bytes((0x07, 0xEA, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
    icc[84:100] = bytes(16)
    return bytes(icc) if gamma is not None else _with_srgb_curve(icc)


def _with_srgb_curve(icc: bytearray) -> bytes:
    """Give an RGB profile sRGB's curve as a formula (ICC.1:2022, 10.18, type 3)."""
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    fixed = (round(number * 65536) for number in numbers)
    curve = b"para" + bytes(4) + struct.pack(">HH5i", 3, 0, *fixed)
    icc += bytes(-len(icc) % 4)
    (count,) = struct.unpack_from(">I", icc, 128)
    for entry in range(132, 132 + 12 * count, 12):
        if bytes(icc[entry : entry + 4]) in (b"rTRC", b"gTRC", b"bTRC"):
            struct.pack_into(">II", icc, entry + 4, len(icc), len(curve))
    icc += curve
    struct.pack_into(">I", icc, 0, len(icc))
    return bytes(icc)
