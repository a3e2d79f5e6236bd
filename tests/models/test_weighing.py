"""Weights are weighed by what they unpack to."""

import json
import os
import struct
import zipfile
from pathlib import Path

import pytest

from restore_cli.errors import RestoreError
from restore_cli.images import room
from restore_cli.models import zoo
from restore_cli.models.weighing import MOST_TENSORS, admit_weights


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


def _safetensors(path: Path, header: dict[str, object]) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    return path


def test_more_tensors_than_any_network_has_are_refused(tmp_path: Path) -> None:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    named: dict[str, object] = {f"t{number}": empty for number in range(MOST_TENSORS + 1)}
    with pytest.raises(RestoreError, match=r"holds 50,001 tensors; the limit is 50,000"):
        zoo.read_weights(_safetensors(tmp_path / "x.safetensors", named))
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as members:
        for number in range(MOST_TENSORS + 1):
            members.writestr(f"x/data/{number}", b"")
    with pytest.raises(RestoreError, match="the limit is 50,000"):
        zoo.read_weights(tmp_path / "x.pth")


def test_a_header_that_says_too_much_is_refused(tmp_path: Path) -> None:
    said: dict[str, object] = {"__metadata__": {"card": "x" * 2**24}}
    with pytest.raises(RestoreError, match="its header has 16 MiB; the limit is 16"):
        zoo.read_weights(_safetensors(tmp_path / "x.safetensors", said))
