"""The table itself."""

from pathlib import Path

import pytest
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images import formats
from restore_cli.images.formats import FORMATS, THINGS, Format, resolve_format


def test_no_suffix_means_two_formats() -> None:
    suffixes = [suffix for one in FORMATS.values() for suffix in one.suffixes]
    assert len(set(suffixes)) == len(suffixes) == len(formats.FORMAT_OF_SUFFIX)


def test_limits_are_obeyed() -> None:
    jpg = FORMATS["jpg"]
    assert jpg.holds("exif", 60_000)
    assert not jpg.holds("exif", 66_000)
    assert jpg.holds("xmp", 10**7)
    assert not jpg.holds("alpha")
    assert FORMATS["webp"].holds("profile", 99)
    assert not FORMATS["webp"].holds("profile", 99, grey=True)


def test_what_a_missing_extra_would_read_counts_as_unreadable() -> None:
    for one in FORMATS.values():
        where = formats.READABLE_SUFFIXES if one.available else formats.UNREADABLE_SUFFIXES
        assert set(one.suffixes) <= where
    assert not formats.READABLE_SUFFIXES & formats.UNREADABLE_SUFFIXES


def test_the_page_has_a_row_for_each_format_and_a_column_for_each_thing() -> None:
    lines = formats.as_markdown().splitlines()
    assert len(lines) == 2 + len(FORMATS)
    assert {line.count("|") for line in lines} == {len(THINGS) + 4}
    bmp = next(line for line in lines if line.startswith("| BMP"))
    assert bmp.split(" | ")[2:] == [
        *("8 bits", "rounded", "over white", "as sRGB", "note", "note", "note", "kept", "note"),
        *("note", "kept |"),
    ]


def test_the_format_given_rules_over_the_suffix() -> None:
    assert resolve_format(Path("a.JPEG"), None) == "jpg"
    assert resolve_format(Path("a.jpg"), "tif") == "tiff"
    with pytest.raises(RestoreError, match=r"a\.gif.*'\.gif'"):
        resolve_format(Path("a.gif"), None)


def test_what_is_not_installed_is_named_with_its_extra() -> None:
    missing = Format("Odd", (".odd",), extra=("odd", "no_such_module"))
    with pytest.raises(RestoreError, match=r"a\.odd: Odd files need the extra \[odd\]") as caught:
        missing.check_available(Path("a.odd"))
    assert caught.value.hint == "pip install 'restore-cli[odd]'"
    FORMATS["png"].check_available(Path("a.png"))


# Of Pillow's suffixes, those of documents, films and data, which hold pictures beside others.
OTHERS = frozenset(
    f".{name}" for name in ("bufr", "eps", "grib", "h5", "hdf", "iim", "mpeg", "mpg", "pdf", "ps")
)


def test_every_suffix_of_pictures_is_read_or_counted_as_passed_over() -> None:
    Image.init()
    known = formats.READABLE_SUFFIXES | formats.UNREADABLE_SUFFIXES
    assert set(Image.registered_extensions()) - known <= OTHERS
    assert not known & OTHERS
