"""What a RAW file says, whoever read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from restore_cli.raw.colorimetry import Matrix
from restore_cli.raw.dng_color import CameraColour
from restore_cli.raw.dng_tags import Area
from restore_cli.raw.levels import Gains, Levels, usable_gains
from restore_cli.raw.tags import RawTags
from restore_cli.raw.temperature import XY

Kind = Literal["bayer", "x-trans", "monochrome", "linear", "other"]
Crop = Literal["default", "active", "full"]
BAYER = ("RGGB", "BGGR", "GRBG", "GBRG")
_KINDS: dict[Kind, str] = {
    "x-trans": "an X-Trans mosaic",
    "monochrome": "a monochrome picture",
    "linear": "already demosaiced (linear)",
    "other": "no ordinary Bayer mosaic",
}


@dataclass(frozen=True, slots=True)
class RawInfo:
    """What a RAW file says.

    Attributes:
        kind: what its samples are; only "bayer" has a mosaic that `networks.isp` reads.
        width: of the area that is developed, before cropping and turning.
        height: likewise.
        cfa: colours of the 2x2 cell at that area's origin, row by row, such as "RGGB"; "" for
            other kinds.
        levels: black and white.
        camera_gains: white-balance multipliers for the light of the scene, green at 1.
        daylight_gains: those for daylight (D65), or None where unknown.
        matrix: (3, 3) values balanced by `camera_gains` to linear sRGB, rows summing to 1.
        orientation: EXIF orientation, 1 to 8.
        iso: ISO number, or None.
        shutter: exposure time in seconds, or None.
        aperture: f-number, or None.
        focal_length: mm, or None.
        tags: what the file's own tags say.
        notes: what was ignored or replaced, for people.
        area: the area that is developed, on the sensor; None: what LibRaw shows.
        crop: what of that area becomes the picture; None: all.
        scale: vertical and horizontal scale of the picture.
        colour: the camera's calibration, or None where unknown.
        follows_dng: colours are the DNG specification's, and depend on the white balance.
        quad: the mosaic has four samples of a colour beside each other, to be joined.
        settles: LibRaw is to be given light, as `prepare` makes it, and not codes.
    """

    kind: Kind
    width: int
    height: int
    cfa: str
    levels: Levels
    camera_gains: Gains
    daylight_gains: Gains | None
    matrix: Matrix
    orientation: int
    iso: float | None
    shutter: float | None
    aperture: float | None
    focal_length: float | None
    tags: RawTags = field(repr=False)
    notes: tuple[str, ...] = ()
    area: Area | None = None
    crop: Area | None = None
    scale: tuple[float, float] = (1.0, 1.0)
    colour: CameraColour | None = None
    follows_dng: bool = False
    quad: bool = False
    settles: bool = False

    @property
    def why_not_bayer(self) -> str:
        """For kinds that are no Bayer mosaic: what they are, in words."""
        return _KINDS[self.kind]

    def matrix_for(self, gains: Gains) -> Matrix:
        """(3, 3) values balanced by `gains` to linear sRGB, rows summing to 1."""
        if not self.follows_dng or self.colour is None:
            return self.matrix
        try:
            return self.colour.to_srgb(1 / np.array(gains))
        except ValueError:
            return self.matrix

    def gains_under(self, white: XY) -> Gains | None:
        """White-balance multipliers under a light; None where its camera is unknown."""
        return None if self.colour is None else gains_under(self.colour, white)


def gains_under(colour: CameraColour, white: XY) -> Gains | None:
    """White-balance multipliers of a camera under a light; None where its matrices allow none."""
    neutral = colour.neutral_of(white)
    return None if neutral is None else usable_gains((1 / neutral).tolist())
