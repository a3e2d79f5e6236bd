import hashlib
import os
import socket
from pathlib import Path

import pytest

from restore_cli.errors import RestoreError
from restore_cli.images.regular import (
    FileBytes,
    file_sha256,
    naming_problems,
    open_once,
    open_regular,
    read_once,
    size_of,
)


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with open_regular(tmp_path / "a") as file:
        assert size_of(file) == 3
        assert file.read() == b"abc"
    assert file_sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")


@pytest.mark.parametrize("size", [0, 65535, 65536, 65537, 700_000])
def test_the_hash_is_of_the_whole_file_however_large(tmp_path: Path, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "a").write_bytes(data[:size])
    assert file_sha256(tmp_path / "a") == hashlib.sha256(data[:size]).hexdigest()


@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "folder"])
def test_what_would_be_waited_for_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.png"
    listener = socket.socket(socket.AF_UNIX)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        listener.bind(os.path.relpath(path))
    with pytest.raises(RestoreError, match=r"a\.png: this is (not a regular file|a folder)"):
        open_regular(path)
    listener.close()


def test_a_name_that_cannot_be_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="no name of a file"):
        open_regular(tmp_path / "a\0b")
    with pytest.raises(OSError, match="too long"):
        open_regular(tmp_path / ("x" * 300))


def refused(path: Path, pattern: str) -> None:
    with pytest.raises(RestoreError, match=pattern) as caught, naming_problems(path):
        open_regular(path)
    assert str(path) in caught.value.message


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").touch()

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)  # chmod means nothing to root
    refused(tmp_path / "a.png", "no permission")


def test_a_failing_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").touch()

    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "open", broken)
    refused(tmp_path / "a.png", "Input/output error")


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    refused(tmp_path / "gone.png", "no such file")


def test_a_files_bytes_are_sliced_as_bytes_are(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    (path := tmp_path / "a").write_bytes(data)
    with open_regular(path) as file:
        seen = FileBytes(file)
        assert len(seen) == len(data)
        for place in (slice(0, 4), slice(-3, None), slice(9, 9), slice(70_000, 250_000)):
            assert seen[place] == data[place]
        assert seen[slice(255_990, 300_000)] == data[255_990:]
        assert [seen[0], seen[70_001], seen[len(data) - 1]] == [0, data[70_001], data[-1]]
        with pytest.raises(IndexError):
            seen[len(data)]


def test_a_file_that_is_cut_meanwhile_is_an_error_and_no_signal(tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(bytes(1 << 20))
    with open_regular(path) as file:
        seen = FileBytes(file)
        os.truncate(path, 100)
        with pytest.raises(OSError, match="became shorter while it was read"):
            seen[slice(1 << 19, 1 << 20)]


def test_a_small_file_is_read_once_and_stays_the_same_inside(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"abc")
    other.write_bytes(b"other")
    with read_once(path):
        assert file_sha256(path) == hashlib.sha256(b"abc").hexdigest()
        path.write_bytes(b"changed meanwhile")
        for _ in range(2):
            with open_once(path) as file:
                assert (size_of(file), file.read(2), file.read()) == (3, b"ab", b"c")
        with open_once(other) as file:
            assert file.read() == b"other"
    with open_once(path) as file:
        assert file.read() == b"changed meanwhile"


@pytest.mark.parametrize("size", [65536, 65537])
def test_a_large_file_is_read_from_the_disk_each_time(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(size))
    with read_once(path):
        with open_once(path) as file:
            assert (size_of(file), len(file.read())) == (size, size)
        path.write_bytes(b"new")
        with open_once(path) as file:
            assert (file.read() == b"new") == (size > 65536)


def test_what_is_no_regular_file_is_refused_inside_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    with read_once(tmp_path / "a"), pytest.raises(RestoreError, match="not a regular file"):
        open_once(tmp_path / "a")
