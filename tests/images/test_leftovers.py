import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from restore_cli.batch.claims import claim
from restore_cli.errors import RestoreError
from restore_cli.images import leftovers
from restore_cli.images.atomic import write_atomically


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_what_dead_writers_left_goes_with_the_next_write(tmp_path: Path, dead: int) -> None:
    here = leftovers.host()
    gone = [f".restore-{here}-{dead}-00ff.tmp", ".restore-00ff.claim"]
    stay = [
        f".restore-{here}-{os.getpid()}-00ff.tmp",
        f".restore-elsewhere{here}-{dead}-00ff.tmp",
        ".restore-manifest.jsonl",
        "a.tmp",
    ]
    for name in gone + stay:
        (tmp_path / name).write_bytes(b"")
    held = claim(tmp_path / "held.png")
    assert held.path is not None
    write_atomically(tmp_path / "new", b"")
    assert {one.name for one in tmp_path.iterdir()} == {*stay, "new", held.path.name}
    held.release()


def test_a_number_that_another_process_has_got_is_no_life(tmp_path: Path) -> None:
    path = tmp_path / leftovers.temporary_name()
    path.write_bytes(b"")
    os.utime(path, (1, 1))  # long before this process began
    leftovers.clear(tmp_path)
    assert not path.exists()


def test_a_folder_is_looked_at_once_and_need_not_be_there(tmp_path: Path, dead: int) -> None:
    leftovers.clear(tmp_path / "gone")
    leftovers.clear(tmp_path)
    path = tmp_path / f".restore-{leftovers.host()}-{dead}-00ff.tmp"
    path.write_bytes(b"")
    leftovers.clear(tmp_path)
    assert path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")
def test_what_is_locked_is_under_way_whatever_its_name_says(tmp_path: Path, dead: int) -> None:
    path = tmp_path / f".restore-{leftovers.host()}-{dead}-00ff.tmp"
    program = (
        "import sys; from restore_cli.images.leftovers import hold\n"
        "file = open(sys.argv[1], 'wb'); hold(file.fileno()); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as writer:  # as in a container of the same name, where numbers of processes are others
        assert writer.stdout is not None
        writer.stdout.readline()
        leftovers.clear(tmp_path)
        assert path.exists()
        writer.communicate(b"\n")
    leftovers._cleared.clear()
    leftovers.clear(tmp_path)
    assert not path.exists()


def test_temporary_folders_go_and_so_does_what_killed_processes_left_there(
    tmp_path: Path, dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f".restore-{leftovers.host()}-{dead}-00ff.tmp"
    left.mkdir()
    (left / "picture.png").write_bytes(b"somebody's")
    with leftovers.temporary_folder() as folder:
        assert [one.name for one in tmp_path.iterdir()] == [folder.name]
        (folder / "file").write_bytes(b"")
        assert sys.platform == "win32" or folder.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def test_a_place_for_temporary_files_that_is_gone_is_told_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with (
        pytest.raises(RestoreError, match="temporary files") as told,
        leftovers.temporary_folder(),
    ):
        pass
    assert "TMPDIR" in str(told.value.hint)
