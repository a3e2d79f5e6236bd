"""What LibRaw makes of files whose tags are not followed here."""

from pathlib import Path

import numpy as np
import pytest
import rawpy
from dng_files import write

from restore_cli.raw.file import open_raw
from restore_cli.raw.levels import Levels
from restore_cli.raw.libraw_info import replaced, visible

REAL = Path(__file__).parents[3] / "shared" / "data" / "raw" / "RAW_KODAK_DC50.KDC"


@pytest.mark.parametrize("black", [None, 5.0])
def test_a_camera_without_dng_tags(black: float | None) -> None:
    if not REAL.is_file():
        pytest.skip("no real RAW files beside the repository")
    with open_raw(REAL) as raw:
        info = raw.info(black=black)
        assert (info.kind, info.width, info.height) == ("bayer", 768, 512)
        assert not info.follows_dng
        assert info.levels.tile.item(0) == (black or 0)
        assert raw.mosaic(info).shape == (512, 768)


def test_an_x_trans_mosaic_is_never_read_as_bayer(tmp_path: Path) -> None:
    cell = "GBGGRG RGRBGB GBGGRG GRGGBG BGBRGR GRGGBG".replace(" ", "")
    pattern = bytes("RGB".index(c) for c in cell)
    frame = np.full((96, 132), 20000, np.uint16)
    path = write(tmp_path / "a.dng", frame, (33421, 3, 2, (6, 6)), (33422, 1, 36, pattern))
    with open_raw(path) as raw:
        info = raw.info()
    assert (info.kind, info.cfa) == ("x-trans", "")
    assert info.why_not_bayer == "an X-Trans mosaic"


def test_levels_by_hand_become_libraws(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dng", np.full((48, 64), 9000, np.uint16))
    with rawpy.imread(str(path)) as raw:
        assert tuple(visible(raw)) == (0, 0, 48, 64)
        options = replaced(raw, Levels(np.array([[500.0, 510.0], [520.0, 530.0]]), 16000.0))
    assert (options["user_black"], options["user_sat"]) == (500, 15500)
    assert sorted(options["user_cblack"]) == [0, 10, 20, 30]
