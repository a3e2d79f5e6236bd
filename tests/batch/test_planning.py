import os
from pathlib import Path

import pytest

from restore_cli.batch.inputs import Refused
from restore_cli.batch.planning import Job, plan
from restore_cli.errors import ExitCode, RestoreError


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(name.encode())


def outputs(
    *inputs: str,
    output: str | None = None,
    format: str | None = None,
    suffix: str | None = None,
    recursive: bool = False,
) -> list[str]:
    jobs = plan(inputs, output, label="derain", format=format, suffix=suffix, recursive=recursive)
    return [str(job.output) if isinstance(job, Job) else f"!{job.source}" for job in jobs]


def test_default_names() -> None:
    touch("img/a.jpg", "img/b.tif", "photo.jpg")
    assert outputs("img/") == ["img-derain/a.png", "img-derain/b.png"]
    assert outputs("photo.jpg") == ["photo-derain.png"]
    assert outputs("img/a.jpg", "photo.jpg") == ["img/a-derain.png", "photo-derain.png"]


def test_format_and_suffix() -> None:
    touch("img/a.JPG")
    assert outputs("img", format="webp") == ["img-derain/a.webp"]
    assert outputs("img", format="same") == ["img-derain/a.JPG"]
    assert outputs("img", suffix="_x") == ["img-derain/a_x.png"]
    assert outputs("img/a.JPG", suffix="_x", output="out") == ["out/a_x.png"]
    assert outputs("img/a.JPG", suffix="") == ["img/a.png"]
    (job,) = plan(["img"], label="derain", format="same")
    assert isinstance(job, Job)
    assert job.format == "jpg"


def test_names_with_dots_spaces_and_any_script() -> None:
    touch("my photos/a.b.jpg", "my photos/фото ☔ №1.jpg", "scan.2024")
    assert outputs("my photos", "scan.2024") == [
        "my photos-derain/a.b.png",
        "my photos-derain/фото ☔ №1.png",
        "scan.2024-derain.png",
    ]


def test_output_is_a_file_for_a_single_input_only() -> None:
    touch("img/a.jpg", "img/b.jpg")
    (job,) = plan(["img/a.jpg"], "clean.tif", label="derain")
    assert job == Job(Path("img/a.jpg"), Path("clean.tif"), "tiff")
    for inputs in (["img"], ["img/a.jpg", "img/b.jpg"]):
        with pytest.raises(RestoreError, match="not a single file") as caught:
            plan(inputs, "clean.png", label="derain")
        assert "clean.png/" in (caught.value.hint or "")
    assert outputs("img", output="clean.png/") == ["clean.png/a.png", "clean.png/b.png"]
    Path("there.png").mkdir()
    assert outputs("img/a.jpg", output="there.png") == ["there.png/a.png"]


def test_output_suffix_against_format() -> None:
    touch("a.jpg")
    assert outputs("a.jpg", output="b.jpeg", format="jpg") == ["b.jpeg"]
    assert outputs("a.jpg", output="b.jpeg", format="same") == ["b.jpeg"]
    for format in ("png", "tiff"):
        with pytest.raises(RestoreError, match=f"says jpg, but --format says {format}"):
            outputs("a.jpg", output="b.jpg", format=format)
    with pytest.raises(RestoreError, match="says png, but --format says jpg"):
        outputs("a.jpg", output="b.png", format="same")
    with pytest.raises(RestoreError, match=r"\.dng files are not written"):
        outputs("a.jpg", output="b.dng")
    with pytest.raises(RestoreError, match=r"\.gif files are not written"):
        outputs("a.jpg", output="b.gif")
    with pytest.raises(RestoreError, match="--suffix"):
        outputs("a.jpg", output="b.png", suffix="_x")


def test_output_folder_that_cannot_be_is_refused_at_once() -> None:
    touch("a.jpg", "b.jpg", "note")
    for output in ("note", "note/deeper"):
        with pytest.raises(RestoreError, match="is not a folder"):
            outputs("a.jpg", "b.jpg", output=output)
    for output in ("note/x.png", "note/deeper/x.png"):
        with pytest.raises(RestoreError, match=f"-o {output}: .*note is not a folder"):
            outputs("a.jpg", output=output)
    with pytest.raises(RestoreError, match="path separator"):
        outputs("a.jpg", suffix="/../../x")


def test_recursion_mirrors_the_tree_under_output() -> None:
    touch("img/a.jpg", "img/x/y/b.jpg", "img/out/a.png")
    assert outputs("img", recursive=True, output="img/out") == [
        "img/out/a.png",
        "img/out/x/y/b.png",
    ]
    assert outputs("img/**/*.jpg", output="o") == ["o/a.png", "o/x/y/b.png"]


def test_collision_names_both_inputs_and_a_way_out() -> None:
    touch("img/a.jpg", "img/a.png", "img/b.jpg")
    with pytest.raises(RestoreError) as caught:
        outputs("img")
    assert "img/a.jpg and img/a.png would both be written to img-derain/a.png" in str(caught.value)
    assert "--format same" in (caught.value.hint or "")
    assert caught.value.exit_code == ExitCode.USAGE
    assert outputs("img", format="same") == [f"img-derain/{n}" for n in ("a.jpg", "a.png", "b.jpg")]
    assert not Path("img-derain").exists()


