import os
import socket
from pathlib import Path

import pytest

from restore_cli.errors import RestoreError
from restore_cli.images.regular import file_sha256, open_regular, size_of


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with open_regular(tmp_path / "a") as file:
        assert size_of(file) == 3
        assert file.read() == b"abc"
    assert file_sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")


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
