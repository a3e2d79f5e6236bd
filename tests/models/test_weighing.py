"""Weights are weighed by what they unpack to."""

import os
import zipfile
from pathlib import Path

import pytest

from restore_cli.errors import RestoreError
from restore_cli.images import room
from restore_cli.models import zoo
from restore_cli.models.weighing import admit_weights


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: 100e6)


def test_a_checkpoint_that_unpacks_to_all_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("x/data/0", bytes(100 * 2**20))
    assert path.stat().st_size < 2**18
    for read in (admit_weights, zoo.read_weights):
        with pytest.raises(RestoreError, match=r"x\.pth: reading its tensors takes about 210 MB"):
            read(path)


def test_files_larger_than_memory_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(RestoreError, match=r"takes about 2\.0 GB of memory, and 100 MB are free"):
        zoo.read_weights(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.pth")
    with pytest.raises(RestoreError, match="not a regular file"):
        zoo.read_weights(tmp_path / "x.pth")


def test_what_is_small_passes(tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(b"PK\3\4 no such thing")
    admit_weights(tmp_path / "x.pth")
