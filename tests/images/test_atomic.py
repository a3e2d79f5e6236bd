import errno
import hashlib
import os
from pathlib import Path

import pytest

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.images.atomic import write_atomically, write_together, written_hashes


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


def test_several_files_appear_when_all_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {tmp_path / name: name.encode() for name in ("a", "b", "c")}
    sync, done = os.fsync, list[int]()

    def full(handle: int) -> None:
        done.append(handle)
        if len(done) == 3:
            raise OSError(errno.ENOSPC, "No space left")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RestoreError, match="a: cannot be written: No space left") as told:
        write_together(files)
    assert told.value.exit_code == ExitCode.SOME_FAILED
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    write_together(files)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_hashes_are_of_what_was_written_inside(tmp_path: Path) -> None:
    with written_hashes() as hashes:
        write_atomically(tmp_path / "a", b"one")
        with pytest.raises(RestoreError):
            write_atomically(tmp_path / "missing" / "b", b"two")
    write_atomically(tmp_path / "c", b"three")
    assert hashes == {tmp_path / "a": hashlib.sha256(b"one").hexdigest()}
