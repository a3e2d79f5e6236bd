import os
import random
import tempfile
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.evaluation.pairing import TASKS, Pair, check_sizes, pair
from restore_cli.images.pair_rules import Rule
from restore_cli.images.picture import Picture


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def sides(tmp_path: Path, outputs: Iterable[str], references: Iterable[str]) -> tuple[Path, Path]:
    return touch(tmp_path / "out", *outputs), touch(tmp_path / "ref", *references)


def paired(pairs: list[Pair]) -> dict[str, str]:
    return {one.name: one.output.name for one in pairs}


def refusal(output: Path, reference: Path, *, recursive: bool = False) -> RestoreError:
    with pytest.raises(RestoreError) as caught:
        pair(output, reference, recursive=recursive)
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("mark", ["-", "_"])
def test_suffix_that_infer_adds_is_understood(tmp_path: Path, task: str, mark: str) -> None:
    folders = sides(tmp_path, [f"photo{mark}{task}.png"], ["photo.jpg"])
    assert paired(pair(*folders)) == {"photo": f"photo{mark}{task}.png"}


def test_many_outputs_of_one_reference_by_prefix(tmp_path: Path) -> None:
    outputs = ["0001_0.8_0.2.png", "0001_1_0.1.png", "0002_1_0.1.png"]
    folders = sides(tmp_path, outputs, ["0001.png", "0002.png"])
    pairs = pair(*folders, rule=Rule.parse("prefix"))
    assert [one.reference.name for one in pairs] == ["0001.png", "0001.png", "0002.png"]
    assert [one.name for one in pairs] == [name[:-4] for name in outputs]


def test_what_a_pattern_finds_pairs(tmp_path: Path) -> None:
    folders = sides(tmp_path, ["rain-001.png", "rain-002.png"], ["norain-001.png"])
    with pytest.raises(RestoreError, match=r"rain-002.png has no reference by this rule"):
        pair(*folders, rule=Rule.parse(r"regex=rain-(\d+)"))
    (folders[0] / "rain-002.png").unlink()
    assert paired(pair(*folders, rule=Rule.parse(r"regex=rain-(\d+)"))) == {
        "rain-001": "rain-001.png"
    }


def test_a_constant_border_of_the_references_is_told(tmp_path: Path) -> None:
    small, large = tmp_path / "a.png", tmp_path / "b.png"
    Picture(np.zeros((20, 30, 3), np.uint8)).write(small)
    Picture(np.zeros((40, 50, 3), np.uint8)).write(large)
    pairs = [Pair("a", small, large)]
    with pytest.raises(RestoreError) as caught:
        check_sizes(pairs, resize_reference=False)
    assert "10 px more: --reference-crop centre" in (caught.value.hint or "")
    check_sizes(pairs, resize_reference=False, crop_reference=True)


def test_suffixes_of_several_runs_are_understood(tmp_path: Path) -> None:
    folders = sides(tmp_path, ["a-denoise-derain.png"], ["a.png"])
    assert paired(pair(*folders)) == {"a": "a-denoise-derain.png"}


def test_exact_stem_wins_over_a_suffix(tmp_path: Path) -> None:
    folders = sides(tmp_path, ["a.png", "a-derain.png"], ["a-derain.jpg", "a.jpg"])
    assert paired(pair(*folders)) == {"a": "a.png", "a-derain": "a-derain.png"}


def test_case_of_the_file_suffix_does_not_matter(tmp_path: Path) -> None:
    folders = sides(tmp_path, ["a.PNG", "b.jpeg"], ["a.Jpg", "b.TIF"])
    assert paired(pair(*folders)) == {"a": "a.PNG", "b": "b.jpeg"}


def test_a_task_alone_is_a_name(tmp_path: Path) -> None:
    folders = sides(tmp_path, ["-derain.png"], ["-derain.png"])
    assert paired(pair(*folders)) == {"-derain": "-derain.png"}
    (tmp_path / "out" / "_isp.png").touch()
    assert "_isp.png has no reference" in refusal(*folders).message


def test_composed_and_decomposed_names_match(tmp_path: Path) -> None:
    name = "Grüße é"
    decomposed = unicodedata.normalize("NFD", name)
    folders = sides(tmp_path, [f"{decomposed}.png"], [f"{name}.png"])
    (only,) = pair(*folders)
    assert only.name == unicodedata.normalize("NFC", name)


def test_names_that_are_no_unicode_are_spelled_out(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff.png")
    try:
        folders = sides(tmp_path, [name], [name])
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    (only,) = pair(*folders)
    assert only.name == "a\\udcff"
    assert only.output.exists()


def test_two_files_are_compared_whatever_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "x.png", "y.tif")
    (only,) = pair(tmp_path / "x.png", tmp_path / "y.tif")
    assert only == Pair("y", tmp_path / "x.png", tmp_path / "y.tif")


