"""Folders to statistics: bad files are told, memory stays flat, the distance is measured."""

from pathlib import Path

import numpy as np
import pytest
import torch

from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture
from restore_cli.ot_correct.fitting import distance_after, gather, pictures_of, read_ahead
from restore_cli.transport.autoencoder import Identity
from restore_cli.transport.latent import LatentTransport, latent_distance
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
        seen = list(gather(transport, pictures_of(tmp_path / folder), "natural"))
        assert [one.path.name for one in seen] == ["00.png", "01.png", "02.png"]
        assert sum(one.patches for one in seen) == transport.natural.count == hand.count
        torch.testing.assert_close(transport.natural.mean, hand.mean, rtol=bound, atol=0)


def test_bad_and_small_pictures_are_told_and_the_others_count(tmp_path: Path) -> None:
    _write(tmp_path, 2, seed=0)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    Picture(pixels=np.zeros((2, 9, 3), np.uint8)).write(tmp_path / "thin.png")
    transport = LatentTransport(Identity())
    seen = {one.path.name: one for one in gather(transport, pictures_of(tmp_path), "restored")}
    assert transport.restored.pictures == 2
    assert "broken.png" in str(seen["broken.png"].error)
    assert "9x2 is too small" in str(seen["thin.png"].error)
    assert seen["00.png"].error is None


def test_the_distance_after_is_measured_on_transported_latents(tmp_path: Path) -> None:
    _write(tmp_path / "r", 4, seed=0, mean=90)
    _write(tmp_path / "n", 4, seed=1, mean=150)
    transport = LatentTransport(Identity())
    for side, name in (("restored", "r"), ("natural", "n")):
        list(gather(transport, pictures_of(tmp_path / name), side))
    running = distance_after(transport, pictures_of(tmp_path / "r"))
    done = []
    while True:
        try:
            done.append(next(running))
        except StopIteration as end:
            after = end.value
            break
    assert len(done) == 4
    hand = Moments(3, 3)
    for _, image in read_ahead(pictures_of(tmp_path / "r"), workers=1):
        assert isinstance(image, torch.Tensor)
        hand.update(transport.transport(image))
    assert after == pytest.approx(latent_distance(hand, transport.natural), rel=1e-9)
    assert after < 0.1 * transport.distance()


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
