"""Previews and the camera's own JPEG files through the pipeline's reader."""

from pathlib import Path

import numpy as np
import pytest
from dng_files import write
from PIL import Image

from restore_cli.batch.planning import Job
from restore_cli.errors import RestoreError
from restore_cli.raw.develop import Developer
from restore_cli.raw.preview_reader import WithCameraFiles, camera_files
from restore_cli.raw.settings import Settings


def test_camera_files_are_found_by_their_names_and_copied(tmp_path: Path) -> None:
    raws = [write(tmp_path / f"{n}.dng", np.full((48, 64), 9000, np.uint16)) for n in "ab"]
    Image.new("RGB", (20, 10), (9, 8, 7)).save(tmp_path / "a.JPG", "JPEG")
    Image.new("RGB", (20, 10)).save(tmp_path / "c.jpg")
    jobs = [Job(raw, tmp_path / "out" / f"{raw.stem}.png", "png") for raw in raws]
    (beside,) = camera_files(jobs)
    assert isinstance(beside, Job)
    assert (beside.source.name, beside.output.name) == ("a.JPG", "a-camera.jpg")
    reader = WithCameraFiles(Developer(Settings(engine="libraw")), frozenset([beside.source]))
    loaded = reader.read(beside.source)
    assert (loaded.height, loaded.width) == (10, 20)
    loaded.finish(loaded.image).write(tmp_path / "copy.jpg", "jpg")
    assert (tmp_path / "copy.jpg").read_bytes() == beside.source.read_bytes()
    assert reader.count_pixels(beside.source) == 1
    assert reader.count_pixels(raws[0]) == 48 * 64
    assert reader.read(raws[0]).height == 48


def test_a_jpeg_that_was_named_by_itself_is_neither_beside_itself_nor_copied(
    tmp_path: Path,
) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jpg")
    assert camera_files([Job(tmp_path / "a.jpg", tmp_path / "a.png", "png")]) == []
    with pytest.raises(RestoreError, match=r"a\.jpg"):
        WithCameraFiles(Developer(Settings(engine="libraw"))).read(tmp_path / "a.jpg")
