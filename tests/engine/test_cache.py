"""A cache may lose what it was given, but never gives anything else."""

import errno
import os
from pathlib import Path

import pytest

from restore_cli.engine.cache import Cache, cache_folder


def test_what_was_put_comes_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "deep" / "folder")
    assert cache.get("a") is None
    assert cache.put("a", b"one") == ""
    assert cache.put("a", b"two") == ""
    assert (cache.get("a"), cache.get("b")) == (b"two", None)
    assert [path.suffix for path in (tmp_path / "deep/folder").iterdir()] == [".cache"]


def test_damaged_and_swapped_files_are_not_taken(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("a", b"one")
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    cache.put("b", b"two")
    other = next(path for path in tmp_path.iterdir() if path != file)
    for content in (whole[:-1], b"", other.read_bytes()):
        file.write_bytes(content)
        assert cache.get("a") is None
    cache.put("a", b"one")
    assert cache.get("a") == b"one"


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=3 * 132)
    for age, key in enumerate("abc"):
        cache.put(key, bytes(100))
        newest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (1000 + age, 1000 + age))
    assert cache.get("a") == bytes(100)  # used just now
    cache.put("d", bytes(100))
    assert [cache.get(key) is not None for key in "abcd"] == [True, False, True, True]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = Cache(tmp_path / "file")
    assert "cannot be written" in cache.put("a", b"one")
    assert cache.get("a") is None


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    cache.put("a", b"one")

    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert "No space left on device" in cache.put("b", b"two")
    assert (cache.get("a"), cache.get("b")) == (b"one", None)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_folder_is_the_platforms_or_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORE_CACHE_DIR", "elsewhere")
    assert cache_folder() == Path("elsewhere")
    monkeypatch.delenv("RESTORE_CACHE_DIR")
    assert cache_folder().name == "restore-cli"
