"""Options of the transport: spellings, and what is refused."""

import pytest
import typer
from typer.testing import CliRunner

from restore_cli.commands.ot_options import Alpha, Decoding, MovedVae, Vae, shrinkage_of
from restore_cli.errors import RestoreError


def _probe(*words: str, moved: bool = False) -> tuple[int, str]:
    app = typer.Typer()

    @app.command()
    def probe(*, alpha: Alpha = 0.0, vae: Vae = "small", decoding: Decoding = "residual") -> None:
        typer.echo(f"{alpha} {vae} {decoding}")

    other = typer.Typer()

    @other.command()
    def probe_moved(*, vae: MovedVae = None) -> None:
        typer.echo(str(vae))

    result = CliRunner().invoke(other if moved else app, list(words))
    return result.exit_code, result.output.strip()


def test_spellings_and_defaults() -> None:
    assert _probe() == (0, "0.0 small residual")
    words = ("--alpha", "-0.5", "--vae", "identity", "--decoding", "plain")
    assert _probe(*words) == (0, "-0.5 identity plain")
    assert _probe(moved=True) == (0, "None")
    assert _probe("--vae", "folder", moved=True) == (0, "folder")


@pytest.mark.parametrize("words", [("--alpha", "half"), ("--decoding", "both")])
def test_values_that_are_refused(words: tuple[str, str]) -> None:
    assert _probe(*words)[0] == 2


def test_every_option_has_help() -> None:
    for option in (Alpha, Vae, MovedVae, Decoding):
        assert option.__metadata__[0].help.endswith(".")


def test_shrinkage_is_auto_or_a_share() -> None:
    assert shrinkage_of("auto") is None
    assert shrinkage_of("0.25") == 0.25
    for wrong in ("-0.1", "1.01", "nan", "half"):
        with pytest.raises(RestoreError, match="--shrinkage"):
            shrinkage_of(wrong)