def test_comparing_with_itself_is_allowed(tmp_path: Path) -> None:
    touch(tmp_path / "ref", "a.png", "b.png")
    assert paired(pair(tmp_path / "ref", tmp_path / "ref")) == {"a": "a.png", "b": "b.png"}
    (only,) = pair(tmp_path / "ref" / "a.png", tmp_path / "ref" / "a.png")
    assert only.output == only.reference


def test_recursion_matches_folders_as_well(tmp_path: Path) -> None:
    folders = sides(tmp_path, ["x/1.png", "y/1-derain.png"], ["x/1.jpg", "y/1.jpg"])
    pairs = pair(*folders, recursive=True)
    assert paired(pairs) == {"x/1": "1.png", "y/1": "1-derain.png"}
    assert all(one.output.parent.name == one.reference.parent.name for one in pairs)


def test_recursion_does_not_match_across_folders(tmp_path: Path) -> None:
    folders = sides(tmp_path, ["x/1.png"], ["y/1.png"])
    error = refusal(*folders, recursive=True)
    assert "x/1.png has no reference" in error.message
    assert "y/1.png has no output" in error.message
    assert "lies elsewhere" in error.message


def test_outputs_inside_the_reference_folder_are_no_references(tmp_path: Path) -> None:
    reference = touch(tmp_path / "ref", "a.png", "out/a.png")
    assert paired(pair(reference / "out", reference, recursive=True)) == {"a": "a.png"}


def test_order_is_that_of_the_references_whatever_the_outputs(tmp_path: Path) -> None:
    stems = [f"{n}" for n in (10, 9, 100, 1)]
    folders = sides(tmp_path, [f"{s}-derain.png" for s in stems], [f"{s}.png" for s in stems])
    assert [one.name for one in pair(*folders)] == ["1", "10", "100", "9"]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    output, reference = sides(
        tmp_path,
        ["alone.png", "twice.png", "twice.jpg", "two-derain.png", "two-denoise.png", "fine.png"],
        ["missing.png", "twice.png", "two.png", "fine.png", "same.png", "same.jpg", "odd.gif"],
    )
    touch(output, "same.png", "moves.gif", "dead.png", "odd.png")
    touch(reference, "moves.png", "dead.png")
    (output / "dead.png").unlink()
    (output / "dead.png").symlink_to(output / "gone")
    error = refusal(output, reference)
    lines = error.message.splitlines()
    assert lines[0] == "outputs and references do not pair up:"
    assert sorted(line.strip() for line in lines[1:]) == sorted(
        [
            f"{output / 'dead.png'} is a link that leads nowhere",
            f"{output / 'moves.gif'}: .gif pictures are not read",
            f"{reference / 'odd.gif'}: .gif pictures are not read",
            f"{reference / 'same.jpg'} and {reference / 'same.png'} are references of one name",
            f"{output / 'twice.jpg'} and {output / 'twice.png'} are outputs of the same reference "
            f"{reference / 'twice.png'}",
            f"{output / 'two-denoise.png'} and {output / 'two-derain.png'} are outputs of the same "
            f"reference {reference / 'two.png'}",
            f"{output / 'alone.png'} has no reference of its name in {reference}",
            f"{reference / 'missing.png'} has no output of its name in {output}",
        ]
    )
    assert "keep one" in (error.hint or "")
    assert "convert" in (error.hint or "")


def test_long_lists_are_cut_with_a_count(tmp_path: Path) -> None:
    folders = sides(tmp_path, [f"{n:02}.png" for n in range(30)], ["00.png"])
    message = refusal(*folders).message
    assert message.count("has no reference") == 20
    assert "... and 9 more outputs without a reference" in message


def test_names_that_differ_in_case_only_are_pointed_out(tmp_path: Path) -> None:
    output, reference = sides(tmp_path, ["IMG-derain.png"], ["img.png"])
    assert str(reference / "img.png") in refusal(output, reference).message.splitlines()[1]
    assert str(output / "IMG-derain.png") in refusal(output, reference).message.splitlines()[2]


@pytest.mark.parametrize(
    ("outputs", "references", "said"),
    [([], ["a.png"], "out holds no pictures"), (["a.png"], ["notes.txt"], "ref holds no pictures")],
)
def test_empty_folders_are_told_without_a_list_of_orphans(
    tmp_path: Path, outputs: list[str], references: list[str], said: str
) -> None:
    message = refusal(*sides(tmp_path, outputs, references)).message
    assert message.endswith(said)
    assert "\n" not in message


def test_pictures_in_subfolders_only_point_to_recursion(tmp_path: Path) -> None:
    assert "-r" in (refusal(*sides(tmp_path, ["x/1.png"], ["1.png"])).hint or "")


