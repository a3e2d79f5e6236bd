"""RAW files: simulated ones come back as they were written, real ones are told what they are."""

import os
import resource
from pathlib import Path

import dng_files
import numpy as np
import pytest

from restore_cli.degradations.cameras import Camera
from restore_cli.degradations.mosaic import Sensor, expose, mosaic, record
from restore_cli.errors import RestoreError
from restore_cli.raw.dng import DngTags, write_dng
from restore_cli.raw.file import RawInfo, open_raw

REAL = Path(__file__).parents[3] / "shared" / "data" / "raw"
CAMERA = Camera.named("Nikon D700")
PATTERNS = ["RGGB", "GRBG", "GBRG", "BGGR"]
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="no real RAW files beside the repository")


def light(height: int = 48, width: int = 64) -> np.ndarray:
    colours = np.random.default_rng(0).uniform(0.1, 0.6, (height // 8, width // 8, 3))
    return colours.repeat(8, 0).repeat(8, 1)


def write(path: Path, pattern: str = "RGGB", sensor: Sensor | None = None, **tags: object) -> Path:
    sensor = sensor or Sensor(pattern=pattern)
    return dng_files.write_shot(path, expose(light(), CAMERA), CAMERA, sensor, **tags)


def info(path: Path, **options: float) -> RawInfo:
    with open_raw(path) as raw:
        return raw.info(**options)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("bits", "black"), [(10, 0), (12, 256), (14, 512), (16, 1024)])
def test_what_was_written_is_read(tmp_path: Path, pattern: str, bits: int, black: int) -> None:
    path = write(tmp_path / "a.dng", sensor=Sensor(pattern=pattern, bits=bits, black=black))
    read = info(path)
    assert (read.kind, read.cfa, read.width, read.height) == ("bayer", pattern, 64, 48)
    assert read.levels.tile.tolist() == [[black]]
    assert read.levels.white == 2**bits - 1
    np.testing.assert_allclose(1 / np.array(read.camera_gains), CAMERA.neutral, atol=1e-6)
    np.testing.assert_allclose(read.matrix @ CAMERA.from_srgb(), np.eye(3), atol=2e-3)
    assert read.notes == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_known(tmp_path: Path, orientation: int) -> None:
    assert info(write(tmp_path / "a.dng", orientation=orientation)).orientation == orientation


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("active", [(0, 0, 40, 60), (1, 3, 37, 60), (2, 1, 41, 63), (3, 2, 48, 64)])
def test_pattern_and_black_hold_at_the_visible_origin(
    tmp_path: Path, pattern: str, active: tuple[int, int, int, int]
) -> None:
    top, left, bottom, right = active
    height, width = bottom - top, right - left
    tile = np.array([[600.0, 610.0], [620.0, 630.0]])
    rows, columns = np.arange(height) * 2.0, np.arange(width) * 1.0
    black = np.tile(tile, (40, 40))[:height, :width] + rows[:, None] + columns
    signal = CAMERA.neutral * expose(np.full((1, 1, 3), (0.2, 0.4, 0.1)), CAMERA)
    frame = np.zeros((48, 64))
    part = mosaic(np.broadcast_to(signal, (height, width, 3)), pattern)
    frame[top:bottom, left:right] = black + part * (15000 - black)
    tags = DngTags(
        pattern=pattern, black=tile, black_rows=rows, black_columns=columns, white=15000,
        xyz_to_camera=CAMERA.xyz_to_camera, neutral=CAMERA.neutral, active=active,
    )  # fmt: skip
    write_dng(tmp_path / "a.dng", np.round(frame).astype(np.uint16), tags)
    with open_raw(tmp_path / "a.dng") as raw:
        read, codes = raw.info(), raw.mosaic()
    level = read.levels.black(slice(0, read.height), read.width)
    values = (codes - level) / (15000 - level)
    for place, colour in enumerate(read.cfa):
        row, column = divmod(place, 2)
        expected = signal[0, 0, "RGB".index(colour)]
        np.testing.assert_allclose(values[row::2, column::2], expected, atol=5e-5)


def test_libraw_develops_the_levels_and_colours_that_were_written(tmp_path: Path) -> None:
    with open_raw(write(tmp_path / "a.dng")) as raw:
        read = raw.info()
        pixels = raw.develop(read, read.camera_gains, "linear") / 65535
    balanced = expose(light(), CAMERA)
    # In the middle of each patch of 8 x 8.
    np.testing.assert_allclose(pixels[3::8, 3::8], balanced[3::8, 3::8], atol=1e-3)


def test_levels_that_are_replaced_count_for_libraw_too(tmp_path: Path) -> None:
    right = write(tmp_path / "a.dng", sensor=Sensor(black=512, white=12000))
    wrong = write(tmp_path / "b.dng", sensor=Sensor(black=512, white=12000), black=0, white=16383)
    developed = []
    for path, options in ((right, {}), (wrong, {"black": 512, "white": 12000})):
        with open_raw(path) as raw:
            read = raw.info(**options)
            developed.append(raw.develop(read, read.camera_gains, "ahd").astype(int))
    assert np.abs(developed[0] - developed[1]).max() <= 2


def test_nonsensical_tags_have_stated_fallbacks(tmp_path: Path) -> None:
    read = info(write(tmp_path / "a.dng", neutral=None, xyz_to_camera=None))
    assert read.camera_gains == (1.0, 1.0, 1.0)
    np.testing.assert_array_equal(read.matrix, np.eye(3))
    assert "no colour matrix" in " ".join(read.notes)


def test_a_black_level_of_nothing_is_read_from_the_masked_border(tmp_path: Path) -> None:
    frame = record(expose(light(), CAMERA), CAMERA, Sensor(), np.random.default_rng(0))
    frame[:, :16] = np.random.default_rng(1).normal(512, 3, (48, 16))
    tags = DngTags(
        white=16383, active=(0, 16, 48, 64), neutral=CAMERA.neutral,
        xyz_to_camera=CAMERA.xyz_to_camera,
    )  # fmt: skip
    write_dng(tmp_path / "a.dng", frame, tags)
    read = info(tmp_path / "a.dng")
    assert read.levels.tile.item() == pytest.approx(512, abs=2)
    assert "masked border" in " ".join(read.notes)
    assert read.levels.replaced


def test_levels_without_range_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dng")
    with pytest.raises(RestoreError, match=r"a\.dng: the black level 9000"):
        info(path, black=9000, white=8000)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "empty"), (b"nothing but text in this file, really", "text"), (b"II*\0" * 30, "RAW")],
)
def test_what_is_no_raw_file_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bad.dng"
    path.write_bytes(data)
    with pytest.raises(RestoreError, match=words) as caught, open_raw(path):
        pass
    assert "bad.dng" in caught.value.message


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.dng").read_bytes()
    for size in (30, 2000, len(whole) // 2):
        (tmp_path / "cut.dng").write_bytes(whole[:size])
        with pytest.raises(RestoreError, match=r"cut\.dng"):
            info(tmp_path / "cut.dng")


def test_folders_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="folder"), open_raw(tmp_path):
        pass
    with pytest.raises(RestoreError, match="no such file"), open_raw(tmp_path / "a.dng"):
        pass


