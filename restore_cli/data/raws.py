"""Folders of camera RAW files to learn from: upright mosaics of light, and the cameras' colours."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restore_cli.data.photos import Photos, candidates
from restore_cli.errors import RestoreError
from restore_cli.images.metadata import bake
from restore_cli.raw.bayer import Phase, normalised
from restore_cli.raw.file import open_raw
from restore_cli.raw.suffixes import RAWS


@dataclass(frozen=True, slots=True)
class Shot:
    """What must be known of a mosaic beside its samples.

    Attributes:
        red: parity of the rows and of the columns at which it has red.
        matrix: (3, 3) white-balanced camera values to linear sRGB.
    """

    red: tuple[int, int]
    matrix: Tensor


class RawPhotos(Photos):
    """A folder of Bayer files: `photos[i]` is (1, H, W) light, `photos.shots[i]` the rest.

    Light is white-balanced as the camera had it, black at 0, saturation at 1, and lies upright, so
    that it fits a finished picture of the same shot. Other files in the folder are passed over
    (cameras put a JPEG file beside each RAW file).

    Args:
        folder: searched with its subfolders.
        smallest: least height and width, px.

    Raises:
        RestoreError: as `Photos`; also where a file holds no Bayer mosaic.
    """

    suffixes = RAWS

    def __init__(self, folder: Path, *, smallest: int = 1) -> None:
        self._shots: dict[Path, Shot] = {}
        super().__init__(folder, smallest=smallest)
        self.shots = [self._shots[path] for path in self.paths]

    def _read(self, path: Path) -> Tensor:
        with open_raw(path) as raw:
            info = raw.info()
            if info.kind != "bayer":
                raise RestoreError(f"{path}: it is {info.why_not_bayer}, not a Bayer mosaic")
            light = bake(normalised(raw.mosaic(info), info, info.camera_gains), info.orientation)
        # Turned as the mosaic is; where a turned cell begins depends on the parity of the sides.
        cell = np.array(list(info.cfa)).reshape(2, 2)
        small = np.tile(cell, (2, 2))[: 2 + info.height % 2, : 2 + info.width % 2]
        turned = bake(small, info.orientation)[:2, :2]
        phase = Phase.of("".join(turned.ravel()))
        matrix = torch.from_numpy(info.matrix.astype(np.float32))
        self._shots[path] = Shot((phase.row, phase.column), matrix)
        return torch.from_numpy(light)[None]


def holds_raws(folder: Path) -> bool:
    """Whether a folder or one of its subfolders has a RAW file, by its name."""
    return any(one.path.name in RAWS for one in candidates(folder, RAWS))
