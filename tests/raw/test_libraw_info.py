"""What LibRaw makes of files whose tags are not followed here."""

from pathlib import Path

import dng_files
import numpy as np
import pytest
import rawpy
from dng_files import developed, write

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


@pytest.mark.parametrize("size", [(96, 132), (516, 522)])
def test_an_x_trans_mosaic_is_never_read_as_bayer(tmp_path: Path, size: tuple[int, int]) -> None:
    cell = "GBGGRG RGRBGB GBGGRG GRGGBG BGBRGR GRGGBG".replace(" ", "")
    pattern = bytes("RGB".index(c) for c in cell)
    signal = np.array([0.2, 0.4, 0.6])
    places = np.array(list(pattern)).reshape(6, 6)
    frame = np.tile(np.round(65535 * signal[places]), (size[0] // 6, size[1] // 6))
    path = write(
        tmp_path / "a.dng",
        frame.astype(np.uint16),
        (33421, 3, 2, (6, 6)),
        (33422, 1, 36, pattern),
        rowsperstrip=size[0],
    )
    with open_raw(path) as raw:
        info = raw.info()
    assert (info.kind, info.cfa) == ("x-trans", "")
    picture, loaded = developed(path, engine="learned", linear=True, bits=16)
    assert "it is an X-Trans mosaic: developed by LibRaw" in loaded.notes
    assert picture.pixels.shape[:2] == size
    np.testing.assert_allclose(picture.pixels[40, 60] / 65535, signal, atol=1e-3)


def test_levels_by_hand_become_libraws(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dng", np.full((48, 64), 9000, np.uint16))
    with rawpy.imread(str(path)) as raw:
        assert tuple(visible(raw)) == (0, 0, 48, 64)
        options = replaced(raw, Levels(np.array([[500.0, 510.0], [520.0, 530.0]]), 16000.0))
    assert (options["user_black"], options["user_sat"]) == (500, 15500)
    assert sorted(options["user_cblack"]) == [0, 10, 20, 30]


def test_a_picture_of_four_colours_is_no_linear_one(tmp_path: Path) -> None:
    frame = np.full((96, 128, 4), 32768, np.uint16)
    reduction = (50725, 10, 12, dng_files.ratios(np.eye(3, 4)))
    path = dng_files.write(tmp_path / "a.dng", frame, reduction, extrasamples=[0])
    picture, loaded = dng_files.developed(path, linear=True, bits=16)
    assert picture.pixels.shape == (96, 128, 3)
    assert np.ptp(picture.pixels.astype(int)) < 200  # grey stays grey
    assert loaded.details["cfa"] == "other"


def test_a_reduction_matrix_of_three_colours_changes_nothing(tmp_path: Path) -> None:
    frame = np.full((96, 128, 3), 32768, np.uint16)
    reduction = (50725, 10, 9, dng_files.ratios(2 * np.eye(3)))
    plain = dng_files.light(dng_files.write(tmp_path / "a.dng", frame))
    np.testing.assert_array_equal(
        dng_files.light(dng_files.write(tmp_path / "b.dng", frame, reduction)), plain
    )
