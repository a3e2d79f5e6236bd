"""Levels, areas and kinds, as the file's tags say them."""

from pathlib import Path

import numpy as np
import pytest
from dng_files import TO_CAMERA, developed, light, ratios, write

from restore_cli.errors import RestoreError
from restore_cli.raw.dng_tags import Area
from restore_cli.raw.tags import read_tags

GREY = np.full((96, 128, 3), 0.5)


@pytest.mark.parametrize("black", [(2048, 2048, 2048), (256, 512, 1024), (0, 0, 0)])
def test_linear_files_have_a_black_level_a_sample(tmp_path: Path, black: tuple[int, ...]) -> None:
    frame = np.round(np.array(black) + GREY * (16383 - np.array(black))).astype(np.uint16)
    frame[:8] = 16383
    tags = ((50714, 4, 3, black), (50717, 4, 3, (16383,) * 3))
    seen = light(write(tmp_path / "a.dng", frame, *tags))
    np.testing.assert_allclose(seen[20:], 0.5, atol=1e-3)
    np.testing.assert_allclose(seen[:6], 1, atol=1e-3)
    # The same levels by hand are not subtracted twice.
    if len(set(black)) == 1:
        told = light(tmp_path / "a.dng", black=float(black[0]), white=16383.0)
        np.testing.assert_array_equal(told, seen)


def test_white_levels_a_sample(tmp_path: Path) -> None:
    white = np.array([8000, 16000, 12000])
    frame = np.round(GREY * white).astype(np.uint16)
    seen = light(write(tmp_path / "a.dng", frame, (50717, 4, 3, tuple(white.tolist()))))
    np.testing.assert_allclose(seen, 0.5, atol=1e-3)


@pytest.mark.parametrize("engine", ["learned", "libraw"])
def test_patterns_deltas_and_fractions_of_black(tmp_path: Path, engine: str) -> None:
    tile = np.array([[512.25, 600.5], [640.75, 700.0]])
    rows, columns = np.linspace(-40, 40, 96), np.linspace(30, -30, 128)
    black = np.tile(tile, (48, 64)) + rows[:, None] + columns
    frame = np.round(black + 0.5 * (16383 - black)).astype(np.uint16)
    path = write(
        tmp_path / "a.dng",
        frame,
        (50713, 3, 2, (2, 2)),
        (50714, 5, 4, ratios(tile, 100)),
        (50715, 10, 128, ratios(columns)),
        (50716, 10, 96, ratios(rows)),
        (50717, 4, 1, 16383),
    )
    picture, loaded = developed(path, engine=engine, linear=True, bits=16)
    if engine == "learned":
        assert float(loaded.image.max()) == pytest.approx(0.7354, abs=1e-3)  # under the sRGB curve
    else:
        np.testing.assert_allclose(picture.pixels / 65535, 0.5, atol=1e-3)


def test_integers_without_a_white_level_have_their_full_range(tmp_path: Path) -> None:
    np.testing.assert_allclose(
        light(write(tmp_path / "a.dng", np.full((96, 128, 3), 128, np.uint8))), 128 / 255, atol=1e-3
    )
    np.testing.assert_allclose(
        light(write(tmp_path / "b.dng", np.full((96, 128), 32768, np.uint16))), 0.5, atol=1e-3
    )


@pytest.mark.parametrize(
    ("crop", "size"), [("default", (40, 56)), ("active", (91, 121)), ("full", (96, 128))]
)
def test_crops_are_the_tags(tmp_path: Path, crop: str, size: tuple[int, int]) -> None:
    y, x = np.mgrid[:96, :128]
    frame = (20000 + 100 * y + 50 * x).astype(np.uint16)
    tags = (
        (50829, 4, 4, (3, 5, 94, 126)),
        (50719, 5, 2, ratios([8, 6])),
        (50720, 5, 2, ratios([112, 80])),
        (51125, 5, 4, ratios([0.25, 0.25, 0.75, 0.75])),
    )
    picture, loaded = developed(
        write(tmp_path / "a.dng", frame, *tags), crop=crop, linear=True, bits=16
    )
    assert picture.pixels.shape[:2] == size
    assert (loaded.height, loaded.width) == size
    top, left = {"default": (3 + 6 + 20, 5 + 8 + 28), "active": (3, 5), "full": (0, 0)}[crop]
    expected = frame[top : top + size[0], left : left + size[1]]
    np.testing.assert_allclose(picture.pixels[4:-4, 4:-4, 1], expected[4:-4, 4:-4], atol=60)


@pytest.mark.parametrize("active", [(5, 7, 101, 135), (0, 1, 96, 128), (3, 2, 90, 127)])
def test_no_row_is_lost(tmp_path: Path, active: tuple[int, ...]) -> None:
    frame = np.full((104, 136), 30000, np.uint16)
    seen = light(write(tmp_path / "a.dng", frame, (50829, 4, 4, active)))
    assert seen.shape[:2] == (active[2] - active[0], active[3] - active[1])


