"""Written DNG files, read back by tifffile: an outside reader."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from restore_cli.errors import RestoreError
from restore_cli.raw.dng import DngTags, rationals, text, write_dng


def frame(height: int = 6, width: int = 8) -> np.ndarray:
    return np.arange(height * width, dtype=np.uint16).reshape(height, width) * 600


def test_pixels_and_tags_are_what_tifffile_reads(tmp_path: Path) -> None:
    matrix = np.array([[0.8139, -0.2171, -0.0663], [-0.8747, 1.6541, 0.2295], [-0.19, 0.2, 0.81]])
    tags = DngTags(
        pattern="GBRG",
        black=np.array([[500.0, 510.5], [520.0, 530.0]]),
        black_rows=np.arange(6) / 4,
        black_columns=-np.arange(8) / 2,
        white=30000,
        xyz_to_camera=matrix,
        neutral=np.array([0.5, 1.0, 0.625]),
        active=(0, 2, 6, 8),
        orientation=6,
        baseline_exposure=-0.35,
        make="Maker",
        model="Ünder 1",
        exif=(rationals(33434, [1 / 250]),),
    )
    write_dng(tmp_path / "a.dng", frame(), tags)
    with tifffile.TiffFile(tmp_path / "a.dng") as file:
        page = file.pages[0]
        values = {tag.code: tag.value for tag in page.tags.values()}
        np.testing.assert_array_equal(page.asarray(), frame())

    def fractions(code: int) -> np.ndarray:
        pairs = np.array(values[code], float).reshape(-1, 2)
        return pairs[:, 0] / pairs[:, 1]

    assert values[262] == 32803
    assert values[33421] == (2, 2)
    assert bytes(values[33422]) == bytes((1, 2, 0, 1))
    assert values[50713] == (2, 2)
    assert values[50717] == 30000
    assert values[50829] == (0, 2, 6, 8)
    assert values[274] == 6
    assert values[271] == "Maker"
    assert values[50708] == "Maker Ünder 1"
    np.testing.assert_allclose(fractions(50714), [500, 510.5, 520, 530])
    np.testing.assert_allclose(fractions(50716), np.arange(6) / 4)
    np.testing.assert_allclose(fractions(50715), -np.arange(8) / 2)
    np.testing.assert_allclose(fractions(50721), matrix.ravel(), atol=1e-9)
    np.testing.assert_allclose(fractions(50728), [0.5, 1, 0.625])
    np.testing.assert_allclose(fractions(50730), [-0.35])
    assert values[34665]["ExposureTime"] == (1, 250)


def test_what_is_not_given_is_left_out(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", frame(3, 5), DngTags())
    with tifffile.TiffFile(tmp_path / "a.dng") as file:
        codes = {tag.code for tag in file.pages[0].tags.values()}
        np.testing.assert_array_equal(file.pages[0].asarray(), frame(3, 5))
    assert not codes & {50715, 50716, 50721, 50728, 50730, 50829, 34665, 34853}


def test_text_ends_with_a_zero() -> None:
    assert text(271, "ab").raw == b"ab\0"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="nowhere"):
        write_dng(tmp_path / "nowhere" / "a.dng", frame(), DngTags())