def _gone(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "gone", touch(tmp_path / "ref", "a.png")


def _both_gone(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "gone", tmp_path / "away.png"


def _too_long(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / ("x" * 300), touch(tmp_path / "ref", "a.png")


def _dead_link(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "dead.png").symlink_to(tmp_path / "nothing")
    return tmp_path / "dead.png", touch(tmp_path / "ref", "a.png") / "a.png"


def _link_to_itself(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    return tmp_path / "loop.png", touch(tmp_path / "ref", "a.png") / "a.png"


def _pipe(tmp_path: Path) -> tuple[Path, Path]:
    os.mkfifo(tmp_path / "pipe.png")
    return tmp_path / "pipe.png", touch(tmp_path / "ref", "a.png") / "a.png"


def _folder_and_file(tmp_path: Path) -> tuple[Path, Path]:
    folder = touch(tmp_path / "ref", "a.png")
    return folder, folder / "a.png"


def _file_and_folder(tmp_path: Path) -> tuple[Path, Path]:
    return _folder_and_file(tmp_path)[::-1]


def _gif_file(tmp_path: Path) -> tuple[Path, Path]:
    folder = touch(tmp_path / "ref", "a.gif", "b.png")
    return folder / "a.gif", folder / "b.png"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_gone, "the output .*gone does not exist"),
        (_both_gone, "the reference .*away.png does not exist"),
        (_too_long, "cannot be reached|does not exist"),
        (_dead_link, "the output .*dead.png is a link that leads nowhere"),
        (_link_to_itself, "the output .*loop.png"),
        (_pipe, "the output .*pipe.png is not a regular file"),
        (_folder_and_file, "ref is a folder, but .*a.png is a file"),
        (_file_and_folder, "ref is a folder, but .*a.png is a file"),
        (_gif_file, "a.gif: .gif pictures are not read"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, make: Callable[[Path], tuple[Path, Path]], said: str
) -> None:
    with pytest.raises(RestoreError, match=said) as caught:
        pair(*make(tmp_path))
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.hint


# Names that every file system takes: no separators, no control characters, not hidden.
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters='/\\:*?"<>|', exclude_categories=["Cc", "Cs"]),
    min_size=1,
    max_size=30,
).filter(lambda name: name[0] != "." and name.strip(". ") == name)


@settings(max_examples=60, deadline=None)
@given(
    stems=st.sets(NAMES, min_size=1, max_size=8),
    tasks=st.lists(st.sampled_from(["", *(f"-{t}" for t in TASKS), *(f"_{t}" for t in TASKS)])),
    seed=st.integers(0, 100),
)
def test_any_names_find_their_own_reference(stems: set[str], tasks: list[str], seed: int) -> None:
    forms = {unicodedata.normalize("NFC", stem).casefold(): stem for stem in stems}
    chosen = sorted(forms.values())
    random.Random(seed).shuffle(chosen)
    with tempfile.TemporaryDirectory() as made:
        added = {s: tasks[i % len(tasks)] if tasks else "" for i, s in enumerate(chosen)}
        folders = sides(
            Path(made), [f"{s}{added[s]}.png" for s in chosen], [f"{s}.jpg" for s in chosen]
        )
        expected = {unicodedata.normalize("NFC", s): f"{s}{added[s]}.png" for s in chosen}
        assert paired(pair(*folders)) == expected


def write(path: Path, width: int, height: int, *, depth: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture(np.zeros((height, width, 3), depth)).write(path)
    return path


def test_sizes_that_differ_are_listed(tmp_path: Path) -> None:
    for name, size in {"a": (480, 320), "b": (20, 10), "c": (20, 10)}.items():
        write(tmp_path / "out" / f"{name}.png", *size)
    for name, size in {"a": (481, 321), "b": (10, 20), "c": (20, 10)}.items():
        write(tmp_path / "ref" / f"{name}.tif", *size, depth=np.uint16)
    pairs = pair(tmp_path / "out", tmp_path / "ref")
    with pytest.raises(RestoreError) as caught:
        check_sizes(pairs, resize_reference=False)
    assert caught.value.message.splitlines() == [
        "the pictures cannot be compared:",
        "  a: output 480x320, reference 481x321",
        "  b: output 20x10, reference 10x20",
    ]
    assert "--resize-reference" in (caught.value.hint or "")
    check_sizes(pairs, resize_reference=True)


def test_unreadable_files_are_listed_on_both_sides_and_once(tmp_path: Path) -> None:
    good = write(tmp_path / "good.png", 20, 10)
    bad = touch(tmp_path, "bad.png") / "bad.png"
    short = write(tmp_path / "short.png", 200, 100)
    short.write_bytes(short.read_bytes()[:60])
    pairs = [Pair("1", good, bad), Pair("2", bad, good), Pair("3", short, good)]
    with pytest.raises(RestoreError) as caught:
        check_sizes(pairs, resize_reference=True)
    assert caught.value.message.count("bad.png: the file is empty") == 1
    assert caught.value.message.count("short.png: the PNG file is damaged or truncated") == 1
    assert caught.value.exit_code == ExitCode.USAGE


def test_equal_sizes_pass(tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{n}.png", 20, 10) for n in "ab")
    check_sizes([Pair("x", first, second)], resize_reference=False)
    with pytest.raises(RestoreError, match=r"gone\.png: there is no such file"):
        check_sizes([Pair("x", first, tmp_path / "gone.png")], resize_reference=False)
