"""Folders to statistics: bad files are told, memory stays flat, the distance is measured."""

from pathlib import Path

import numpy as np
import pytest
import torch

from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture
from restore_cli.ot_correct.fitting import WINDOW, Fitting, gather, pictures_of, read_ahead
from restore_cli.transport.autoencoder import Identity
from restore_cli.transport.latent import LatentTransport, Side, latent_distance
from restore_cli.transport.moments import Moments


def _write(folder: Path, count: int, *, seed: int, mean: int = 120, dtype: str = "uint8") -> None:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    scale = 257 if dtype == "uint16" else 1
    for index in range(count):
        pixels = (rng.normal(mean, 20, (24, 30 + index, 3)).clip(0, 255) * scale).astype(dtype)
        Picture(pixels=pixels).write(folder / f"{index:02d}.png")


def test_gathering_equals_one_update_with_all(tmp_path: Path) -> None:
    _write(tmp_path / "a", 3, seed=0)
    _write(tmp_path / "a16", 3, seed=0, dtype="uint16")
    hand = Moments(3, 3)
    for path in pictures_of(tmp_path / "a"):
        hand.update(torch.from_numpy(Picture.read(path).to_srgb()).permute(2, 0, 1)[None])
    for folder, bound in (("a", 1e-12), ("a16", 1e-2)):
        transport = LatentTransport(Identity())
        pictures = read_ahead(pictures_of(tmp_path / folder))
        seen = list(gather(Fitting(transport), pictures, "natural"))
        assert [one.path.name for one in seen] == ["00.png", "01.png", "02.png"]
        assert sum(one.patches for one in seen) == transport.natural.count == hand.count
        torch.testing.assert_close(transport.natural.mean, hand.mean, rtol=bound, atol=0)


def test_bad_and_small_pictures_are_told_and_the_others_count(tmp_path: Path) -> None:
    _write(tmp_path, 2, seed=0)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    Picture(pixels=np.zeros((2, 9, 3), np.uint8)).write(tmp_path / "thin.png")
    transport = LatentTransport(Identity())
    pictures = read_ahead(pictures_of(tmp_path))
    seen = {one.path.name: one for one in gather(Fitting(transport), pictures, "restored")}
    assert transport.restored.pictures == 2
    assert "broken.png" in str(seen["broken.png"].error)
    assert "9x2 is too small" in str(seen["thin.png"].error)
    assert seen["00.png"].error is None


def _fitting(tmp_path: Path, *, count: int = 4, sample: int = 0) -> Fitting:
    _write(tmp_path / "r", count, seed=0, mean=90)
    _write(tmp_path / "n", count, seed=1, mean=150)
    fitting = Fitting(LatentTransport(Identity()), sample=sample)
    sides: dict[Side, str] = {"restored": "r", "natural": "n"}
    for side, name in sides.items():
        list(gather(fitting, read_ahead(pictures_of(tmp_path / name)), side))
    return fitting


def test_the_distance_after_is_measured_on_transported_latents(tmp_path: Path) -> None:
    fitting = _fitting(tmp_path)
    found, transport = fitting.finish(0.0), fitting.transport
    hand = Moments(3, 3)
    for _, image in read_ahead(pictures_of(tmp_path / "r"), workers=1):
        assert isinstance(image, torch.Tensor)
        hand.update(transport.transport(image))
    assert found.after == pytest.approx(latent_distance(hand, transport.natural), rel=1e-9)
    assert found.after < 0.1 * found.before
    assert found.held_out.best < 0.1 * found.held_out.before
    assert found.advice(0.0) is None


def test_shrinkage_that_is_not_told_is_chosen(tmp_path: Path) -> None:
    fitting = _fitting(tmp_path)
    found = fitting.finish()
    assert fitting.transport.shrinkage == found.held_out.shrinkage == 0
    assert fitting.finish(1.0).after == pytest.approx(found.before, rel=1e-6)
    assert fitting.transport.shrinkage == 1


def test_two_pictures_a_side_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="2 restored pictures are too few") as caught:
        _fitting(tmp_path, count=2).finish()
    assert "a dozen" in str(caught.value.hint)


def test_draws_of_a_certain_autoencoder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="no posterior"):
        _fitting(tmp_path, sample=2)


def test_large_pictures_count_whole_and_are_checked_at_their_centre() -> None:
    fitting = Fitting(LatentTransport(Identity()))
    rng = np.random.default_rng(0)
    for index in range(3):
        for side in ("restored", "natural"):
            image = torch.from_numpy(rng.random((1, 3, WINDOW + 8 * index, 9), dtype=np.float32))
            assert fitting.add(image, side) == (WINDOW + 8 * index - 2) * 7
    assert fitting.finish().after > 0


def test_too_many_pictures_are_taken_evenly(tmp_path: Path) -> None:
    _write(tmp_path, 7, seed=0)
    names = [path.name for path in pictures_of(tmp_path, most=3)]
    assert names == ["00.png", "02.png", "04.png"]
    assert len(pictures_of(tmp_path, most=99)) == 7


def test_folders_without_pictures_are_errors(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="does not exist"):
        pictures_of(tmp_path / "none")
    with pytest.raises(RestoreError, match="holds no pictures"):
        pictures_of(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(RestoreError, match="is a file"):
        pictures_of(tmp_path / "file")