def test_areas_that_make_no_sense_are_noted(tmp_path: Path) -> None:
    frame = np.full((96, 128), 30000, np.uint16)
    for tags in (
        [(50719, 5, 2, ratios([100, 80])), (50720, 5, 2, ratios([112, 80]))],
        [(51125, 5, 4, ratios([0.5, 0.5, 0.5, 0.5]))],
    ):
        picture, loaded = developed(write(tmp_path / "a.dng", frame, *tags))
        assert picture.pixels.size
        assert "area" in " ".join(loaded.notes)
    # These LibRaw takes for damage.
    for active in ((90, 90, 20, 20), (0, 0, 200, 128)):
        with pytest.raises(RestoreError, match="damaged"):
            developed(write(tmp_path / "a.dng", frame, (50829, 4, 4, active)))


def test_masked_areas_tell_the_black_level(tmp_path: Path) -> None:
    frame = np.full((96, 128), 512 + 8000, np.uint16)
    frame[:, :8] = 512
    tags = ((50829, 4, 4, (0, 8, 96, 128)), (50830, 4, 4, (0, 0, 96, 8)), (50717, 4, 1, 16512))
    np.testing.assert_allclose(light(write(tmp_path / "a.dng", frame, *tags)), 0.5, atol=1e-3)


def test_pixels_that_are_not_square_are_scaled(tmp_path: Path) -> None:
    frame = np.full((96, 128, 3), 30000, np.uint16)
    picture, loaded = developed(write(tmp_path / "a.dng", frame, (50718, 5, 2, ratios([1, 2]))))
    assert picture.pixels.shape[:2] == (192, 128) == (loaded.height, loaded.width)


@pytest.mark.parametrize("layout", range(2, 10))
def test_staggered_layouts_are_refused_by_name(tmp_path: Path, layout: int) -> None:
    path = write(tmp_path / "a.dng", np.full((96, 128), 9, np.uint16), (50711, 3, 1, layout))
    with pytest.raises(RestoreError, match=f"CFALayout {layout} .staggered"):
        light(path)


def test_a_noise_profile_is_read(tmp_path: Path) -> None:
    frame = np.full((96, 128), 9, np.uint16)
    path = write(tmp_path / "a.dng", frame, (51041, 12, 2, (1e-4, 2e-6)))
    dng = read_tags(path).dng
    assert dng is not None
    np.testing.assert_allclose(dng.noise, [[1e-4, 2e-6]])


def test_areas() -> None:
    area = Area(2, 3, 10, 20)
    assert (area.height, area.width) == (8, 17)
    assert area.within(Area(0, 0, 5, 5)) == Area(2, 3, 5, 5)
    assert area.seen_from(Area(1, 1, 9, 9)) == Area(1, 2, 9, 19)


def test_black_levels_below_zero(tmp_path: Path) -> None:
    floats = (0.5 * 1.25 - 0.25 + np.zeros((96, 128, 3))).astype(np.float32)
    seen = light(write(tmp_path / "a.dng", floats, (50714, 10, 3, ratios([-0.25] * 3))))
    np.testing.assert_allclose(seen, 0.5, atol=1e-3)
    codes = np.full((96, 128), round(0.5 * (65535 + 1000) - 1000), np.uint16)
    seen = light(write(tmp_path / "b.dng", codes, (50714, 10, 1, ratios([-1000], 1))))
    np.testing.assert_allclose(seen, 0.5, atol=1e-3)


def test_without_a_white_level_a_table_tells_it(tmp_path: Path) -> None:
    table = tuple(int(v) for v in np.linspace(0, 65535, 256))
    path = write(tmp_path / "a.dng", np.full((96, 128), 128, np.uint8), (50712, 3, 256, table))
    picture, loaded = developed(path, linear=True, bits=16)
    np.testing.assert_allclose(picture.pixels / 65535, 128 / 255, atol=1e-3)
    assert "its table's largest value, 65535, is taken" in " ".join(loaded.notes)


@pytest.mark.parametrize("planes", [(0, 1, 2), (2, 1, 0)])
def test_matrices_have_the_order_of_the_colour_planes(
    tmp_path: Path, planes: tuple[int, int, int]
) -> None:
    """CFAPlaneColor: with (2, 1, 0) the first row of the matrix is blue's."""
    signal = np.array([0.2, 0.4, 0.6])  # of red, green and blue, under a camera of sRGB
    y, x = np.mgrid[:96, :128]
    cells = np.array([0, 1, 1, 2])
    codes = np.round(65535 * signal[cells[2 * (y % 2) + x % 2]]).astype(np.uint16)
    order = list(planes)
    matrix = (50721, 10, 9, ratios(TO_CAMERA[order]))
    path = write(tmp_path / "a.dng", codes, (50710, 1, 3, bytes(planes)), matrix)
    np.testing.assert_allclose(light(path), np.broadcast_to(signal, (96, 128, 3)), atol=1e-3)
