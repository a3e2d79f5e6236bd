"""Developing simulated RAW files: colours, geometry, metadata, whoever demosaics."""

import contextlib
import resource
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from dng_cases import DNG_CASES, DngCase
from dng_files import write_shot

from restore_cli.degradations.cameras import Camera
from restore_cli.degradations.mosaic import Pattern, Sensor, expose
from restore_cli.engine.restorer import Restorer
from restore_cli.errors import RestoreError
from restore_cli.evaluation.delta_e import mean_ciede2000
from restore_cli.images.metadata import bake
from restore_cli.images.picture import Picture
from restore_cli.images.profile import decode_srgb, encode_srgb
from restore_cli.networks.isp import ISP
from restore_cli.raw.develop import Developer
from restore_cli.raw.dng import DngTags, write_dng
from restore_cli.raw.preview_reader import Previews
from restore_cli.raw.settings import Settings, check_levels

CAMERA = Camera.named("Nikon D700", (0.5, 1.0, 0.625))
PATTERNS: list[Pattern] = ["RGGB", "GRBG", "GBRG", "BGGR"]
ENGINES = ["learned", "libraw"]


def photo(height: int = 49, width: int = 63) -> np.ndarray:
    """Smooth colours, sRGB in [0.1, 0.9]: demosaicing has nothing to guess."""
    y, x = np.mgrid[:height, :width].astype(float)
    waves = [np.sin(x / 17 + k) + np.cos(y / 13 + 2 * k) for k in range(3)]
    return 0.5 + 0.12 * np.stack(waves, axis=2) + 0.1 * np.array([0.5, 0, -0.5])


def write(path: Path, srgb: np.ndarray, sensor: Sensor | None = None, **tags: object) -> Path:
    balanced = expose(decode_srgb(srgb), CAMERA)
    return write_shot(path, balanced, CAMERA, sensor or Sensor(), **tags)


@pytest.fixture(scope="module")
def restorer() -> Restorer:
    """An untrained network: the interpolation of Malvar et al."""
    torch.manual_seed(0)
    return Restorer(ISP(widths=(8, 8), depths=(1, 1)), device="cpu")


def develop(path: Path, restorer: Restorer, **settings: object) -> Picture:
    given = {"look": "none", "bits": 16, **settings}
    loaded = Developer(Settings(**given)).read(path)
    computed = (loaded.restore or restorer)(loaded.image)
    picture = loaded.finish(computed.image)
    assert isinstance(picture, Picture)
    assert (picture.height, picture.width) == (loaded.height, loaded.width)
    return picture


@pytest.mark.parametrize("engine", ENGINES)
def test_colours_come_back(tmp_path: Path, restorer: Restorer, engine: str) -> None:
    picture = develop(write(tmp_path / "a.dng", photo()), restorer, engine=engine)
    result = torch.from_numpy(picture.to_srgb()).permute(2, 0, 1)[None]
    source = torch.from_numpy(photo().astype(np.float32)).permute(2, 0, 1)[None]
    assert float(mean_ciede2000(result, source)) < 0.3
    bias = (result - source).mean(dim=(0, 2, 3))
    assert bias.abs().max() < 0.5 / 255


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(
    ("bits", "black", "white"), [(10, 0, 1023), (12, 255, 4000), (14, 1024, 15000), (16, 0, 65535)]
)
def test_phase_bits_and_levels_do_not_show(
    tmp_path: Path, restorer: Restorer, pattern: Pattern, bits: int, black: int, white: int
) -> None:
    sensor = Sensor(pattern=pattern, bits=bits, black=black, white=white)
    picture = develop(write(tmp_path / "a.dng", photo(), sensor), restorer)
    difference = np.abs(picture.pixels / 65535 - photo())[4:-4, 4:-4]  # borders are extrapolated
    # Two codes of 10 bits, after the matrix and the curve, and the interpolation.
    assert difference.max() < (0.02 if bits == 10 else 0.01)
    assert difference.mean() < 0.002


@pytest.mark.parametrize("active", [(0, 0, 48, 62), (2, 2, 48, 60), (4, 2, 47, 61)])
def test_odd_crops_are_crops(
    tmp_path: Path, restorer: Restorer, active: tuple[int, int, int, int]
) -> None:
    top, left, bottom, right = active
    whole = develop(write(tmp_path / "a.dng", photo()), restorer)
    part = develop(write(tmp_path / "b.dng", photo(), active=active), restorer)
    expected = whole.pixels[top:bottom, left:right].astype(int)
    assert part.pixels.shape == expected.shape
    # Borders are extrapolated.
    assert np.abs(part.pixels - expected)[4:-4, 4:-4].max() <= 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_baked_in(
    tmp_path: Path, restorer: Restorer, engine: str, orientation: int
) -> None:
    upright = develop(write(tmp_path / "a.dng", photo()), restorer, engine=engine)
    turned = write(tmp_path / "b.dng", photo(), orientation=orientation)
    picture = develop(turned, restorer, engine=engine)
    np.testing.assert_array_equal(picture.pixels, bake(upright.pixels, orientation))
    assert picture.exif is not None
    assert picture.exif.count(b"\x12\x01\x03\x00\x01\x00\x00\x00\x01\x00") == 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("look", ["standard", "none"])
def test_highlights_are_white(tmp_path: Path, restorer: Restorer, engine: str, look: str) -> None:
    bright = np.ones((40, 60, 3))
    frame = np.full((40, 60), 16383, np.uint16)
    write(tmp_path / "a.dng", bright)
    tags = DngTags(
        black=512, white=16383, xyz_to_camera=CAMERA.xyz_to_camera, neutral=CAMERA.neutral
    )
    write_dng(tmp_path / "b.dng", frame, tags)  # every colour saturated, whatever its gain
    for name in ("a.dng", "b.dng"):
        picture = develop(tmp_path / name, restorer, engine=engine, look=look, bits=8)
        assert picture.pixels.min() >= 254


