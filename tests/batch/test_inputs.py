import os
from pathlib import Path

import pytest

from restore_cli.batch.inputs import Finder, Found, Refused, passed_over
from restore_cli.raw.suffixes import RAWS


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(entries: list[Found | Refused]) -> list[str]:
    return [e.path.name if isinstance(e, Found) else f"!{e.source.name}" for e in entries]


def test_folder_takes_pictures_by_suffix_and_passes_over_the_rest(tmp_path: Path) -> None:
    pictures = ["a.jpeg", "b.PNG", "c.mpo", "d.apng"]
    touch(*(tmp_path / name for name in (*pictures, "notes.txt", "raw.dng", ".hidden.png")))
    touch(tmp_path / ".restore-manifest.jsonl", tmp_path / "sub" / "c.png")
    assert names(list(Finder("derain").find(str(tmp_path)))) == pictures


def test_folder_named_like_a_picture_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path / "x.png" / "inner.png", tmp_path / "y.png")
    assert names(list(Finder("t").find(str(tmp_path)))) == ["y.png"]
    inside = list(Finder("t").find(str(tmp_path / "x.png")))
    assert names(inside) == ["inner.png"]
    assert isinstance(inside[0], Found)
    assert inside[0].home == tmp_path / "x.png-t"


def test_kinds_that_are_not_read_are_passed_over_and_counted(tmp_path: Path) -> None:
    touch(tmp_path / "a.gif", tmp_path / "b.JP2", tmp_path / "c.png", tmp_path / "d.nef")
    touch(tmp_path / "e.txt", tmp_path / "sub" / "f.NEF")
    assert names(list(Finder("t").find(str(tmp_path)))) == ["c.png"]
    assert passed_over([str(tmp_path)], recursive=True) == (
        "2 picture files passed over (1 .gif, 1 .jp2): they are of kinds that are not read",
        "2 RAW files passed over (2 .nef): use `restore isp`",
    )
    assert passed_over([str(tmp_path / "c.png")], recursive=True) == ()


def test_recursion_mirrors_the_tree(tmp_path: Path) -> None:
    touch(tmp_path / "img" / "a.png", tmp_path / "img" / "x" / "y" / "b.png")
    found = list(Finder("t", recursive=True).find(str(tmp_path / "img")))
    assert [f.below for f in found if isinstance(f, Found)] == [Path(), Path("x/y")]
    assert [f.home for f in found if isinstance(f, Found)] == [
        tmp_path / "img-t",
        tmp_path / "img-t/x/y",
    ]


def test_recursion_ends_on_link_loops_and_skips_the_output_folder(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "sub" / "b.png", tmp_path / "out" / "a.png")
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    finder = Finder("t", recursive=True, skip=(tmp_path / "out").resolve())
    assert names(list(finder.find(str(tmp_path)))) == ["a.png", "b.png"]


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert names(list(Finder("t", recursive=True).find(str(tmp_path / "img")))) == ["a.png"]


@pytest.mark.parametrize(("recursive", "hint"), [(False, "-r"), (True, "it reads")])
def test_folder_without_pictures_says_what_to_do(
    tmp_path: Path, recursive: bool, hint: str
) -> None:
    touch(tmp_path / "img" / "notes.txt")
    (tmp_path / "img" / "sub").mkdir()
    (entry,) = Finder("t", recursive).find(str(tmp_path / "img"))
    assert isinstance(entry, Refused)
    assert "holds no pictures" in entry.problem.message
    assert hint in (entry.problem.hint or "")


def test_folder_of_pictures_only_is_said_to_hold_no_raw_files(tmp_path: Path) -> None:
    touch(tmp_path / "img" / "a.png")
    (entry,) = Finder("t", suffixes=RAWS).find(str(tmp_path / "img"))
    assert isinstance(entry, Refused)
    assert entry.problem.message.endswith("img holds no RAW files")


def test_patterns_match_pictures_only_and_mirror_below_their_fixed_part(tmp_path: Path) -> None:
    touch(*(tmp_path / n for n in ("img/a.png", "img/x/b.jpg", "img/x/b.txt")))
    found = list(Finder("t").find(str(tmp_path / "img" / "**" / "*")))
    assert names(found) == ["a.png", "b.jpg"]
    assert [f.below for f in found if isinstance(f, Found)] == [Path(), Path("x")]
    (nothing,) = Finder("t").find(str(tmp_path / "*.webp"))
    assert isinstance(nothing, Refused)
    assert "matches no picture" in nothing.problem.message


def test_pattern_that_matches_folders_only_takes_those_folders(tmp_path: Path) -> None:
    touch(tmp_path / "day-1" / "a.png", tmp_path / "day-2" / "b.png")
    assert names(list(Finder("t").find(str(tmp_path / "day-*")))) == ["a.png", "b.png"]


def test_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    touch(tmp_path / "shot [1].png", tmp_path / "shot 1.png")
    assert names(list(Finder("t").find(str(tmp_path / "shot [1].png")))) == ["shot [1].png"]


@pytest.mark.parametrize("text", ["", "not there.png"])
def test_missing_inputs_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "a.png")
    (entry,) = Finder("t").find(text)
    assert isinstance(entry, Refused)
    assert (text or "empty") in entry.problem.message


def test_pipes_and_dead_links_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "dead.png").symlink_to(tmp_path / "gone.png")
    assert names(list(Finder("t").find(str(tmp_path)))) == ["!dead.png", "!pipe.png"]
    (entry,) = Finder("t").find(str(tmp_path / "pipe.png"))
    assert isinstance(entry, Refused)
    assert "not a regular file" in entry.problem.message


@pytest.mark.parametrize("text", [".", "../img", "sub/.."])
def test_default_folder_lies_beside_whatever_the_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    touch(tmp_path / "img" / "a.png")
    (tmp_path / "img" / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "img")
    (found,) = Finder("t").find(text)
    assert isinstance(found, Found)
    assert found.home.resolve() == tmp_path.resolve() / "img-t"