def test_a_file_without_preview_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(RestoreError, match="no preview"),
        open_raw(write(tmp_path / "a.dng")) as raw,
    ):
        raw.preview()


@needs_real
def test_real_files_are_told_for_what_they_are() -> None:
    chart = info(REAL / "colorchart.dng")
    assert (chart.kind, chart.cfa, chart.width, chart.height) == ("bayer", "RGGB", 1734, 1156)
    assert (chart.levels.tile.item(), chart.levels.white) == (2056, 15000)
    assert chart.camera_gains == pytest.approx((2.477, 1.0, 2.477 / 1.462), rel=1e-4)
    assert (chart.tags.make, chart.tags.model) == ("Canon", "Canon EOS Kiss X4")
    linear = info(REAL / "dng_with_preview.dng")
    assert (linear.kind, linear.cfa, linear.iso) == ("linear", "", 50)
    old = info(REAL / "RAW_KODAK_DC50.KDC")
    assert (old.kind, old.cfa, old.width, old.height) == ("bayer", "GRBG", 768, 512)
    assert old.shutter == pytest.approx(0.00435)


@needs_real
def test_real_previews_are_extracted() -> None:
    with open_raw(REAL / "dng_with_preview.dng") as raw:
        picture, stored = raw.preview()
    assert (picture.width, picture.height) == (600, 338)
    assert stored is not None
    assert stored[:3] == b"\xff\xd8\xff"
    with open_raw(REAL / "RAW_KODAK_DC50.KDC") as raw:
        picture, stored = raw.preview()
    assert (picture.width, picture.height, stored) == (96, 64, None)


