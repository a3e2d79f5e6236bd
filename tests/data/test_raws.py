"""RAW folders: upright light, its colours, and what is no Bayer mosaic."""

from pathlib import Path

import numpy as np
import pytest
import torch

from restore_cli.data.raws import RawPhotos, holds_raws
from restore_cli.degradations.cameras import Camera
from restore_cli.degradations.mosaic import Sensor, expose, mosaic, record
from restore_cli.errors import RestoreError
from restore_cli.images.metadata import bake
from restore_cli.raw.dng import DngTags, write_dng

CAMERA = Camera.named("Nikon D700")
REAL = Path(__file__).parents[3] / "shared" / "data" / "raw"
BACK = {6: 8, 8: 6}


def scene(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.1, 0.7, (height, width, 3))


def shoot(path: Path, light: np.ndarray, pattern: str = "RGGB", orientation: int = 1) -> None:
    """Write what a camera held like that records of an upright scene."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lying = bake(light, BACK.get(orientation, orientation))
    sensor = Sensor(pattern=pattern, bits=16, black=512)
    frame = record(expose(lying, CAMERA), CAMERA, sensor, np.random.default_rng(0))
    tags = DngTags(
        pattern=pattern, black=512, white=sensor.saturation, orientation=orientation,
        xyz_to_camera=CAMERA.xyz_to_camera, forward=CAMERA.forward(), neutral=CAMERA.neutral,
    )  # fmt: skip
    write_dng(path, frame, tags)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("pattern", "size"), [("RGGB", (60, 64)), ("GBRG", (61, 65))])
def test_mosaics_lie_upright_with_red_where_they_say(
    pattern: str, size: tuple[int, int], orientation: int, tmp_path: Path
) -> None:
    light = scene(*size)
    shoot(tmp_path / "a.dng", light, pattern, orientation)
    photos = RawPhotos(tmp_path)
    assert photos[0].shape == (1, *size)
    row, column = photos.shots[0].red
    expected = expose(light, CAMERA)[row:, column:]
    seen = photos[0][0, row:, column:].numpy()
    np.testing.assert_allclose(seen, mosaic(expected, "RGGB"), atol=1e-3)


def test_the_matrix_leads_back_to_the_scene(tmp_path: Path) -> None:
    light = scene(60, 60)
    shoot(tmp_path / "a.dng", light)
    matrix = RawPhotos(tmp_path).shots[0].matrix
    back = expose(light, CAMERA) @ matrix.numpy().T
    np.testing.assert_allclose(back, light, atol=1e-3)


def test_only_raw_files_are_taken_and_all_unfit_ones_named(tmp_path: Path) -> None:
    shoot(tmp_path / "sub/good.dng", scene(60, 64))
    (tmp_path / "good.jpg").write_bytes(b"not looked at")
    assert [path.name for path in RawPhotos(tmp_path, smallest=60).paths] == ["good.dng"]
    assert holds_raws(tmp_path)
    (tmp_path / "broken.nef").write_bytes(b"no RAW file")
    with pytest.raises(RestoreError, match=r"2 of 2 pictures .* unfit") as caught:
        RawPhotos(tmp_path, smallest=62)
    assert "broken.nef" in caught.value.message
    assert "64x60 is smaller than 62 px" in caught.value.message
    (tmp_path / "other").mkdir()
    assert not holds_raws(tmp_path / "other")
    with pytest.raises(RestoreError, match="holds no RAW files"):
        RawPhotos(tmp_path / "other")


def test_files_beyond_the_memory_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shoot(tmp_path / "a.dng", scene(60, 60))
    kept = RawPhotos(tmp_path)
    monkeypatch.setattr("restore_cli.data.photos._IN_MEMORY_BYTES", 0)
    again = RawPhotos(tmp_path)
    assert torch.equal(kept[0], again[0])
    assert kept.shots[0].red == again.shots[0].red


@pytest.mark.skipif(not REAL.is_dir(), reason="no ../shared/data/raw beside the repository")
def test_real_files(tmp_path: Path) -> None:
    (tmp_path / "chart.dng").symlink_to(REAL / "colorchart.dng")
    photos = RawPhotos(tmp_path)
    assert photos[0].shape == (1, 1156, 1734)
    assert float(photos[0].max()) <= 1
    torch.testing.assert_close(photos.shots[0].matrix.sum(1), torch.ones(3))
    (tmp_path / "linear.dng").symlink_to(REAL / "dng_with_preview.dng")
    with pytest.raises(RestoreError, match=r"linear\.dng: it is already demosaiced"):
        RawPhotos(tmp_path)
