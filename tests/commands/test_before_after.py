"""Before and after, beside outputs and on sheets, through the command."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.__main__ import main
from restore_cli.batch.pipeline import Result
from restore_cli.batch.planning import Job
from restore_cli.commands.before_after import BeforeAfter, check_sheet
from restore_cli.errors import RestoreError
from restore_cli.images.drawn_sheet import is_sheet


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("img").mkdir()
    for name, value in (("a <b>.png", 100), ("c.png", 50)):
        Image.fromarray(np.full((60, 80, 3), value, np.uint8)).save(f"img/{name}")


@pytest.mark.parametrize("sheet", ["sheet.jpg", "sheet.png", "sheet.html"])
def test_a_comparison_beside_each_output_and_one_sheet(sheet: str, tiny_model: str) -> None:
    words = ["infer", "img", "--model", tiny_model, "--device", "cpu", "--compare"]
    assert main([*words, "--sheet", sheet]) == 0
    with Image.open("img-denoise/c-compare.jpg") as pair:
        assert pair.width >= 2 * 80
        left, right = (np.asarray(pair)[40, x] for x in (8 + 40, 16 + 80 + 40))
    assert abs(int(left[0]) - 50) <= 3
    assert abs(int(right[0]) - 76) <= 3
    if sheet == "sheet.html":
        page = Path(sheet).read_text()
        assert "img/a &lt;b&gt;.png" in page
        assert page.count("data:image/jpeg;base64,") == 4
        assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    else:
        with Image.open(sheet) as drawn:
            assert drawn.height >= 2 * 60


def test_sheets_that_cannot_be_written_are_refused_at_once() -> None:
    for path in ("sheet.gif", "nowhere/sheet.html"):
        with pytest.raises(RestoreError, match="--sheet"):
            check_sheet(Path(path))
    check_sheet(None)


def test_what_failed_has_no_comparison() -> None:
    gathered = BeforeAfter("derain", beside=True, sheet=Path("sheet.html"))
    assert gathered.add(Result(Path("x"), Path("y"), "failed", "broken")) is None
    assert gathered.write() is None
    assert not Path("sheet.html").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--sheet img/c.jpg -o out", "is an input"),
        ("--sheet link.jpg -o out", "is an input"),
        ("--sheet out/c.png -o out", "two things"),
        ("--compare --format jpg -o out", "two things"),
        ("--compare --suffix -x --format jpg -o img --overwrite", "is an input"),
    ],
)
def test_no_comparison_replaces_an_input_or_an_output(
    words: str, why: str, tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("img/c.jpg", "img/c-compare.jpg", "img/c-x-compare.jpg"):
        Image.new("RGB", (9, 9)).save(name)
    Path("img/c.png").unlink()
    Path("link.jpg").symlink_to("img/c.jpg")
    Path("out").mkdir()
    before = {path: path.read_bytes() for path in Path("img").iterdir()}
    command = ["infer", "img", "--model", tiny_model, "--device", "cpu", *words.split()]
    assert main(command) == 2
    assert why in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path("img").iterdir()} == before
    assert list(Path("out").iterdir()) == []


def test_comparisons_beside_outputs_are_neither_restored_nor_measured(
    tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", tiny_model, "--device", "cpu"]
    assert main(["infer", "img", *words, "--compare"]) == 0
    assert is_sheet(Path("img-denoise/c-compare.jpg"))
    capsys.readouterr()
    assert main(["eval", "img-denoise", "img", "--metrics", "psnr"]) == 0
    assert main(["infer", "img-denoise", *words, "-o", "again"]) == 0
    err = capsys.readouterr().err
    assert "2 sheet files passed over (2 .jpg): `--compare`" in err
    assert sorted(path.name for path in Path("again").glob("*.*g")) == ["a <b>.png", "c.png"]
    assert main(["infer", "img-denoise/*.*g", *words, "-o", "pattern"]) == 0
    assert len(list(Path("pattern").glob("*.*g"))) == 2
    # Named, it is a picture like any other.
    assert main(["infer", "img-denoise/c-compare.jpg", *words, "-o", "named"]) == 0


def test_the_sheet_has_the_order_of_the_inputs() -> None:
    gathered = BeforeAfter("denoise", sheet=Path("sheet.html"))
    jobs = [Job(Path(f"img/{name}"), Path(f"out/{name}"), "png") for name in ("a <b>.png", "c.png")]
    gathered.check(jobs)
    for job in reversed(jobs):
        gathered.add(Result(job.source, job.source, "done", None))
    gathered.write()
    assert re.findall("<h2>(.*?)</h2>", Path("sheet.html").read_text()) == [
        "img/a &lt;b&gt;.png",
        "img/c.png",
    ]


def test_outputs_of_one_stem_cannot_share_a_comparison(
    tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (9, 9)).save("img/c.bmp")
    words = ["img/c.png", "img/c.bmp", "--format", "same", "-o", "out", "--compare"]
    assert main(["infer", *words, "--model", tiny_model, "--device", "cpu"]) == 2
    said = "the comparisons of out/c.png and out/c.bmp would both be written to out/c-compare.jpg"
    assert said in capsys.readouterr().err


def test_a_chain_from_standard_input_with_comparison_and_sheet(
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    words = "- --task dejpeg,derain -o o.jpg --compare --sheet s.html --backend torch"
    command = [*start("--version").args[:-1], "infer", *words.split()]  # type: ignore[index]
    with Path("img/c.png").open("rb") as picture:
        done = subprocess.run(command, stdin=picture, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path("o-compare.jpg").is_file()
    page = Path("s.html").read_text()
    assert re.findall("<h2>(.*?)</h2>", page) == ["-"]
    assert "dejpeg, derain" in page