def mutated(data: bytes, seed: int) -> bytes:
    """Bytes flipped (anywhere, or in the head), cut off, or pieces swapped."""
    rng = np.random.default_rng(seed)
    out = bytearray(data)
    kind = seed % 4
    if kind < 2:
        end = len(out) if kind == 0 else min(len(out), 4096)
        for place in rng.integers(0, end, int(rng.choice([1, 8, 32]))):
            out[place] = rng.integers(256)
    elif kind == 2:
        del out[int(rng.integers(len(out))) :]
    else:
        size = int(rng.choice([2, 16, 256]))
        first, second = (int(at) for at in rng.integers(0, len(out) - size, 2))
        out[first : first + size], out[second : second + size] = (
            out[second : second + size], out[first : first + size],
        )  # fmt: skip
    return bytes(out)


@needs_real
@pytest.mark.slow
@pytest.mark.parametrize("name", ["RAW_KODAK_DC50.KDC", "colorchart.dng", "dng_with_preview.dng"])
def test_two_hundred_mutated_copies_are_read_or_refused(tmp_path: Path, name: str) -> None:
    data = (REAL / name).read_bytes()
    refused = unnamed = 0
    for seed in range(200):
        path = tmp_path / "mutated.dng"
        path.write_bytes(mutated(data, seed))
        try:
            with open_raw(path) as raw:
                read = raw.info()
                raw.develop(read, read.camera_gains, "linear")
                if read.kind == "bayer":
                    raw.mosaic()
        except RestoreError as error:
            refused += str(path) in error.message
            unnamed += str(path) not in error.message
    assert 0 < refused < 200
    assert unnamed == 0
    # Highest of the whole process so far, tests before this one included; in KiB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 * 2**20


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((20_000, 20_000), "it claims more pixels than it can hold, 20000x20000"),
        ((65_535, 65_535), "it claims more pixels than it can hold"),
        ((0, 0), "its mosaic has no pixels"),
        ((96, 0), "its mosaic has no pixels"),
        ((0, 128), "its mosaic has no pixels"),
    ],
)
@pytest.mark.parametrize("compression", [1, 8, 34892])
def test_sizes_that_cannot_be_are_refused(
    tmp_path: Path, size: tuple[int, int], words: str, compression: int
) -> None:
    path = dng_files.write(tmp_path / "a.dng", np.full((96, 128), 9, np.uint16))
    dng_files.restated(path, _257=size[0], _256=size[1], _259=compression)
    with pytest.raises(RestoreError, match=words), open_raw(path) as raw:
        raw.frame()


def test_a_white_level_below_black_is_noted(tmp_path: Path) -> None:
    tags = ((50714, 4, 1, 5000), (50717, 4, 1, 1000))
    path = dng_files.write(tmp_path / "a.dng", np.full((96, 128), 500, np.uint16), *tags)
    picture, loaded = dng_files.developed(path, linear=True, bits=16)
    assert "its black level makes no sense: taken as 0" in loaded.notes
    np.testing.assert_allclose(picture.pixels / 65535, 0.5, atol=1e-3)
    with open_raw(path) as raw, pytest.raises(RestoreError, match="not below the white level"):
        raw.info(black=5000.0)


def test_four_colours_are_never_read_as_bayer(tmp_path: Path) -> None:
    for cells in ((3, 4, 1, 5), (0, 1, 2, 6)):
        tags = ((33422, 1, 4, bytes(cells)), (50710, 1, 4, bytes(sorted(cells))))
        path = dng_files.write(tmp_path / "a.dng", np.full((96, 128), 20000, np.uint16), *tags)
        _, loaded = dng_files.developed(path, engine="learned")
        assert loaded.details["cfa"] == "other"
        assert "no ordinary Bayer mosaic: developed by LibRaw" in " ".join(loaded.notes)


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_file_that_is_cut_while_it_is_read_is_named(
    tmp_path: Path, compression: str | None
) -> None:
    frame = np.random.default_rng(0).uniform(size=(400, 500)).astype(np.float32)
    path = dng_files.write(tmp_path / "a.dng", frame, compression=compression)

    def cut_and_read() -> None:
        with open_raw(path) as raw:
            os.truncate(path, 5000)
            raw.frame()

    with pytest.raises(RestoreError, match=r"a\.dng.*became shorter while it was read"):
        cut_and_read()
