"""Two trainings do not share a folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from restore_cli.errors import RestoreError
from restore_cli.training import lock


def test_the_second_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    with lock.held(tmp_path / "run"):
        with pytest.raises(RestoreError, match=f"another training: process {os.getpid()} on "):
            lock.held(tmp_path / "run").__enter__()
        assert (tmp_path / "run" / lock.NAME).exists()
    assert list((tmp_path / "run").iterdir()) == []
    with lock.held(tmp_path / "run"):
        pass


def test_a_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys; from restore_cli.training import lock\n"
        "with lock.held(pathlib.Path(sys.argv[1])):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert (tmp_path / lock.NAME).exists()
    with lock.held(tmp_path):
        assert str(os.getpid()) in (tmp_path / lock.NAME).read_text()
    assert not (tmp_path / lock.NAME).exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RestoreError, match="cannot write the run folder"):
        lock.held(tmp_path / "file" / "run").__enter__()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_workers_that_outlive_a_training_do_not_hold_its_lock(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys, time; from restore_cli.training import lock\n"
        "with lock.held(pathlib.Path(sys.argv[1])):\n"
        "    worker = os.fork()\n"
        "    if worker == 0:\n        time.sleep(60)\n"
        "    time.sleep(0.3)\n    print(worker, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        worker = int(killed.stdout.readline())
        killed.wait()
        try:
            with lock.held(tmp_path):
                os.kill(worker, 0)  # it lives
        finally:
            os.kill(worker, signal.SIGKILL)


def test_a_link_is_not_followed_to_a_file_that_would_be_emptied(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"photo")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / lock.NAME).symlink_to("../photo.png")
    with (
        pytest.raises(RestoreError, match="cannot write the run folder"),
        lock.held(tmp_path / "run"),
    ):
        pass
    assert (tmp_path / "photo.png").read_bytes() == b"photo"
