"""The shared options: spellings that scripts rely on, and what they refuse."""

import inspect
import typing

import pytest
import typer
import typer.main
from typer.testing import CliRunner

from restore_cli.commands import options
from restore_cli.commands.options import (
    Backend,
    Device,
    Json,
    Precision,
    Quiet,
    Seed,
    Traceback,
    Workers,
)


def _app() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def probe(
        backend: Backend = "auto",
        device: Device = "auto",
        precision: Precision = "auto",
        seed: Seed = 0,
        workers: Workers = 3,
        json: Json = False,
        quiet: Quiet = False,
        traceback: Traceback = False,
    ) -> None:
        typer.echo(f"{device} {precision} {seed} {workers} {json} {quiet} {traceback}")

    return app


def _probe(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(_app(), list(arguments))
    return result.exit_code, result.output.strip()


def test_defaults() -> None:
    assert _probe() == (0, "auto auto 0 3 False False False")


def test_spellings() -> None:
    words = ["--device", "cpu", "--precision", "bf16", "--seed", "7", "--workers", "5"]
    words += ["--json", "--quiet", "--traceback"]
    assert _probe(*words) == (0, "cpu bf16 7 5 True True True")
    assert _probe("-q", "-j", "1") == (0, "auto auto 0 1 False True False")


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:11", "cuda:all", "mps"])
def test_devices_that_are_understood(device: str) -> None:
    assert _probe("--device", device)[1].split()[0] == device


@pytest.mark.parametrize("device", ["", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "mps:0"])
def test_devices_that_are_refused(device: str) -> None:
    code, output = _probe("--device", device)
    assert code == 2
    assert "cuda:N" in output


@pytest.mark.parametrize(
    "arguments",
    [
        *(("--seed", "-1"), ("--seed", "x"), ("--precision", "int8"), ("--sneed", "1")),
        *(("-j", "0"), ("-j", "100000")),
    ],
)
def test_values_that_are_refused(arguments: tuple[str, str]) -> None:
    assert _probe(*arguments)[0] == 2


def test_every_shared_option_is_probed_here_and_has_help() -> None:
    shared = {
        name.lower()
        for name, value in inspect.getmembers(options)
        if typing.get_origin(value) is typing.Annotated
    }
    declared = {parameter.name: parameter for parameter in typer.main.get_command(_app()).params}
    assert shared == declared.keys() - {"help"} - {"install_completion", "show_completion"}
    for name in shared:
        assert f"--{name}" in declared[name].opts
        assert str(getattr(declared[name], "help", "")).endswith(".")
