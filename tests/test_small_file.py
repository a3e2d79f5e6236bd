"""Files that are read whole have an end."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from restore_cli import small_file
from restore_cli.errors import RestoreError
from restore_cli.small_file import parse_toml, read_small, why_unreadable


def test_what_is_too_large_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    path.write_bytes(bytes(2**20))
    assert len(read_small(path, most=2**20)) == 2**20
    path.write_bytes(bytes(2**20 + 1))
    with pytest.raises(RestoreError, match=r"large.toml is larger than 1 MiB"):
        read_small(path, most=2**20)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_a_device_without_an_end_is_refused() -> None:
    with pytest.raises(RestoreError, match="larger than"):
        read_small(Path("/dev/zero"), most=2**20)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
def test_a_pipe_is_read_when_its_writer_comes_and_for_as_long_as_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setattr(small_file, "WRITER_SECONDS", 2.0)

    def write() -> None:
        time.sleep(0.1)
        with path.open("wb") as pipe:
            time.sleep(2.2)  # longer than nobody at all is waited for
            pipe.write(b"one ")
            pipe.flush()
            time.sleep(0.1)
            pipe.write(b"two")

    writer = threading.Thread(target=write)
    writer.start()
    assert read_small(path, most=100) == b"one two"
    writer.join()


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setattr(small_file, "WRITER_SECONDS", 0.1)
    with pytest.raises(RestoreError, match="pipe is a pipe that nobody writes to"):
        read_small(path, most=100)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
def test_a_writer_that_writes_nothing_has_written_nothing() -> None:
    begin, end = os.pipe()
    os.close(end)
    assert read_small(Path(f"/dev/fd/{begin}"), most=100) == b""
    os.close(begin)


def test_a_folder_and_what_is_not_there_are_the_systems_errors(tmp_path: Path) -> None:
    for path, error in ((tmp_path, OSError), (tmp_path / "gone", FileNotFoundError)):
        with pytest.raises(error):
            read_small(path, most=100)


@pytest.mark.parametrize("form", ["{} = 1", "[{}]\na = 1", "[[{}]]"])
def test_keys_of_many_parts_are_refused_before_they_take_time(form: str) -> None:
    with pytest.raises(RestoreError, match=r"a\.toml is not valid TOML: .*too deeply"):
        parse_toml(form.format(".".join("a" * 20_000)), "a.toml")


def test_long_rows_of_numbers_are_no_keys() -> None:
    row = "[" + ", ".join(["0.5"] * 5000) + "]"
    assert len(parse_toml(f"a = [\n{row},\n{row}]\nb = {row}\n", "a.toml")["a"][0]) == 5000


def test_what_cannot_be_read_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        read_small(tmp_path / "gone", most=10)
    assert why_unreadable(caught.value) == "No such file or directory"
    with pytest.raises(UnicodeDecodeError) as undecoded:
        b"\xff".decode("utf-8")
    assert why_unreadable(undecoded.value) == "it is not text in UTF-8"
