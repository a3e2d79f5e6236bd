import os
import subprocess
import sys
from pathlib import Path

import pytest

from restore_cli.batch.claims import claim
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
