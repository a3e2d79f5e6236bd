"""What a DNG file says, and what is done where it says nonsense."""

from pathlib import Path

import numpy as np
import pytest
from dng_files import CFA, developed, light, ratios, restated, write

from restore_cli.errors import RestoreError
from restore_cli.images.profile import decode_srgb
from restore_cli.raw.dng_info import kind_of
from restore_cli.raw.file import open_raw
from restore_cli.raw.prepare import prepare
from restore_cli.raw.tags import read_tags

FRAME = np.full((96, 128), 20000, np.uint16)


def kind(path: Path) -> tuple[str, str, bool]:
    dng = read_tags(path).dng
    assert dng is not None
    return kind_of(dng)


def test_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    assert kind(write(path, FRAME)) == ("bayer", "RGGB", False)
    grey = bytearray(write(path, FRAME).read_bytes())
    at = grey.index((262).to_bytes(2, "little") + (3).to_bytes(2, "little"))
    grey[at + 8 : at + 10] = (34892).to_bytes(2, "little")
    path.write_bytes(grey)
    assert kind(path) == ("monochrome", "", False)
    picture, loaded = developed(path, linear=True, engine="learned")
    np.testing.assert_allclose(picture.pixels / 255, 20000 / 65535, atol=0.003)
    assert "monochrome" in " ".join(loaded.notes)
    assert kind(write(path, np.zeros((8, 8, 3), np.uint16))) == ("linear", "", False)
    quad = bytes((0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 2, 2, 1, 1, 2, 2))
    dim = (33421, 3, 2, (4, 4))
    assert kind(write(path, FRAME, dim, (33422, 1, 16, quad))) == ("bayer", "RGGB", True)
    twice = bytes((0, 1, 0, 1, 1, 2, 1, 2, 0, 1, 0, 1, 1, 2, 1, 2))
    assert kind(write(path, FRAME, dim, (33422, 1, 16, twice))) == ("bayer", "RGGB", False)
    xtrans = (33422, 1, 36, bytes(36))
    assert kind(write(path, FRAME, (33421, 3, 2, (6, 6)), xtrans))[0] == "x-trans"
    for cells in ((3, 4, 5, 6), (0, 1, 6, 2), (0, 1, 2, 1), (0, 0, 1, 2)):
        assert kind(write(path, FRAME, (33422, 1, 4, bytes(cells))))[0] == "other"


@pytest.mark.parametrize("cells", [(0, 1, 1, 2), (1, 0, 2, 1), (1, 2, 0, 1), (2, 1, 1, 0)])
@pytest.mark.parametrize("crop", ["active", "full"])
def test_every_phase_at_every_origin(tmp_path: Path, cells: tuple[int, ...], crop: str) -> None:
    signal = np.array([0.2, 0.4, 0.6])
    active = (3, 5, 95, 127)
    y, x = np.mgrid[:96, :128]
    place = 2 * ((y - active[0]) % 2) + (x - active[1]) % 2
    frame = np.round(65535 * signal[np.array(cells)[place]]).astype(np.uint16)
    path = write(tmp_path / "a.dng", frame, (33422, 1, 4, bytes(cells)), (50829, 4, 4, active))
    picture, _ = developed(path, crop=crop, linear=True, bits=16)
    np.testing.assert_allclose(
        picture.pixels / 65535, np.broadcast_to(signal, picture.pixels.shape), atol=1e-3
    )


def test_nonsense_is_replaced_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    for tags, words in (
        ([(50714, 4, 1, 65000)], "black level makes no sense"),
        ([(50717, 4, 1, 0)], "white level makes no sense"),
        ([(50728, 5, 3, (0, 1, 1, 1, 1, 1))], "daylight's is used"),
        ([(50721, 10, None, ())], "no colour matrix"),
        ([(50714, 4, 3, (1, 2, 3))], "black level does not fit"),
        ([(50716, 10, 3, ratios([1, 2, 3]))], "deltas do not fit"),
    ):
        _, loaded = developed(write(path, FRAME, *tags))
        assert words in " ".join(loaded.notes)
    with pytest.raises(RestoreError, match="not below"):
        developed(write(path, FRAME), black=70000.0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 5)])
def test_smallest_pictures(tmp_path: Path, shape: tuple[int, int]) -> None:
    frame = np.full((*shape, 3), 20000, np.uint16)
    picture, _ = developed(write(tmp_path / "a.dng", frame.astype(np.float32) / 65535))
    assert picture.pixels.shape[:2] == shape


X_TRANS = bytes("RGB".index(c) for c in "GBGGRGRGRBGBGBGGRGGRGGBGBGBRGRGRGGBG")
MOSAICS = {
    "bayer": ((2, 2), bytes((0, 1, 1, 2)), (96, 132)),
    "quad": ((4, 4), bytes((0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 2, 2, 1, 1, 2, 2)), (96, 132)),
    "x-trans": ((6, 6), X_TRANS, (600, 636)),
}
"""The repeated cell's size, its colours, and the sensor's size."""


