"""What is done to a mosaic before demosaicing."""

from pathlib import Path

import numpy as np
import pytest
from dng_files import developed, write

from restore_cli.raw.file import open_raw
from restore_cli.raw.prepare import prepare


def test_quad_bayer_is_joined_with_a_note(tmp_path: Path) -> None:
    signal = np.array([0.2, 0.4, 0.6])
    cells = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 2, 2], [1, 1, 2, 2]])
    frame = np.round(65535 * signal[np.tile(cells, (24, 32))]).astype(np.uint16)
    tags = ((33421, 3, 2, (4, 4)), (33422, 1, 16, bytes(cells.ravel().tolist())))
    picture, loaded = developed(write(tmp_path / "a.dng", frame, *tags), linear=True, bits=16)
    assert picture.pixels.shape == (48, 64, 3)
    assert (loaded.height, loaded.width) == (48, 64)
    assert "quad Bayer" in " ".join(loaded.notes)
    np.testing.assert_allclose(
        picture.pixels / 65535, np.broadcast_to(signal, (48, 64, 3)), atol=1e-3
    )


@pytest.mark.parametrize("mend", ["auto", "off"])
def test_defects_are_counted(tmp_path: Path, mend: str) -> None:
    frame = np.full((96, 128), 6000, np.uint16)
    frame[40, 50] = 65535
    frame[11, 7] = 0
    with open_raw(write(tmp_path / "a.dng", frame)) as raw:
        made = prepare(raw, raw.info(), mend=mend)
    assert made.hot_pixels == (2 if mend == "auto" else None)
    assert bool((made.light == made.light[0, 0]).all()) == (mend == "auto")


def test_values_that_are_no_numbers_are_black(tmp_path: Path) -> None:
    frame = np.full((48, 64, 3), 0.5, np.float32)
    frame[3, 3] = np.nan
    with open_raw(write(tmp_path / "a.dng", frame)) as raw:
        made = prepare(raw, raw.info())
    assert made.light[3, 3].tolist() == [0, 0, 0]
