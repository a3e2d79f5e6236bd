from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.__main__ import main
from restore_cli.api.restoring import Model, load_model, restore
from restore_cli.engine import memory
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture

EXAMPLE = Path(__file__).parents[2] / "examples" / "photos" / "coffee.jpg"


def crop(path: Path) -> np.ndarray:
    """A small part of a rainy photo, (64, 96, 3) uint8."""
    return Picture.read(path).pixels[100:164, 60:156].copy()


@pytest.fixture(scope="module")
def derain() -> Model:
    return load_model("derain", device="cpu")


def test_every_kind_gets_the_same_pixels(tmp_path: Path, derain: Model) -> None:
    pixels = crop(EXAMPLE)
    Picture(pixels).save(tmp_path / "wet.png")
    from_path = restore(tmp_path / "wet.png", "derain", device="cpu")
    from_picture = derain(Picture(pixels))
    from_image = derain(Image.fromarray(pixels))
    from_array = derain(pixels)
    from_floats = derain(pixels / np.float32(255))
    assert isinstance(from_path, Picture)
    assert isinstance(from_image, Image.Image)
    assert not np.array_equal(from_array, pixels)
    for made in (from_path.pixels, from_picture.pixels, np.asarray(from_image)):
        assert np.array_equal(made, from_array)
    assert from_floats.dtype == np.float32
    assert float(np.abs(from_floats * 255 - from_array).max()) <= 0.51


def test_python_gives_what_the_command_writes(tmp_path: Path, derain: Model) -> None:
    Picture(crop(EXAMPLE)).save(tmp_path / "wet.png")
    words = ["infer", "--task", "derain", str(tmp_path / "wet.png"), "--device", "cpu", "--quiet"]
    words += ["--backend", "torch"]  # as Python computes
    assert main(words) == 0
    written = Picture.read(tmp_path / "wet-derain.png")
    assert np.array_equal(derain(tmp_path / "wet.png").pixels, written.pixels)


def test_a_batch_is_what_single_calls_give(derain: Model) -> None:
    pixels = crop(EXAMPLE)
    several = [pixels, pixels[:40, :56], pixels[::-1].copy()]
    together = derain.batch(iter(several), strength=0.5)
    for made, one in zip(together, several, strict=True):
        assert np.array_equal(made, derain(one, strength=0.5))
    assert derain.batch([]) == []


def test_a_batch_is_no_single_path(derain: Model) -> None:
    with pytest.raises(TypeError, match="list"):
        derain.batch("wet.png")


def test_options_reach_the_model(derain: Model) -> None:
    pixels = crop(EXAMPLE)
    assert np.array_equal(derain(pixels, strength=0.0), pixels)
    with pytest.raises(RestoreError, match="takes no level"):
        load_model("dejpeg", device="cpu")(pixels, level=0.5)
    assert not np.array_equal(derain(pixels, level=0.03), derain(pixels))
    denoise = load_model("denoise", device="cpu")
    assert not np.array_equal(denoise(pixels, level=50.0), denoise(pixels, level=5.0))
    assert (derain.name, derain.task) == ("derain", "derain")


def test_a_small_tile_is_not_refused_for_the_models_overlap() -> None:
    small = load_model("derain", device="cpu", tile=64)
    assert small(crop(EXAMPLE)).shape == crop(EXAMPLE).shape


def test_notes_of_reading_and_computing_are_kept(
    derain: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture(crop(EXAMPLE), notes=("from reading",))
    assert derain(picture).notes == ("from reading",)
    monkeypatch.setattr(memory, "PROBE", 8)
    monkeypatch.setattr(memory, "budget", lambda *_, **__: 1e6)
    tiled = load_model("derain", device="cpu", tile="none")(picture)
    assert tiled.notes[0] == "from reading"
    assert "memory is short" in tiled.notes[1]


def test_a_file_of_the_tasks_name_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("derain").write_text("not a model")
    assert load_model("derain").task == "derain"


def test_unfit_models_are_refused_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="no model 'nothing'"):
        load_model("nothing")
    with pytest.raises(RestoreError, match="RAW") as refused:
        load_model("isp")
    assert refused.value.hint == "use it with develop()"
