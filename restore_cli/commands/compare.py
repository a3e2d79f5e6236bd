"""`restore compare PICTURE`: what every model makes of one picture, on one sheet."""

import time
from pathlib import Path
from typing import Annotated

import typer

from restore_cli.commands.console import Console
from restore_cli.commands.options import Backend, Device, Json, Precision, Quiet, Traceback
from restore_cli.commands.outputs import check_outputs
from restore_cli.errors import RestoreError
from restore_cli.images.drawn_sheet import MODELS


def compare(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="The picture to restore.")],
    *,
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            metavar="NAME,NAME...",
            help="Models, folders or files to compare; unset: all that are shipped.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE.jpg|.png",
            help="The sheet; unset: PICTURE-models.jpg beside the picture.",
        ),
    ] = None,
    side: Annotated[
        int,
        typer.Option("--side", min=64, metavar="N", help="Longest side of each picture, px."),
    ] = 640,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a sheet that exists.")
    ] = False,
    device: Device = "auto",
    precision: Precision = "auto",
    backend: Backend = "auto",
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Restore one picture with every model and draw one sheet of it."""
    target = output or picture.with_name(f"{picture.stem}{MODELS}")
    if target.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise RestoreError(f"-o {target}: the sheet is a .jpg or a .png")
    check_outputs([target], [picture], overwrite=overwrite)

    from restore_cli.api.change import change, in_words
    from restore_cli.api.kinds import open_picture
    from restore_cli.commands.before_after import encoded
    from restore_cli.commands.restoring import How, prepare
    from restore_cli.images.atomic import write_atomically
    from restore_cli.images.sheet import Labelled, drawn, reduced
    from restore_cli.models import zoo

    console = Console(quiet=quiet, json=json)
    names = [name.strip() for name in (models or "").split(",") if name.strip()]
    names = names or [entry.name for entry in zoo.entries() if entry.name in zoo.TASKS]
    image = open_picture(picture).image.numpy()
    shown = [Labelled(reduced(image.transpose(1, 2, 0), side, side), "as it is")]
    how = How(device=device, precision=precision, backend=backend)
    rows: list[tuple[str, str, str]] = []
    for name in names:
        restoring = prepare(console, (), name, how)
        started = time.perf_counter()
        restored = restoring.restore(image)
        seconds = time.perf_counter() - started
        details = dict(restored.details)
        if restored.image.shape == image.shape:
            details["change"] = change(image, restored.image)
        said = in_words(details)
        console.emit({"input": picture, "model": name, "seconds": round(seconds, 4), **details})
        rows.append((name, f"{seconds:.2f} s", said))
        shown.append(
            Labelled(reduced(restored.image.transpose(1, 2, 0), side, side), f"{name}: {said}")
        )
    columns = 2 if len(shown) <= 4 else 3
    grid = [("", shown[first : first + columns]) for first in range(0, len(shown), columns)]
    grid[0] = (str(picture), grid[0][1])
    write_atomically(target, encoded(drawn(grid), target.suffix.lower()))
    console.emit({"event": "summary", "models": len(names), "output": target})
    console.table(["model", "time", "what it did"], rows)
    console.say(f"sheet: {target}")
