import errno
import os
from pathlib import Path

import pytest

from restore_cli.errors import RestoreError
from restore_cli.images.atomic import write_atomically


def test_replaces_a_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("problem", "raised"),
    [(OSError(errno.ENOSPC, "No space left"), RestoreError), (KeyboardInterrupt(), None)],
)
def test_interrupted_writing_keeps_the_old_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    problem: BaseException,
    raised: type[BaseException] | None,
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    def fail(_: int) -> None:
        raise problem

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(raised or KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "hint"), [("gone/a.txt", "make its folder"), ("dir", "a folder")])
def test_says_why_it_cannot_write_and_what_to_do(tmp_path: Path, name: str, hint: str) -> None:
    (tmp_path / "dir").mkdir()
    with pytest.raises(RestoreError, match=f"{name}: cannot be written") as caught:
        write_atomically(tmp_path / name, b"new")
    assert hint in (caught.value.hint or "")
