"""What every command has, and how its help is laid out."""

import re

import pytest
import typer
from typer.testing import CliRunner

from restore_cli.commands import app as program
from restore_cli.commands.options import Device, Json
from restore_cli.commands.program import add, narrowed


def _app() -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None)

    def probe(name: str, own: bool = False, device: Device = "auto", json: Json = False) -> int:
        """Probe it."""
        typer.echo(f"{name} {own} {device}")
        return 0

    add(app, "probe", probe, "restore probe x")
    return app


def test_a_command_never_sees_what_all_have() -> None:
    done = CliRunner().invoke(_app(), ["x", "-v", "--no-config", "--device", "cpu"])
    assert (done.exit_code, done.output) == (0, "x False cpu\n")


def test_help_is_in_groups() -> None:
    text = CliRunner().invoke(_app(), ["--help"]).output
    order = [text.index(f"{group}:\n") for group in ("Arguments", "Options", "Speed", "Messages")]
    assert order == sorted(order)
    assert text.index("--own") < text.index("--device") < text.index("--json")
    assert text.index("--help") > text.index("Messages:")
    assert "restore probe x" in text
    assert "env var: RESTORE_PROBE" not in text


@pytest.mark.parametrize("command", ["infer", "isp", "eval", "train"])
def test_the_help_of_large_commands_is_all_in_groups_and_in_words(command: str) -> None:
    text = CliRunner().invoke(program, [command, "--help"]).output
    assert "\nOptions:" not in text
    assert "\nWhat:" in text
    assert not re.search(r"<[\w|.]+|list\[|[<>]=", text)


def test_of_the_program_only_what_is_called_is_built() -> None:
    one = narrowed(program, ["infer", "--task", "derain"])
    assert [each.name for each in one.registered_commands] == ["infer"]
    assert one.registered_groups == []
    assert one.registered_callback is program.registered_callback
    group = narrowed(program, ["models", "lst"])
    assert [each.name for each in group.registered_groups] == ["models"]
    for words in ([], ["--help"], ["infre"], ["--version", "infer"]):
        assert narrowed(program, words) is program
    assert len(program.registered_commands) > 3
