"""Between a RAW file's mosaic and the planes that `networks.isp.ISP` reads."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore_cli.images.color import linear_to_srgb, srgb_to_linear
from restore_cli.raw.file import RawInfo
from restore_cli.raw.levels import Gains

_LINES = 256  # rows at a time, even
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
    def of(cls, cfa: str) -> "Phase":
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
    height, width = mosaic.shape
    out = np.empty((height, width), np.float32)
    gain = np.empty((2, width), np.float32)
    for place, colour in enumerate(info.cfa):
        row, column = divmod(place, 2)
        gain[row, column::2] = gains["RGB".index(colour)] / min(gains)
    for top in range(0, height, _LINES):
        rows = slice(top, min(top + _LINES, height))
        black = info.levels.black(rows, width)
        lines = np.resize(np.arange(2), rows.stop - top)
        light = (mosaic[rows] - black) / (np.float32(info.levels.white) - black)
        np.minimum(light * gain[lines], 1, out=out[rows])
    return out


def planes(light: NDArray[np.float32], phase: Phase) -> Tensor:
    """A mosaic of light as the network's input: sRGB curve, each colour in a plane of its own.

    Args:
        light: (H, W) as `normalised` returns it.
        phase: of its pattern.

    Returns:
        (3, H', W'), a row or column larger where the phase is not RGGB's.
    """
    return scatter(linear_to_srgb(torch.from_numpy(phase.aligned(light))))


def scatter(samples: Tensor) -> Tensor:
    """Put the samples of an RGGB mosaic (H, W) into planes of their colours (3, H, W), else 0."""
    planes = torch.zeros(3, *samples.shape)
    for colour, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        planes[colour, row::2, column::2] = samples[row::2, column::2]
    return planes


def light_of(image: Tensor, phase: Phase, rows: slice) -> NDArray[np.float32]:
    """Some rows of the network's answer as light, (h, W, 3), the mirrored margin cut off."""
    part = image[:, rows.start + phase.row : rows.stop + phase.row, phase.column :]
    return srgb_to_linear(part).permute(1, 2, 0).numpy()


def grey_world(mosaic: NDArray[np.uint16], info: RawInfo) -> Gains | None:
    """White balance under which the picture is grey on average, saturated cells left out.

    Returns:
        Multipliers with green at 1, or None where nothing can be measured.
    """
    light = normalised(mosaic, info, (1.0, 1.0, 1.0))
    height, width = (size - size % 2 for size in light.shape)
    cells = light[:height, :width].reshape(height // 2, 2, width // 2, 2).transpose(0, 2, 1, 3)
    cells = cells.reshape(-1, 4)
    usable = cells[cells.max(axis=1) < _UNCLIPPED]
    if not len(usable):
        return None
    means = usable.mean(axis=0, dtype=np.float64)
    red, green, blue = (
        float(np.mean([m for m, colour in zip(means, info.cfa, strict=True) if colour == name]))
        for name in "RGB"
    )
    if min(red, green, blue) <= 0:
        return None
    return green / red, 1.0, green / blue
