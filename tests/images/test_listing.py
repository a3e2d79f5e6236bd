import os
from pathlib import Path

import pytest

from restore_cli.images.listing import PICTURES, is_folder, not_a_file, walk, why_no_pictures


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(folder: Path, **options: bool) -> list[str]:
    listed = walk(folder, recursive=options.get("recursive", False))
    return [(one.below / one.path.name).as_posix() for one in listed]


@pytest.mark.parametrize(
    ("name", "is_picture"),
    [("a.PNG", True), ("a.heic", True), ("a b.Jpeg", True), ("a.dng", False), ("png", False)],
)
def test_pictures_are_told_by_their_suffix(name: str, is_picture: bool) -> None:
    assert (name in PICTURES) == is_picture


def test_lists_pictures_by_name_and_passes_over_hidden_and_other_files(tmp_path: Path) -> None:
    touch(*(tmp_path / n for n in ("b.png", "a.jpg", "c.gif", ".x.png", "n.txt", "sub/d.png")))
    assert names(tmp_path) == ["a.jpg", "b.png", "c.gif"]
    assert names(tmp_path, recursive=True) == ["a.jpg", "b.png", "c.gif", "sub/d.png"]


def test_skips_one_folder_and_ends_on_loops(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "sub" / "b.png", tmp_path / "out" / "c.png")
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    found = walk(tmp_path, recursive=True, skip=(tmp_path / "out").resolve())
    assert [one.path.name for one in found] == ["a.png", "b.png"]


def test_dead_links_and_pipes_are_listed_with_their_problem(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "dead.png").symlink_to(tmp_path / "gone.png")
    problems = [
        one.problem.message if one.problem else "" for one in walk(tmp_path, recursive=False)
    ]
    assert problems[0].endswith("dead.png is a link that leads nowhere")
    assert problems[1].endswith("pipe.png is not a regular file")
    touch(tmp_path / "fine.png")
    assert not_a_file(tmp_path / "fine.png") is None


def test_folder_that_cannot_be_listed_is_an_entry(tmp_path: Path) -> None:
    (only,) = walk(tmp_path / "gone", recursive=True)
    assert only.problem is not None
    assert "cannot be listed" in only.problem.message


def test_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    assert ".png" in (why_no_pictures(tmp_path, recursive=False).hint or "")
    (tmp_path / "sub").mkdir()
    assert "-r" in (why_no_pictures(tmp_path, recursive=False).hint or "")
    assert ".png" in (why_no_pictures(tmp_path, recursive=True).hint or "")


def test_an_entry_that_cannot_be_looked_at_fails_alone(tmp_path: Path) -> None:
    touch(tmp_path / "fine.png")
    (tmp_path / "long.png").symlink_to("x" * 300)
    (tmp_path / "longer").symlink_to("x" * 300, target_is_directory=True)
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    found = {one.path.name: one.problem for one in walk(tmp_path, recursive=True)}
    assert found.keys() == {"fine.png", "long.png", "loop.png"}
    assert found["fine.png"] is None
    for name, why in (("long.png", "too long"), ("loop.png", "symbolic links")):
        problem = found[name]
        assert problem is not None
        assert "cannot be reached" in problem.message
        assert why in problem.message
    assert not is_folder(tmp_path / "longer")


def test_links_between_folders_do_not_multiply(tmp_path: Path) -> None:
    folders = [tmp_path / f"f{number}" for number in range(9)]
    for folder in folders:
        touch(folder / "a.png")
        for other in folders:
            if other != folder:
                (folder / other.name).symlink_to(other, target_is_directory=True)
    # Each folder by itself, and once through a link; their permutations would be a million.
    assert len(names(tmp_path, recursive=True)) == 18
