import time
from pathlib import Path

import numpy as np
import pytest
import torch
from random_pictures import save

from restore_cli.data import photos as room
from restore_cli.data.photos import Photos, as_float
from restore_cli.errors import RestoreError


def test_photos_are_read_to_the_last_bit(tmp_path: Path) -> None:
    shallow = save(tmp_path / "a.png")
    deep = save(tmp_path / "sub/b.png", deep=True)
    grey = save(tmp_path / "c.PNG", channels=1)
    (tmp_path / "notes.txt").write_text("not a picture, and not taken for one")
    photos = Photos(tmp_path)
    assert [path.name for path in photos.paths] == ["a.png", "b.png", "c.PNG"]
    assert photos[0].dtype == torch.uint8
    assert np.array_equal(photos[0].permute(1, 2, 0).numpy(), shallow)
    assert photos[1].dtype == torch.float32
    np.testing.assert_allclose(photos[1].permute(1, 2, 0).numpy(), deep / 65535, atol=1e-7)
    assert np.array_equal(photos[2].permute(1, 2, 0).numpy(), grey.repeat(3, axis=2))


def test_what_systems_leave_in_folders_is_no_photo(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / ".ipynb_checkpoints/a-checkpoint.png")
    (tmp_path / "._a.png").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in Photos(tmp_path).paths] == ["a.png"]


def test_linked_folders_are_a_part_of_the_data(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere/a.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/part").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/round").symlink_to(tmp_path / "data")
    photos = Photos(tmp_path / "data")
    assert photos.names == ["part/a"]
    (tmp_path / "data/gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(RestoreError, match=r"1 of 2 .*\n.*gone\.png is a link that leads nowhere"):
        Photos(tmp_path / "data")


def test_photos_beyond_the_memory_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big, small = save(tmp_path / "a.png", 40, 40), save(tmp_path / "b.png", 20, 20)
    monkeypatch.setattr(room, "_IN_MEMORY_BYTES", 2000)
    photos = Photos(tmp_path)
    reads: list[Path] = []
    read = room.Picture.read
    monkeypatch.setattr(room.Picture, "read", lambda path: reads.append(path) or read(path))
    assert np.array_equal(photos[0].permute(1, 2, 0).numpy(), big)
    assert np.array_equal(photos[1].permute(1, 2, 0).numpy(), small)
    assert [path.name for path in reads] == ["a.png"]


def test_all_unfit_pictures_are_named(tmp_path: Path) -> None:
    save(tmp_path / "good.png")
    save(tmp_path / "small.png", 24, 15)
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(RestoreError) as caught:
        Photos(tmp_path, smallest=16)
    message = caught.value.message
    assert message.startswith(f"3 of 4 pictures in {tmp_path} are unfit:\n")
    assert f"{tmp_path / 'small.png'}: 15x24 is smaller than 16 px" in message
    for name in ("empty.png", "text.jpg"):
        assert name in message
    assert "good.png" not in message


def test_a_long_list_of_problems_says_how_many_more(tmp_path: Path) -> None:
    for index in range(23):
        save(tmp_path / f"{index:02}.png", 4, 4)
    with pytest.raises(RestoreError, match=r"23 of 23 .*\n(.*\n)*  and 3 more$"):
        Photos(tmp_path, smallest=16)


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match=r"no such folder: .*nowhere"):
        Photos(tmp_path / "nowhere")
    with pytest.raises(RestoreError, match=f"{tmp_path} holds no pictures"):
        Photos(tmp_path)


@pytest.mark.parametrize(("height", "width", "found"), [(30, 60, (20, 40)), (10, 7, (29, 20))])
def test_the_shorter_side_is_scaled_before_the_size_is_checked(
    height: int, width: int, found: tuple[int, int], tmp_path: Path
) -> None:
    pixels = save(tmp_path / "a.png", height, width)
    photos = Photos(tmp_path, smallest=20, resize=20)
    assert tuple(photos[0].shape) == (3, *found)
    assert photos[0].dtype == torch.uint8
    mean = photos[0].float().mean(dim=(1, 2)).numpy()
    np.testing.assert_allclose(mean, pixels.mean(axis=(0, 1)), atol=6)


def test_pairs_of_one_size_stay_so_when_they_are_scaled(tmp_path: Path) -> None:
    for place in ("input", "target"):
        save(tmp_path / place / "a.png", 41, 67)
    sizes = {Photos(tmp_path / place, resize=32)[0].shape for place in ("input", "target")}
    assert sizes == {torch.Size((3, 32, 52))}


def test_bytes_become_floats_and_floats_stay() -> None:
    assert as_float(torch.tensor([255], dtype=torch.uint8)).tolist() == [1.0]
    deep = torch.tensor([0.25])
    assert as_float(deep) is deep


@pytest.mark.parametrize("folder", ["/", "/proc", "/sys"])
def test_what_can_be_no_folder_of_data_is_refused_at_once(folder: str) -> None:
    if not Path(folder).is_dir():
        pytest.skip(f"no {folder} here")
    started = time.perf_counter()
    with pytest.raises(RestoreError, match="not a folder of") as caught:
        Photos(Path(folder))
    assert caught.value.hint
    assert time.perf_counter() - started < 5
