"""Between a RAW file's mosaic and the planes that `networks.isp.ISP` reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from restore_cli.raw.info import RawInfo
from restore_cli.raw.levels import Gains

if TYPE_CHECKING:
    # A proof is made without.
    from torch import Tensor

_UNCLIPPED = 0.98


@dataclass(frozen=True, slots=True)
class Phase:
    """Where a mosaic's red lies in its 2x2 cells; the network sees (0, 0) only.

    Attributes:
        row: 0 or 1.
        column: 0 or 1.
    """

    row: int
    column: int

    @classmethod
    def of(cls, cfa: str) -> Phase:
        """That of "RGGB", "GRBG", "GBRG" or "BGGR"."""
        return cls(*divmod(cfa.index("R"), 2))

    def aligned(self, mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mirror a row and a column in front where red lies at odd ones.

        Mirrored about the first sample every colour comes to lie on its own places; a side of one
        sample is repeated.
        """
        height, width = mosaic.shape
        rows = [min(1, height - 1)] * self.row + list(range(height))
        columns = [min(1, width - 1)] * self.column + list(range(width))
        if not self.row and not self.column:
            return mosaic
        return mosaic[np.ix_(rows, columns)]


def normalised(mosaic: NDArray[np.uint16], info: RawInfo, gains: Gains) -> NDArray[np.float32]:
    """Codes as light: black at 0, the level at which the first colour saturates at 1.

    The smallest of the gains becomes 1, and what the others lift above 1 is cut off. So a place
    where all colours are saturated is white and not magenta, as in LibRaw.

    Args:
        mosaic: (H, W).
        info: its levels and pattern.
        gains: white-balance multipliers of red, green, blue.

    Returns:
        (H, W); noise reaches below 0.
    """
    return balanced(info.levels.light(mosaic), info.cfa, gains)


def balanced(light: NDArray[np.float32], cfa: str, gains: Gains) -> NDArray[np.float32]:
    """White-balance a mosaic of light, in place; see `normalised`.

    Args:
        light: (H, W), black at 0, saturation at 1.
        cfa: colours of its 2x2 cell.
        gains: white-balance multipliers of red, green, blue.
    """
    for place, colour in enumerate(cfa):
        row, column = divmod(place, 2)
        light[row::2, column::2] *= np.float32(gains["RGB".index(colour)] / min(gains))
    return np.minimum(light, 1, out=light)


def planes(light: NDArray[np.float32], phase: Phase) -> Tensor:
    """A mosaic of light as the network's input: sRGB curve, each colour in a plane of its own.

    Args:
        light: (H, W) as `normalised` returns it.
        phase: of its pattern.

    Returns:
        (3, H', W'), a row or column larger where the phase is not RGGB's.
    """
    import torch

    from restore_cli.images.color import linear_to_srgb

    return scatter(linear_to_srgb(torch.from_numpy(phase.aligned(light))))


def scatter(samples: Tensor) -> Tensor:
    """Put the samples of an RGGB mosaic (H, W) into planes of their colours (3, H, W), else 0."""
    planes = samples.new_zeros(3, *samples.shape)
    for colour, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        planes[colour, row::2, column::2] = samples[row::2, column::2]
    return planes


def light_of(image: Tensor, phase: Phase, rows: slice) -> NDArray[np.float32]:
    """Some rows of the network's answer as light, (h, W, 3), the mirrored margin cut off."""
    from restore_cli.images.color import srgb_to_linear

    part = image[:, rows.start + phase.row : rows.stop + phase.row, phase.column :]
    return srgb_to_linear(part).permute(1, 2, 0).numpy()


def grey_world(light: NDArray[np.float32], cfa: str) -> Gains | None:
    """White balance under which the picture is grey on average, saturated cells left out.

    Args:
        light: (H, W), black at 0, saturation at 1, before white balance.
        cfa: colours of its 2x2 cell.

    Returns:
        Multipliers with green at 1, or None where nothing can be measured.
    """
    height, width = (size - size % 2 for size in light.shape)
    cells = light[:height, :width].reshape(height // 2, 2, width // 2, 2).transpose(0, 2, 1, 3)
    cells = cells.reshape(-1, 4)
    usable = cells[cells.max(axis=1) < _UNCLIPPED]
    if not len(usable):
        return None
    means = usable.mean(axis=0, dtype=np.float64)
    red, green, blue = (
        float(np.mean([m for m, colour in zip(means, cfa, strict=True) if colour == name]))
        for name in "RGB"
    )
    if min(red, green, blue) <= 0:
        return None
    return green / red, 1.0, green / blue


def grey_picture(light: NDArray[np.float32]) -> Gains | None:
    """White balance under which a picture is grey on average, saturated pixels left out."""
    pixels = light.reshape(-1, 3)
    usable = pixels[pixels.max(axis=1) < _UNCLIPPED]
    if not len(usable):
        return None
    red, green, blue = usable.mean(axis=0, dtype=np.float64)
    if min(red, green, blue) <= 0:
        return None
    return float(green / red), 1.0, float(green / blue)
