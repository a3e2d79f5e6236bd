"""LibRaw's errors in words."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import rawpy
from dng_files import write

from restore_cli.errors import RestoreError
from restore_cli.raw.file import open_raw
from restore_cli.raw.problems import naming_raw_problems, no_raw

PATH = Path("some where.dng")


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"hello, this is text and no picture at all", "looks like text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(56), "this is a PNG picture, not a RAW file"),
        (b"\xff\xd8\xff" + bytes(61), "this is a JPG picture, not a RAW file"),
        (b"II*\0" + bytes(60), "no RAW file that LibRaw knows"),
        (b"II+\0" + bytes(60), "BigTIFF form are not supported"),
        (b"FUJIFILMCCD-RAW" + bytes(49), "kind of RAW file is not supported"),
        (b"GIF89a" + bytes(58), "a GIF"),
    ],
)
def test_what_is_no_raw_file_is_named(start: bytes, words: str) -> None:
    error = no_raw(PATH, start)
    assert str(PATH) in error.message
    assert words in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (rawpy.LibRawDataError(b"Corrupted data"), "damaged or cut off (Corrupted data)"),
        (rawpy.LibRawIOError(b"Input/output error"), "damaged or cut off"),
        (rawpy.LibRawUnsufficientMemoryError(b"x"), "not enough memory"),
        (rawpy.LibRawFileUnsupportedError(b"x"), "is not supported by LibRaw"),
        (MemoryError(), "not enough memory"),
        (rawpy.NotSupportedError("no such method"), "no such method"),
        (ValueError("odd"), "damaged or cut off (odd)"),
    ],
)
def test_errors_while_reading_name_the_file(tmp_path: Path, raised: Exception, words: str) -> None:
    (path := tmp_path / PATH).write_bytes(b"something")
    with pytest.raises(RestoreError) as caught, naming_raw_problems(path):
        raise raised
    assert str(path) in caught.value.message
    assert words in caught.value.message


def test_an_unknown_file_gets_the_error_that_was_asked_for(tmp_path: Path) -> None:
    expected = RestoreError("mine")
    (path := tmp_path / PATH).write_bytes(b"something")
    with pytest.raises(RestoreError, match="mine"), naming_raw_problems(path, lambda: expected):
        raise rawpy.LibRawFileUnsupportedError(b"x")
    path.unlink()
    with pytest.raises(RestoreError, match="no such file"), naming_raw_problems(path):
        raise rawpy.LibRawFileUnsupportedError(b"x")


@pytest.mark.skipif(
    importlib.util.find_spec("resource") is None, reason="this system has no limits of a process"
)
def test_too_many_open_files_are_told_for_what_they_are(tmp_path: Path) -> None:
    """LibRaw opens the file again, and does not say why it cannot."""
    import resource

    path = write(tmp_path / "a.dng", np.full((48, 64), 9000, np.uint16))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with path.open("rb") as file:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (file.fileno() + 2, before[1]))
            with pytest.raises(RestoreError, match="Too many open files") as caught, open_raw(path):
                pass
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert "ulimit -n" in str(caught.value.hint)
