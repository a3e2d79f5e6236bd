"""`restore models convert`: somebody's checkpoint as a model folder."""

from pathlib import Path
from typing import Annotated

import typer

from restore_cli.commands.console import Console
from restore_cli.commands.options import Json, Quiet, Traceback
from restore_cli.commands.outputs import ModelFolder, ReplaceModel, check_apart, check_folder
from restore_cli.errors import RestoreError


def convert_model(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="The checkpoint.")],
    *,
    output: ModelFolder,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the model; unset: the file's.")
    ] = "",
    task: Annotated[
        str, typer.Option("--task", metavar="NAME", help="What it is for; unset: its name.")
    ] = "",
    licence: Annotated[
        str,
        typer.Option("--licence", metavar="TEXT", help="As its author says it; unset: unknown."),
    ] = "",
    overwrite: ReplaceModel = False,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Make a model folder of somebody's checkpoint.

    Networks of this program get a recipe to fine-tune from, in fp16. Others become safetensors
    with what is known of them, their tensors as they are.
    """
    check_folder(output, overwrite=overwrite)
    from restore_cli.models.conversion import convert
    from restore_cli.models.entries import CARD, RECIPE, WEIGHTS

    check_apart([output / name for name in (WEIGHTS, CARD, RECIPE)], [source])

    if not source.is_file():
        raise RestoreError(f"{source}: there is no such file", hint="name a file of weights")
    console = Console(quiet=quiet, json=json)
    model = convert(source, output, name=name, task=task, licence=licence)
    known = {"architecture": model.architecture, "scale": model.network.info.scale}
    console.emit({"input": source, "output": output, "status": "done", **known})
    console.emit({"event": "summary", "models": 1, "failed": 0})
    console.say(f"done     {source} -> {output} ({model.architecture})")
