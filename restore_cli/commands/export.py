"""`restore models export`: a model for other runtimes."""

from pathlib import Path
from typing import Annotated

import typer

from restore_cli.commands.console import Console
from restore_cli.commands.options import Json, Quiet, Traceback
from restore_cli.commands.outputs import check_outputs, output_path
from restore_cli.errors import RestoreError


def export_model(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A shipped model, a model folder, or a file.")
    ],
    *,
    onnx: Annotated[
        Path | None,
        typer.Option("--onnx", metavar="FILE", parser=output_path, help="Write an ONNX file."),
    ] = None,
    openvino: Annotated[
        Path | None,
        typer.Option(
            "--openvino",
            metavar="DIR",
            parser=output_path,
            help="Write model.xml and model.bin there.",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Write a model for ONNX Runtime or OpenVINO, for any picture size.

    Compared with torch before it is written. Input `image` is (B, 3, H, W) in 0..1, its sides
    multiples of what the metadata say; `level`, where the model takes one, is NaN if unknown.
    """
    if onnx is not None and onnx.is_file() and onnx.suffix.lower() != ".onnx":
        raise RestoreError(
            f"--onnx {onnx}: there is a file of that name, which is no .onnx",
            hint="name another file to write: older exports are replaced, nothing else",
        )
    if onnx is None and openvino is None:
        raise RestoreError(
            "neither --onnx nor --openvino is given", hint="say what to write: --onnx model.onnx"
        )
    from restore_cli.models import portable, zoo

    console = Console(quiet=quiet, json=json)
    model = zoo.load(name)
    check_outputs([onnx], [file for file in model.folder.iterdir() if file.is_file()])
    for path, write in ((onnx, portable.export_onnx), (openvino, portable.export_openvino)):
        if path is not None:
            write(model, path)
            console.emit({"model": model.name, "output": path, "status": "done"})
            console.say(f"done     {model.name} -> {path}")
    console.emit({"event": "summary", "models": 1, "failed": 0})