def test_the_baseline_exposure_belongs_to_the_look(tmp_path: Path, restorer: Restorer) -> None:
    plain = write(tmp_path / "a.dng", photo() * 0.5)
    lifted = write(tmp_path / "b.dng", photo() * 0.5, baseline_exposure=1.0)
    for engine in ENGINES:
        options = {"engine": engine}
        none = develop(lifted, restorer, **options).pixels
        np.testing.assert_array_equal(none, develop(plain, restorer, **options).pixels)
        options["look"] = "standard"
        standard = develop(lifted, restorer, **options).pixels
        by_hand = develop(plain, restorer, exposure=1.0, **options).pixels
        np.testing.assert_array_equal(standard, by_hand)


def test_linear_is_light(tmp_path: Path, restorer: Restorer) -> None:
    path = write(tmp_path / "a.dng", photo(), baseline_exposure=1.0)
    picture = develop(path, restorer, linear=True, look="standard", exposure=-1.0)
    expected = decode_srgb(photo()) / 2
    assert np.abs(picture.pixels / 65535 - expected).max() < 0.01
    # A reader that minds the profile sees the picture as it would be without --linear.
    assert np.abs(picture.to_srgb() - encode_srgb(expected)).max() < 0.02


def test_white_balances(tmp_path: Path, restorer: Restorer) -> None:
    grey = np.full((40, 60, 3), 0.5)
    path = write(tmp_path / "a.dng", grey)

    def colour(balance: object, engine: str = "learned") -> np.ndarray:
        picture = develop(path, restorer, white_balance=balance, engine=engine)
        return picture.pixels[20, 30] / 65535

    for engine in ENGINES:
        assert np.ptp(colour("camera", engine)) < 1e-3
        assert np.ptp(colour("auto", engine)) < 1e-3
        assert np.ptp(colour((2.0, 1.0, 1.6), engine)) < 1e-3
        warm = colour((4.0, 1.0, 1.6), engine)
        assert warm[0] > warm[2] + 0.05


def test_both_engines_agree_on_colours(tmp_path: Path, restorer: Restorer) -> None:
    path = write(tmp_path / "a.dng", photo(), baseline_exposure=0.5)
    for settings in ({}, {"look": "standard"}, {"exposure": 0.7}, {"white_balance": "daylight"}):
        learned, libraw = (
            develop(path, restorer, engine=engine, **settings).pixels / 65535 for engine in ENGINES
        )
        assert np.abs(learned - libraw)[4:-4, 4:-4].mean() < 0.003


def test_replaced_levels_count(tmp_path: Path, restorer: Restorer) -> None:
    right = write(tmp_path / "a.dng", photo())
    wrong = write(tmp_path / "b.dng", photo(), black=0, white=65535)
    for engine in ENGINES:
        mended = develop(wrong, restorer, engine=engine, black=512, white=16383).pixels
        expected = develop(right, restorer, engine=engine).pixels.astype(int)
        assert np.abs(mended - expected).max() <= 16


def test_what_was_done_is_told(tmp_path: Path) -> None:
    loaded = Developer(Settings()).read(write(tmp_path / "a.dng", photo()))
    assert loaded.details["engine"] == "learned"
    assert loaded.details["cfa"] == "RGGB"
    assert loaded.details["wb"] == pytest.approx([2.0, 1.0, 1.6], abs=1e-5)
    assert Developer(Settings()).count_pixels(tmp_path / "a.dng") == 49 * 63


def test_files_without_a_mosaic_go_to_libraw_with_a_note(restorer: Restorer) -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / "raw" / "dng_with_preview.dng"
    if not path.is_file():
        pytest.skip("no real RAW files beside the repository")
    loaded = Developer(Settings(engine="learned")).read(path)
    assert loaded.restore is not None
    assert "already demosaiced" in " ".join(loaded.notes)
    assert loaded.details["engine"] == "libraw"
    preview = Previews().read(path)
    assert (preview.width, preview.height) == (600, 338)


def test_levels_that_contradict_each_other_are_refused() -> None:
    check_levels(None, 5.0)
    check_levels(4.0, 5.0)
    with pytest.raises(RestoreError, match="not below"):
        check_levels(5.0, 5.0)


@pytest.mark.slow
@pytest.mark.parametrize("case", DNG_CASES, ids=lambda case: case.name)
def test_200_spoilt_copies_neither_crash_nor_hang(tmp_path: Path, case: DngCase) -> None:
    case.make(whole := tmp_path / "a.dng")
    data = whole.read_bytes()
    done = 0
    for seed in range(200):
        (path := tmp_path / "b.dng").write_bytes(spoilt(data, seed))
        started = time.perf_counter()
        with contextlib.suppress(RestoreError):
            loaded = Developer(Settings(engine="libraw", look="profile")).read(path)
            loaded.finish(loaded.image)
            done += 1
        with contextlib.suppress(RestoreError):
            Previews().read(path)
        assert time.perf_counter() - started < 20, seed
    assert 10 < done < 200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 << 20  # KiB


def spoilt(data: bytes, seed: int) -> bytes:
    """Up to ten bytes changed: most where the tags are, before or behind the samples."""
    rng = np.random.default_rng(seed)
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 10))):
        near = (int(rng.integers(min(len(out), 1000))), int(rng.integers(len(out))))
        behind = int(rng.integers(max(0, len(out) - 700), len(out)))
        out[(*near, behind)[int(rng.choice(3, p=(0.5, 0.1, 0.4)))]] = rng.integers(256)
    return bytes(out)
