"""From white-balanced camera colours to the file's pixels: matrix, exposure, look, curve, bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.profile import encode_srgb
from restore_cli.raw.colorimetry import Matrix, extremes, tone_curve
from restore_cli.raw.profile_look import ProfileLook

Look = Literal["standard", "none", "profile"]
Band = NDArray[np.float32]
Rows = Callable[[slice], Band]
"""Gives some rows of a picture, (h, W, 3), white-balanced camera values, saturation at 1."""

_BAND = 1 << 19  # pixels at a time: a few dozen MB of floats
_BRIGHT = 99.0
_MOST_BRIGHTENING = 16.0


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a picture is to look.

    Attributes:
        matrix: (3, 3) camera to linear sRGB, rows summing to 1: white stays white, and so do
            highlights in which all three colours are saturated.
        exposure: EV.
        look: "none" is colorimetric; "standard" applies the tone curve; "profile" the file's own.
        linear: leave out look and transfer curve.
        bits: 8 or 16.
        auto_bright: make the brightest 1 % white: the one gain that depends on the picture.
        headroom: what 1 stands for: above 1 where rebuilt highlights reach further.
        profile: the file's own look, for "profile".
    """

    matrix: Matrix
    exposure: float = 0.0
    look: Look = "standard"
    linear: bool = False
    bits: int = 8
    auto_bright: bool = False
    headroom: float = 1.0
    profile: ProfileLook | None = None

    def render(self, rows: Rows, height: int, width: int) -> NDArray[Any]:
        """Render a picture band by band.

        Args:
            rows: gives its bands.
            height: of the picture.
            width: of the picture.

        Returns:
            (H, W, 3) uint8 or uint16, rounded half up.
        """
        gain = 2.0**self.exposure
        if self.auto_bright:
            gain *= self._brightening(rows, height, width)
        matrix = (gain * self.headroom * self.matrix.T).astype(np.float32)
        out = np.empty((height, width, 3), np.uint8 if self.bits == 8 else np.uint16)
        top = np.float32(2**self.bits - 1)
        for band in _bands(height, width):
            light = rows(band) @ matrix
            if self.look == "profile" and self.profile is not None and not self.linear:
                light = self.profile.apply(light, band, height, gain)
            light = np.clip(light, 0, 1)
            if not self.linear:
                if self.look == "standard":
                    light = tone_curve(light)
                light = encode_srgb(light)
            out[band] = np.floor(light * top + np.float32(0.5))
        return out

    def _brightening(self, rows: Rows, height: int, width: int) -> float:
        """The gain that makes the brightest 1 % of the pixels white."""
        step = max(1, round((height * width / 1_000_000) ** 0.5))
        matrix = (self.headroom * self.matrix.T).astype(np.float32)
        seen = [
            extremes(rows(band)[::step, ::step] @ matrix)[1].ravel()
            for band in _bands(height, width)
        ]
        level = float(np.percentile(np.concatenate(seen), _BRIGHT)) * 2.0**self.exposure
        return float(np.clip(1 / max(level, 1e-6), 1 / _MOST_BRIGHTENING, _MOST_BRIGHTENING))


def _bands(height: int, width: int) -> Iterator[slice]:
    lines = max(1, _BAND // width)
    return (slice(top, min(top + lines, height)) for top in range(0, height, lines))
