"""LibRaw's errors in words."""

from pathlib import Path

import pytest
import rawpy

from restore_cli.errors import RestoreError
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
def test_errors_while_reading_name_the_file(raised: Exception, words: str) -> None:
    with pytest.raises(RestoreError) as caught, naming_raw_problems(PATH):
        raise raised
    assert str(PATH) in caught.value.message
    assert words in caught.value.message


def test_an_unknown_file_gets_the_error_that_was_asked_for() -> None:
    expected = RestoreError("mine")
    with pytest.raises(RestoreError, match="mine"), naming_raw_problems(PATH, lambda: expected):
        raise rawpy.LibRawFileUnsupportedError(b"x")
