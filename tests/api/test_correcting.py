from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.__main__ import main
from restore_cli.api.correcting import Correction
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture


def _pictures(seed: int, level: int, count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(level, level + 60, (24, 32, 3), np.uint8) for _ in range(count)]


@pytest.fixture(scope="module")
def correction() -> Correction:
    return Correction.fit(_pictures(0, 40), _pictures(1, 120), vae="identity", device="cpu")


def test_the_full_correction_moves_pictures_to_the_natural_ones(correction: Correction) -> None:
    (picture,) = _pictures(2, 40, count=1)
    assert correction.apply(picture).mean() == pytest.approx(120 + 29.5, abs=2)
    assert correction.apply(picture, alpha=0.5).mean() == pytest.approx(80 + 29.5, abs=2)
    assert np.array_equal(correction.apply(picture, alpha=1), picture)
    assert correction.distance > 1


def test_the_same_kind_comes_out(tmp_path: Path, correction: Correction) -> None:
    (picture,) = _pictures(2, 40, count=1)
    Picture(picture).save(tmp_path / "a.png")
    image = correction.apply(Image.fromarray(picture))
    assert isinstance(image, Image.Image)
    assert np.array_equal(np.asarray(image), correction.apply(picture))
    assert np.array_equal(correction.apply(str(tmp_path / "a.png")).pixels, np.asarray(image))


def test_a_saved_correction_is_the_commands_own(tmp_path: Path, correction: Correction) -> None:
    (picture,) = _pictures(2, 40, count=1)
    Picture(picture).save(tmp_path / "a.png")
    correction.save(tmp_path / "look.safetensors")
    again = Correction.load(tmp_path / "look.safetensors", device="cpu")
    assert np.array_equal(again.apply(picture, 0.3), correction.apply(picture, 0.3))
    words = ["ot-correct", "apply", str(tmp_path / "look.safetensors"), str(tmp_path / "a.png")]
    assert main([*words, "--alpha", "0.3", "--device", "cpu", "--quiet"]) == 0
    written = Picture.read(tmp_path / "a-ot-correct.png").pixels
    assert np.array_equal(written, correction.apply(picture, 0.3))


def test_folders_are_fitted_as_their_pictures_are(tmp_path: Path, correction: Correction) -> None:
    for name, pictures in (("restored", _pictures(0, 40)), ("natural", _pictures(1, 120))):
        (tmp_path / name).mkdir()
        for index, pixels in enumerate(pictures):
            Picture(pixels).save(tmp_path / name / f"{index}.png")
    folders = Correction.fit(tmp_path / "restored", tmp_path / "natural", vae="identity")
    assert folders.distance == pytest.approx(correction.distance)


def test_what_cannot_be_fitted_or_saved_says_why(tmp_path: Path, correction: Correction) -> None:
    with pytest.raises(RestoreError, match="2 natural pictures are too few"):
        Correction.fit(_pictures(0, 40), _pictures(1, 120)[:2], vae="identity")
    with pytest.raises(RestoreError, match="no restored picture"):
        Correction.fit([], _pictures(1, 120), vae="identity")
    with pytest.raises(RestoreError, match="does not exist"):
        Correction.fit(tmp_path / "missing", _pictures(1, 120), vae="identity")
    with pytest.raises(RestoreError, match="safetensors"):
        correction.save(tmp_path / "look.pt")
    with pytest.raises(RestoreError, match="no such correction"):
        Correction.load(tmp_path / "missing.safetensors")


def test_clean_pictures_are_enough(tmp_path: Path) -> None:
    clean = [
        np.repeat(np.repeat(picture, 2, axis=0), 2, axis=1) for picture in _pictures(3, 60, count=4)
    ]
    found = Correction.from_clean(
        clean, task="denoise", sigma=25, vae="identity", shrinkage=0.0, device="cpu"
    )
    assert found.distance > 0
    assert found.apply(clean[0]).shape == clean[0].shape


def test_what_does_not_help_is_warned_of() -> None:
    restored, natural = (
        [np.full((16, 16, 3), level, np.uint8) for level in levels]
        for levels in ((30, 200, 90, 160), (220, 20, 180, 60))
    )
    with pytest.warns(UserWarning, match="does not fall"):
        Correction.fit(restored, natural, vae="identity", shrinkage=0.0, device="cpu")
