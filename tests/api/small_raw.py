"""A RAW file that is quick to develop."""

from pathlib import Path

import numpy as np

from restore_cli.raw.dng import DngTags, write_dng


def write_small_raw(path: Path) -> None:
    """A grey wedge, 64x48, as a camera's mosaic."""
    light = np.linspace(600, 12_000, 64 * 48).reshape(48, 64).astype(np.uint16)
    tags = DngTags(
        pattern="RGGB",
        black=(512.0,) * 4,
        white=16_383,
        xyz_to_camera=np.array([[0.8, -0.2, -0.1], [-0.4, 1.2, 0.2], [-0.1, 0.2, 0.6]]),
        neutral=(0.5, 1.0, 0.625),
    )
    write_dng(path, light, tags)