def test_collision_through_folders_and_links() -> None:
    touch("one/a.jpg", "two/a.jpg")
    with pytest.raises(RestoreError, match=r"one/a.jpg and two/a.jpg would both"):
        outputs("one", "two", output="out")
    Path("real-derain").mkdir()
    Path("alias-derain").symlink_to("real-derain", target_is_directory=True)
    touch("real/a.jpg", "alias/a.jpg")
    with pytest.raises(RestoreError, match=r"real/a.jpg and alias/a.jpg would both"):
        outputs("real", "alias")


def test_a_misspelt_suffix_makes_no_folder() -> None:
    touch("a.jpg", "img/b.jpg")
    for name, meant in (("c.jgp", ".jpg"), ("c.pgn", ".png"), ("c.jepg", ".jpg")):
        with pytest.raises(RestoreError, match="is no format") as caught:
            outputs("a.jpg", output=name)
        assert f"did you mean {meant}?" in (caught.value.hint or "")
        assert outputs("a.jpg", output=f"{name}/") == [f"{name}/a.png"]
        assert outputs("img", output=name) == [f"{name}/b.png"]
    for folder in ("sharp.v2", "photos.dir", "2024.05", "x.hd"):
        assert outputs("a.jpg", output=folder) == [f"{folder}/a.png"]


def test_input_named_twice_is_restored_once() -> None:
    touch("img/a.jpg")
    assert outputs("img", "./img", str(Path("img").absolute())) == ["img-derain/a.png"]


def test_unreadable_kinds_do_not_collide() -> None:
    touch("img/a.gif", "img/a.jpg")
    assert outputs("img") == ["img-derain/a.png"]
    assert outputs("img/a.gif", "img/a.jpg") == ["!img/a.gif", "img/a-derain.png"]


def test_a_raw_file_by_name_is_sent_to_isp() -> None:
    touch("a.nef")
    (job,) = plan(["a.nef"], label="derain")
    assert isinstance(job, Refused)
    assert "restore isp" in (job.problem.hint or "")


def test_names_that_would_be_too_long_are_told_before_computing() -> None:
    name = "x" * 246 + ".png"
    touch(name)
    (job,) = plan([name], label="derain")
    assert isinstance(job, Refused)
    assert "too long" in job.problem.message
    assert "--suffix ''" in (job.problem.hint or "")
    assert outputs(name, output="out", suffix="") == [f"out/{name}"]


@pytest.mark.parametrize("format", ["bmp", "avif", "ppm", "tiff"])
def test_a_format_means_the_same_by_option_and_by_suffix(format: str) -> None:
    touch("a.jpg")
    (by_option,) = plan(["a.jpg"], "out/", label="derain", format=format)
    assert isinstance(by_option, Job)
    (by_suffix,) = plan(["a.jpg"], str(by_option.output), label="derain")
    assert isinstance(by_suffix, Job)
    assert by_suffix.format == by_option.format == format


@pytest.mark.parametrize("link", [None, os.link, os.symlink])
def test_inputs_are_never_outputs(link: object) -> None:
    touch("img/a.png", "img/b.png")
    if link is None:
        with pytest.raises(RestoreError, match=r"is the input img/a.png") as caught:
            outputs("img", output="img")
        assert "--suffix" in (caught.value.hint or "")
    else:
        Path("out").mkdir()
        assert callable(link)
        link(Path("img/b.png").absolute(), "out/a.png")
        with pytest.raises(RestoreError, match=r"out/a.png, .* is the input img/b.png"):
            outputs("img", output="out")


def test_output_may_not_be_another_input() -> None:
    touch("a.jpg", "a-derain.png")
    with pytest.raises(RestoreError, match=r"is the input a-derain.png"):
        outputs("a.jpg", "a-derain.png")


def test_nothing_to_do_is_wrong_usage() -> None:
    Path("empty").mkdir()
    with pytest.raises(RestoreError, match="no input given"):
        outputs()
    with pytest.raises(RestoreError, match="empty holds no pictures") as caught:
        outputs("empty")
    assert caught.value.exit_code == ExitCode.USAGE
    with pytest.raises(RestoreError, match=r"(?s)none of the 2 inputs.*empty.*gone.png"):
        outputs("empty", "gone.png")


def test_missing_or_empty_inputs_among_others_fail_alone() -> None:
    touch("a.jpg")
    Path("empty").mkdir()
    jobs = plan(["empty", "a.jpg", "gone.png"], label="derain")
    assert [type(job) for job in jobs] == [Refused, Job, Refused]


def test_a_lone_bad_picture_is_a_failed_input_not_wrong_usage() -> None:
    touch("a.gif")
    (job,) = plan(["a.gif"], label="derain")
    assert isinstance(job, Refused)
    assert job.problem.exit_code == ExitCode.SOME_FAILED
    assert "a.gif" in job.problem.message
