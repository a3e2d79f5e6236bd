"""Sheets that this program drew beside pictures: how a folder's listing knows them.

A comparison lies among the outputs that it shows; it is no output itself, and neither restored nor
measured with them. Its name alone could be anybody's, so that the file says what it is as well.
"""

from pathlib import Path

COMPARISON = "-compare.jpg"
"""How names of before and after end, beside an output."""
MODELS = "-models.jpg"
"""How names of sheets with every model end."""
_MARK = b"drawn by restore to be looked at"
_HEAD = 256  # bytes, within which the mark stands


def marked(data: bytes) -> bytes:
    """A JPEG file with a comment that says what it is, behind its first segment."""
    at = 4 + int.from_bytes(data[4:6], "big")
    # The segment of a comment, and how long it is with these two bytes.
    segment = b"\xff\xfe" + (len(_MARK) + 2).to_bytes(2, "big") + _MARK
    return data[:at] + segment + data[at:]


def is_sheet(path: Path) -> bool:
    """Whether a file is such a sheet; one that cannot be read is none."""
    if not path.name.endswith((COMPARISON, MODELS)):
        return False
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as file:
            return _MARK in file.read(_HEAD)
    except OSError:
        return False
