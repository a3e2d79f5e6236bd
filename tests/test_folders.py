from pathlib import Path

import pytest

from restore_cli.folders import make_folder


def test_folders_are_made_once_with_those_above(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("below", [".", "b", "b/c"])
def test_what_is_no_folder_is_named(tmp_path: Path, below: str) -> None:
    file = tmp_path / "a.png"
    file.touch()
    with pytest.raises(NotADirectoryError) as caught:
        make_folder(file / below)
    assert caught.value.strerror == f"{file} is not a folder"


def test_a_link_that_leads_nowhere_is_no_folder(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    with pytest.raises(OSError, match=r"link is not a folder"):
        make_folder(link)
