"""`restore models pull` and `push`: from the Hugging Face hub, and a folder made ready for it."""

from typing import Annotated

import typer

from restore_cli.commands.console import Console
from restore_cli.commands.options import Json, Quiet, Traceback
from restore_cli.commands.outputs import ModelFolder, ReplaceModel, check_folder
from restore_cli.errors import RestoreError


def pull_model(
    name: Annotated[
        str, typer.Argument(metavar="HUB_ID", help="OWNER/NAME on the Hugging Face hub.")
    ],
    *,
    output: ModelFolder,
    revision: Annotated[
        str,
        typer.Option(
            "--revision",
            metavar="COMMIT",
            help="Commit to take; a branch or tag is resolved to its commit, which is told.",
        ),
    ] = "main",
    file: Annotated[
        str,
        typer.Option("--file", metavar="NAME", help="Which .safetensors; unset: the only one."),
    ] = "",
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Go to the network; off otherwise.")
    ] = False,
    overwrite: ReplaceModel = False,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Fetch a model from the Hugging Face hub: safetensors only.

    One commit is fetched, and its hash written down; nothing that is fetched is run.
    """
    check_folder(output, overwrite=overwrite)
    if not allow_download:
        raise RestoreError(
            f"{name} is not on this machine, and nothing is downloaded unasked",
            hint="--allow-download fetches it from the Hugging Face hub",
        )
    from restore_cli.models.hub import pull

    console = Console(quiet=quiet, json=json)
    pulled = pull(name, output, revision=revision, file=file)
    record = {"model": name, "revision": pulled.revision, "file": pulled.file}
    console.emit({**record, "sha256": pulled.sha256, "output": output, "status": "done"})
    console.emit({"event": "summary", "models": 1, "failed": 0})
    console.say(f"done     {name} at {pulled.revision} -> {output}")
    if revision != pulled.revision:
        console.say(f"--revision {pulled.revision} fetches the same again")


def push_model(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A shipped model, a model folder, or a file.")
    ],
    *,
    output: ModelFolder,
    overwrite: ReplaceModel = False,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Prepare a folder for the Hugging Face hub; nothing is uploaded.

    Weights, recipe, hashes, and the card as README.md with the fields that the hub reads.
    """
    check_folder(output, overwrite=overwrite)
    from restore_cli.models.hub import prepare

    console = Console(quiet=quiet, json=json)
    files = prepare(name, output)
    console.emit({"model": name, "output": output, "files": files, "status": "done"})
    console.emit({"event": "summary", "models": 1, "failed": 0})
    console.say(f"done     {name} -> {output}: {', '.join(files)}")
    console.say(f"nothing was uploaded; `hf upload OWNER/NAME {output}` does that")
