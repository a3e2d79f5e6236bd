"""How RAW files are to be developed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from restore_cli.errors import RestoreError
from restore_cli.raw.demosaic import Demosaic
from restore_cli.raw.highlights import Highlights
from restore_cli.raw.info import Crop
from restore_cli.raw.levels import Gains
from restore_cli.raw.prepare import HotPixels, LensCorrections
from restore_cli.raw.rendering import Look

Engine = Literal["learned", "libraw"]
Denoise = Literal["auto", "off"] | float


@dataclass(frozen=True, slots=True)
class Temperature:
    """White balance by a light: CIE daylight from 4,000 K up, Planck's radiator below.

    Attributes:
        kelvin: correlated colour temperature.
        tint: distance from the locus, see `raw.temperature.TINT`.
    """

    kelvin: float
    tint: float = 0.0


WhiteBalance = Literal["camera", "auto", "daylight"] | Temperature | Gains


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How files are developed.

    Attributes:
        engine: "learned" for Bayer files (others go to LibRaw), or "libraw" for all.
        white_balance: whose multipliers, a light, or the multipliers themselves.
        exposure: EV on top of all else.
        look: "standard": the file's baseline exposure and the tone curve; "none": colorimetric;
            "profile": the look that a DNG file's profile describes.
        linear: linear light instead of the sRGB curve, without look.
        bits: 8 or 16.
        auto_bright: make the brightest 1 % white.
        black: replaces the black level.
        white: replaces the white level.
        demosaic: LibRaw's method, for mosaics.
        strip_gps: leave the place out of EXIF and XMP.
        denoise: "auto": by the file's NoiseProfile, else by an estimate; "off"; or a level on the
            0..255 scale. For the learned engine.
        crop: "default": as the file says; "active": what light reaches; "full": the whole sensor.
        hot_pixels: mend defects of the sensor.
        highlights: cut off at white, or rebuild.
        lens_corrections: apply what the file says of its lens.
        proof: half the size, fast, without a network or a search for hot pixels.
    """

    engine: Engine = "learned"
    white_balance: WhiteBalance = "camera"
    exposure: float = 0.0
    look: Look = "standard"
    linear: bool = False
    bits: int = 8
    auto_bright: bool = False
    black: float | None = None
    white: float | None = None
    demosaic: Demosaic = "ahd"
    strip_gps: bool = False
    denoise: Denoise = "auto"
    crop: Crop = "default"
    hot_pixels: HotPixels = "auto"
    highlights: Highlights = "clip"
    lens_corrections: LensCorrections = "auto"
    proof: bool = False


_MOST_COUNTS = 2**24  # 24 bits; floating-point files stay exact up to there


def check_levels(black: float | None, white: float | None) -> None:
    """Refuse levels that cannot be meant, before any file is read.

    Raises:
        RestoreError: a level is below 0 or above what a sensor counts to, or black is not below
            white.
    """
    for name, level in (("--black", black), ("--white", white)):
        if level is not None and not 0 <= level < _MOST_COUNTS:
            raise RestoreError(
                f"{name} {level:g} is no level of a sensor", hint="levels are 0 to 16777215"
            )
    if black is not None and white is not None and black >= white:
        raise RestoreError(
            f"--black {black:g} is not below --white {white:g}",
            hint="black is the code of no light, white that of saturation",
        )
