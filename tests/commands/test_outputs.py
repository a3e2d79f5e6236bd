"""Inputs are never overwritten, whatever they are called."""

import os
from pathlib import Path

import pytest
import typer

from restore_cli.commands.outputs import (
    check_apart,
    check_folder,
    check_outputs,
    check_texts,
    files_of,
    is_same_file,
    output_path,
)
from restore_cli.errors import RestoreError


@pytest.mark.parametrize("how", ["itself", "symlink", "hardlink", "folder link", "dots"])
def test_an_output_that_is_an_input_is_refused(how: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    source = folder / "a.png"
    source.write_bytes(b"a")
    output = tmp_path / "b.png"
    if how == "itself":
        output = source
    elif how == "symlink":
        output.symlink_to(source)
    elif how == "hardlink":
        os.link(source, output)
    elif how == "folder link":
        (tmp_path / "other").symlink_to(folder)
        output = tmp_path / "other" / "a.png"
    else:
        output = folder / ".." / "in" / "a.png"
    assert is_same_file(output, source)
    with pytest.raises(RestoreError, match="is an input: it would be overwritten"):
        check_outputs([None, output], [tmp_path / "missing", source])
    assert source.read_bytes() == b"a"


def test_what_exists_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    check_outputs([tmp_path / "a", tmp_path / "b"], [tmp_path / "c"])
    with pytest.raises(RestoreError, match="already exists"):
        check_outputs([tmp_path / "a"], overwrite=False)


@pytest.mark.parametrize("name", ["no/folder", ".", "a"])
def test_what_cannot_be_written_is_told_before(name: str, tmp_path: Path) -> None:
    with pytest.raises(RestoreError):
        check_outputs([tmp_path / "a", tmp_path / name])


def test_reports_replace_reports_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("output,metric\né,1\n", encoding="utf-8")
    (tmp_path / "empty").touch()
    check_texts([tmp_path / "old.csv", tmp_path / "empty", tmp_path / "new.csv"])
    for held in (b"\x89PNG\r\n\x1a\n", b"II*\0", b"\xff\xd8\xff\xe0\0\x10JFIF"):
        (tmp_path / "photo").write_bytes(held)
        with pytest.raises(RestoreError, match="something else than a report"):
            check_texts([tmp_path / "photo"])


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no devices here")
def test_devices_are_not_replaced() -> None:
    with pytest.raises(RestoreError, match="no plain file"):
        check_outputs([Path("/dev/null")])


def test_an_empty_path_is_not_this_folder() -> None:
    assert output_path("x") == Path("x")
    with pytest.raises(typer.BadParameter, match="empty text"):
        output_path("")


def test_a_folder_to_write_a_model_into_is_new_or_empty(tmp_path: Path) -> None:
    check_folder(tmp_path / "new", overwrite=False)
    check_folder(tmp_path, overwrite=False)
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(RestoreError, match="is not empty"):
        check_folder(tmp_path, overwrite=False)
    check_folder(tmp_path, overwrite=True)
    with pytest.raises(RestoreError, match="is no folder"):
        check_folder(tmp_path / "mine", overwrite=True)


def test_files_that_are_written_are_not_each_other_either(tmp_path: Path) -> None:
    (tmp_path / "in").touch()
    check_apart([tmp_path / "no" / "a", tmp_path / "no" / "b"], [tmp_path / "in"])
    with pytest.raises(RestoreError, match="two things"):
        check_apart([tmp_path / "no" / "a", tmp_path / "no" / "a"], [])
    with pytest.raises(RestoreError, match="is an input"):
        check_apart([tmp_path / "in"], [tmp_path / "in"])


def test_an_option_stands_for_a_file_or_the_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "sub").mkdir()
    assert files_of(tmp_path / "a") == files_of(tmp_path) == [tmp_path / "a"]
    assert files_of("small") == files_of("") == files_of(None) == []
