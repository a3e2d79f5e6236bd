"""RAW files are told by their names, in any case."""

from restore_cli.raw.suffixes import RAWS


def test_names_of_raw_files() -> None:
    assert "photo.DNG" in RAWS
    assert "photo.cr3" in RAWS
    assert "photo.jpg" not in RAWS
