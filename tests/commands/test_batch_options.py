"""Options of batch commands: what they refuse, and what they mean."""

import typing
from pathlib import Path

import numpy as np
import pytest
import tifffile
import typer
from PIL import Image
from typer.testing import CliRunner

from restore_cli.__main__ import main
from restore_cli.commands import batch_options
from restore_cli.commands.batch_options import (
    BatchSize,
    FailFast,
    Format,
    Inputs,
    MoreInputs,
    Overlap,
    Overwrite,
    Recursive,
    SkipExisting,
    Suffix,
    Tile,
    check_inputs,
    tile_size,
)
from restore_cli.errors import RestoreError


def _probe(*words: str) -> tuple[int, str]:
    app = typer.Typer()

    @app.command()
    def probe(
        inputs: Inputs = None,
        *,
        more_inputs: MoreInputs = None,
        format: Format = None,
        suffix: Suffix = None,
        recursive: Recursive = False,
        skip_existing: SkipExisting = False,
        overwrite: Overwrite = False,
        tile: Tile = "auto",
        overlap: Overlap = None,
        batch_size: BatchSize = 1,
        fail_fast: FailFast = False,
    ) -> None:
        given = (inputs, more_inputs, format, suffix, recursive, skip_existing, overwrite)
        typer.echo(repr((*given, tile, overlap, batch_size, fail_fast)))

    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output.strip()


def test_spellings() -> None:
    words = [
        "a",
        "-i",
        "b",
        "--format",
        "tiff",
        "--suffix",
        "-x",
        "-r",
        "--skip-existing",
        "--overwrite",
    ]
    words += ["-t", "128", "--overlap", "8", "--batch-size", "2", "--fail-fast"]
    expected = "(['a'], ['b'], 'tiff', '-x', True, True, True, '128', 8, 2, True)"
    assert _probe(*words) == (0, expected)
    assert _probe() == (0, "(None, None, None, None, False, False, False, 'auto', None, 1, False)")


@pytest.mark.parametrize("words", [("-t", "0"), ("-t", "big"), ("--overlap", "-1")])
def test_values_that_are_refused(words: tuple[str, str]) -> None:
    assert _probe(*words)[0] == 2


def test_every_option_has_help() -> None:
    options = [v for v in vars(batch_options).values() if typing.get_origin(v) is typing.Annotated]
    assert len(options) == 18
    for option in options:
        assert option.__metadata__[0].help.endswith(".")


def test_inputs_must_be_given_and_modes_not_contradict() -> None:
    check_inputs(["a"], skip=True, overwrite=False, example="x")
    with pytest.raises(RestoreError, match="no input"):
        check_inputs([], skip=False, overwrite=False, example="x")
    with pytest.raises(RestoreError, match="exclude each other"):
        check_inputs(["a"], skip=True, overwrite=True, example="x")


def test_tiles() -> None:
    assert [tile_size(tile) for tile in ("auto", "none", "64")] == ["auto", "none", 64]


def _pages(folder: Path) -> np.ndarray:
    pages = np.random.default_rng(0).integers(0, 256, (3, 12, 16, 3), np.uint8)
    tifffile.imwrite(folder / "a.tif", pages, photometric="rgb")
    return pages


@pytest.mark.parametrize("number", [1, 3])
def test_one_page_of_a_tiff_becomes_a_picture(tmp_path: Path, tiny_model: str, number: int) -> None:
    pages, output = _pages(tmp_path), tmp_path / "out.png"
    words = ["infer", str(tmp_path / "a.tif"), "--model", tiny_model, "--strength", "0", "-q"]
    assert main([*words, "--page", str(number), "-o", str(output)]) == 0
    with Image.open(output) as image:
        np.testing.assert_array_equal(np.asarray(image), pages[number - 1])


def test_pages_without_a_number_need_a_tiff_and_the_error_says_so(
    tmp_path: Path, tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = _pages(tmp_path)
    words = ["infer", str(tmp_path / "a.tif"), "--model", tiny_model, "--strength", "0"]
    assert main([*words, "-o", str(tmp_path / "out.png")]) == 1
    told = capsys.readouterr().err
    assert "holds 3 pages" in told
    assert "--page" in told
    assert main([*words, "-o", str(tmp_path / "out.tif")]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), pages)


@pytest.mark.parametrize(("number", "code"), [("4", 1), ("0", 2), ("one", 2)])
def test_a_page_that_is_not_there_is_named(
    tmp_path: Path,
    tiny_model: str,
    capsys: pytest.CaptureFixture[str],
    number: str,
    code: int,
) -> None:
    _pages(tmp_path)
    words = ["infer", str(tmp_path / "a.tif"), "--model", tiny_model, "--page", number]
    assert main([*words, "-o", str(tmp_path / "out.png")]) == code
    told = capsys.readouterr().err
    assert "page" in told
    assert "damaged" not in told
    assert not (tmp_path / "out.png").exists()
