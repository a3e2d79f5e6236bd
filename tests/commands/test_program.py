"""What every command has, and how its help is laid out."""

import re
import subprocess
import sys
from typing import Annotated, Literal

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


def test_what_was_typed_or_left_out_arrives_as_it_was_declared() -> None:
    app, got = typer.Typer(rich_markup_mode=None), list[object]()

    def probe(
        inputs: Annotated[list[str] | None, typer.Argument()] = None,
        *,
        count: Annotated[int, typer.Option(min=1, max=9)] = 2,
        share: float = 0.5,
        kind: Literal["a", "b"] = "a",
        text: str | None = None,
        more: Annotated[list[str] | None, typer.Option("--more")] = None,
        json: Json = False,
    ) -> None:
        got.extend([inputs, count, share, kind, text, more, json])

    add(app, "probe", probe, "restore probe x")
    words = ["x", "y", "--count", "3", "--share", "1", "--kind", "b", "--text", "", "--more", "7"]
    done = CliRunner().invoke(app, [*words, "--more", "8", "--json"])
    assert (done.exit_code, got) == (0, [["x", "y"], 3, 1.0, "b", "", ["7", "8"], True])
    got.clear()
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0
    assert [one or None for one in got] == [None, 2, 0.5, "a", None, None, None]
    for wrong in (["--count", "0"], ["--count", "x"], ["--share", "no"], ["--kind", "c"]):
        assert CliRunner().invoke(app, wrong).exit_code == 2, wrong


@pytest.mark.parametrize(
    "words",
    [
        ["infer", "--task", "derain", "missing.jpg"],
        ["infer", "a.jpg", "b.jpg", "--task", "denoise,derain", "-o", "x", "--json", "--quiet"],
        ["models", "list"],
        ["isp", "missing.dng"],
    ],
)
def test_plain_options_need_no_pydantic(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from restore_cli.__main__ import main\n"
        "main(sys.argv[1:])\n"
        "sys.exit('pydantic' in sys.modules)"
    )
    command = [sys.executable, "-c", code, *words]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
