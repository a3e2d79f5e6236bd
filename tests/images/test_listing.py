import os
import subprocess
from pathlib import Path

import pytest

from restore_cli.images import listing
from restore_cli.images.listing import (
    PICTURES,
    is_folder,
    not_a_file,
    walk,
    why_missing,
    why_no_data,
    why_no_pictures,
    why_not_listed,
)


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


def test_folders_nested_too_deeply_are_walked_as_far_as_names_reach(tmp_path: Path) -> None:
    touch(tmp_path / "fine.png")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        for _ in range(3000):  # more than Python's calls, and more than a path may have
            Path("d").mkdir()
            os.chdir("d")
        os.chdir(before)
        fine, deep = walk(tmp_path, recursive=True)
    finally:
        os.chdir(before)
        # Not left to pytest, whose own way down ends before.
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)
    assert (fine.path.name, fine.problem) == ("fine.png", None)
    assert deep.problem is not None
    assert "cannot be listed: File name too long" in deep.problem.message


def test_what_is_not_found_is_missing_or_cannot_be_reached(tmp_path: Path) -> None:
    touch(tmp_path / "file")
    for path in (tmp_path / "gone.png", tmp_path / "file" / "a.png"):
        assert why_missing(path).message == f"{path} does not exist"
    assert "cannot be reached: File name too long" in why_missing(tmp_path / ("x" * 300)).message
    assert (why_missing(tmp_path / "File").hint or "").startswith("did you mean 'file'?")
    assert "is an address" in why_missing(Path("https://example.com/a.png")).message
    assert why_not_listed(tmp_path) is None
    assert why_not_listed(tmp_path / "gone") is None
    problem = why_not_listed(tmp_path / ("x" * 300))
    assert problem is not None
    assert "cannot be listed: File name too long" in problem.message


needs_proc = pytest.mark.skipif(not Path("/proc/self/mountinfo").is_file(), reason="no /proc here")


@needs_proc
@pytest.mark.parametrize("folder", ["/proc", "/sys", "/proc/self"])
def test_what_is_the_kernels_is_not_walked_through(folder: str) -> None:
    (found,) = walk(Path(folder), recursive=True)
    assert found.problem is not None
    assert found.problem.message == f"{folder} is the kernel's, not a folder of files"
    problem = why_no_data(Path(folder))
    assert problem is not None
    assert "the kernel's" in problem.message


@needs_proc
def test_below_a_folder_the_kernels_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "p").symlink_to("/proc")
    assert [one.path.name for one in walk(tmp_path, recursive=True)] == ["a.png"]
    assert why_no_data(tmp_path) is None


def test_the_root_is_no_folder_of_data() -> None:
    problem = why_no_data(Path("/"))
    assert problem is not None
    assert "root of the file system" in problem.message
    assert problem.hint


def test_more_folders_than_any_collection_has_end_the_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "a.png").write_bytes(b"x")
    monkeypatch.setattr(listing, "_MOST_FOLDERS", 4)
    *found, last = walk(tmp_path, recursive=True)
    assert len(found) == 3
    assert last.problem is not None
    assert "has more than 4 folders below it" in last.problem.message