def of_blacks(path: Path, mosaic: str, dim: tuple[int, int], origin: int, places: int = 1) -> Path:
    """Half of the light everywhere, white above, over a black level that is unlike in each place.

    `origin` is where the active area begins, `places` the samples at each place; others are dark.
    """
    shape, cells, size = MOSAICS[mosaic]
    tile = np.random.default_rng(4).integers(200, 1200, (*dim, places))
    y, x = ((np.arange(length) - origin) % repeat for length, repeat in zip(size, dim, strict=True))
    black = tile[y][:, x]
    codes = black + 0.5 * (16383 - black)
    codes[: origin + 16] = 16383
    codes[..., 1:] = black[..., 1:]
    tags = [
        (33421, 3, 2, shape),
        (33422, 1, len(cells), cells),
        (50713, 3, 2, dim),
        (50714, 4, tile.size, tuple(tile.ravel().tolist())),
        (50717, 4, places, (16383,) * places),
        (50829, 4, 4, (origin, origin, size[0] - 1, size[1] - 1)),
    ]
    codes = np.round(codes).astype(np.uint16)
    if places == 1:
        return write(path, codes[..., 0], *tags)
    # tifffile writes no mosaic of several samples.
    write(path, codes, *tags, photometric="minisblack", extrasamples=[0] * (places - 1))
    return restated(path, _262=CFA)


@pytest.mark.parametrize("origin", [0, 5])
@pytest.mark.parametrize("dim", [(1, 1), (2, 2), (4, 4), (6, 6), (1, 2), (2, 1), (3, 5)])
@pytest.mark.parametrize("mosaic", ["bayer", "quad", "x-trans"])
def test_black_levels_of_every_repeat_pattern(
    tmp_path: Path, mosaic: str, dim: tuple[int, int], origin: int
) -> None:
    path = of_blacks(tmp_path / "a.dng", mosaic, dim, origin)
    seen = light(path)
    np.testing.assert_allclose(seen[24:-12, 12:-12], 0.5, atol=1e-3)
    np.testing.assert_allclose(seen[3:5, 12:-12], 1, atol=1e-3)
    if mosaic == "x-trans":
        return
    # What the network is given, before it computes.
    with open_raw(path) as raw:
        given = prepare(raw, raw.info()).light
    np.testing.assert_allclose(given[24:-12, 12:-12], 0.5, atol=1e-3)
    planes = developed(path, engine="learned", linear=True)[1].image
    learned = decode_srgb(planes.max(axis=0))
    np.testing.assert_allclose(learned[24:-12, 12:-12], 0.5, atol=1e-3)


@pytest.mark.parametrize("dim", [(1, 1), (2, 2), (4, 4), (1, 2)])
def test_of_two_samples_at_each_place_the_first_is_taken(
    tmp_path: Path, dim: tuple[int, int]
) -> None:
    """As Fujifilm's sensors with large and small photosites have."""
    path = of_blacks(tmp_path / "a.dng", "bayer", dim, 0, places=2)
    np.testing.assert_allclose(light(path)[24:-12, 12:-12], 0.5, atol=1e-3)
    notes = developed(path, engine="learned")[1].notes
    assert "it has 2 samples at each place: the first is taken" in notes


def test_deltas_of_lines_count_for_mosaics_that_libraw_develops(tmp_path: Path) -> None:
    shape, cells, (height, width) = MOSAICS["x-trans"]
    rows, columns = np.arange(height) % 7 * 30, np.arange(width) % 5 * 20
    black = 300 + rows[:, None] + columns
    codes = np.round(black + 0.5 * (16383 - black)).astype(np.uint16)
    tags = [
        (33421, 3, 2, shape),
        (33422, 1, 36, cells),
        (50714, 4, 1, 300),
        (50715, 10, width, ratios(columns)),
        (50716, 10, height, ratios(rows)),
        (50717, 4, 1, 16383),
    ]
    seen = light(write(tmp_path / "a.dng", codes, *tags))
    np.testing.assert_allclose(seen[12:-12, 12:-12], 0.5, atol=1e-3)
    with open_raw(tmp_path / "a.dng") as raw:
        info = raw.info()
        first = raw.develop(info, info.camera_gains, "linear")
        np.testing.assert_array_equal(first, raw.develop(info, info.camera_gains, "linear"))


def test_a_mosaic_that_libraw_gives_up_is_an_error(tmp_path: Path) -> None:
    """LibRaw gives up its memory with it; nothing may be written there any more."""
    shape, _, size = MOSAICS["x-trans"]
    codes = np.full(size, 9000, np.uint16)
    tags = ((33421, 3, 2, shape), (33422, 1, 36, X_TRANS[:30] + X_TRANS[24:30]))
    with pytest.raises(RestoreError, match=r"a\.dng"):
        light(write(tmp_path / "a.dng", codes, *tags))
