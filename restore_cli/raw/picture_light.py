"""The light of a demosaiced picture on its way to colours: opcode list 3, crop, scale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_cli.raw.bayer import Phase, light_of
from restore_cli.raw.dng_tags import Area
from restore_cli.raw.levels import Gains
from restore_cli.raw.prepare import Prepared, after_demosaicing
from restore_cli.raw.rendering import Rows


@dataclass(frozen=True, slots=True)
class PictureLight:
    """A demosaiced picture, white-balanced, and what is still to be done to it.

    Attributes:
        path: the file, named in errors.
        prepared: what it was made of; None where LibRaw did all.
        gains: white-balance multipliers that were applied, the smallest 1.
        headroom: what 1 stands for.
        phase: of the mosaic that a network demosaiced; None for pictures without its margin.
        crop: what of it becomes the picture.
        scale: vertical and horizontal.
        half: it has half the size.
        lens: whether to correct what the lens did.
    """

    path: Path
    prepared: Prepared | None
    gains: Gains
    headroom: float
    phase: Phase | None
    crop: Area
    scale: tuple[float, float]
    half: bool
    lens: bool

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the picture, before turning."""
        down, across = self.scale
        return max(1, round(self.crop.height * down)), max(1, round(self.crop.width * across))

    def rows(self, image: NDArray[np.float32]) -> tuple[Rows, tuple[str, ...], tuple[str, ...]]:
        """Bands of the finished light, names of the corrections, and notes.

        Args:
            image: (3, H, W): under the sRGB curve from a network, uint16 or float32 light else.
        """
        crop = self.crop
        after = self.prepared.after if self.prepared is not None else ()
        if not after and self.scale == (1.0, 1.0):

            def cut(rows: slice) -> NDArray[np.float32]:
                part = self._light(image, slice(rows.start + crop.top, rows.stop + crop.top))
                return part[:, crop.left : crop.right]

            return cut, (), ()
        height = image.shape[1] - (0 if self.phase is None else self.phase.row)
        light = np.ascontiguousarray(self._light(image, slice(0, height)))
        names, notes = tuple[str, ...](), tuple[str, ...]()
        if after and self.prepared is not None:
            factors = np.array(self.gains, np.float32) / np.float32(self.headroom)
            done = after_demosaicing(
                self.prepared,
                np.divide(light, factors, dtype=np.float32),
                self.path,
                self.lens,
                half=self.half,
            )
            light, names, notes = done.image * factors, done.names, done.notes
            crop = crop.within(done.area) if _some(crop.within(done.area)) else crop
        light = light[crop.top : crop.bottom, crop.left : crop.right]
        if self.scale != (1.0, 1.0) or light.shape[:2] != self.size:
            wanted = (self.size[1], self.size[0])
            light = cv2.resize(light, wanted, interpolation=cv2.INTER_CUBIC)
        finished = np.asarray(light, np.float32)
        return (lambda rows: finished[rows]), names, notes

    def _light(self, image: NDArray[np.float32], rows: slice) -> NDArray[np.float32]:
        if self.phase is not None:
            import torch

            return light_of(torch.from_numpy(image), self.phase, rows)
        part = image[:, rows].transpose(1, 2, 0)
        return part if part.dtype == np.float32 else np.divide(part, 65535, dtype=np.float32)


def _some(area: Area) -> bool:
    return min(area.height, area.width) > 0
