"""Options of batch commands: what they refuse, and what they mean."""

import typing

import pytest
import typer
from typer.testing import CliRunner

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
    assert len(options) == 17
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
