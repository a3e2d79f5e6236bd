"""`restore train`: a recipe in, a model folder out."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore_cli.commands.console import Console
from restore_cli.commands.options import Device, Json, Quiet, Traceback
from restore_cli.commands.outputs import output_path
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from restore_cli.training.loop import Trained
    from restore_cli.training.meter import Progress


def train(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="RECIPE.toml", help="The recipe to train.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="SECTION.KEY=VALUE", help="Change the recipe; may be repeated."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            parser=output_path,
            help="Run folder (default: runs/NAME), or with --init the recipe file to write.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume",
            help="Go on from the run folder's checkpoint, or refuse to touch such a folder.",
        ),
    ] = True,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="PATH",
            parser=output_path,
            help="Write the trained model folder here.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Let --export replace another model.")
    ] = False,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Also log for TensorBoard (needs the extra [tensorboard])."
        ),
    ] = False,
    time: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="DURATION",
            help="Train by the clock, for example 9m or 2h30m, from the start of this command to"
            " the exported model; later runs in the same folder go on from there.",
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            "--init",
            metavar="TASK|OBJECTIVE",
            help="Write a commented recipe to start from, and train nothing.",
        ),
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        typer.Option(
            "--precision", help="Short for --set optim.precision=...; auto is the recipe's own."
        ),
    ] = "auto",
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", min=0, max=2**31 - 1, metavar="N", help="Short for --set optim.seed=N."
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    r"""Train a model from a recipe, or write a recipe to start from.

    A run that was interrupted goes on where it stopped, bit for bit. Several processes:
    `torchrun --nproc-per-node N -m restore_cli train RECIPE.toml`.
    """
    # Of several processes that torchrun or accelerate started, the first speaks and exports.
    main_process = os.environ.get("RANK", "0") == "0"
    console = Console(quiet=quiet or not main_process, json=json and main_process)
    if init is not None:
        _write_recipe(console, init, output, recipe)
        return
    if recipe is None:
        raise RestoreError(
            "no recipe given", hint="`restore train --init denoise -o recipe.toml` writes one"
        )

    from restore_cli.engine.device import choose_device
    from restore_cli.models import zoo
    from restore_cli.models.destination import check_destination
    from restore_cli.recipe import Recipe
    from restore_cli.training import lock, loop
    from restore_cli.training.card import write_card
    from restore_cli.training.runs import Run
    from restore_cli.training.schedule import duration

    changes = list(settings or [])
    if precision != "auto":
        changes.append(f"optim.precision={precision}")
    if seed is not None:
        changes.append(f"optim.seed={seed}")
    loaded = Recipe.load(recipe, changes)
    seconds = None if time is None else duration(time)
    if device != "auto":
        choose_device(device)  # an error before anything is written
    folder = output or Path("runs") / loaded.model.name
    if export is not None:
        check_destination(export, loaded, sources=[recipe], overwrite=overwrite)
    with lock.held(folder) if main_process else nullcontext(), console.progress() as bar:
        run = Run(folder, loaded, resume=resume)
        task = bar.add_task(loaded.model.name, total=loaded.optim.steps)
        told: set[str] = set()

        def report(progress: "Progress") -> None:
            bar.update(task, completed=progress.step, total=progress.steps)
            _tell(console, progress)
            for name, problem in run.problems.items():
                if name not in told:
                    console.warn(f"{problem}; training goes on")
                    told.add(name)

        trained = loop.train(
            loaded,
            run,
            device=device,
            seconds=seconds,
            report=report,
            tensorboard=tensorboard,
        )
        if export is not None and main_process:
            zoo.export(export, trained.network, trained.recipe, write_card(trained))
    _summarise(console, run.folder, export, trained)


def _tell(console: Console, progress: "Progress") -> None:
    measured = progress.validation_psnr
    console.emit(
        {
            "event": "progress",
            "step": progress.step,
            "loss": progress.loss,
            "learning_rate": progress.learning_rate,
            "images_per_second": progress.images_per_second,
            "validation_psnr": measured,
            "skipped": progress.skipped,
        }
    )
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    console.say(
        f"step {progress.step}/{progress.steps}  loss {progress.loss:.5f}"
        f"  lr {progress.learning_rate:.2e}  {progress.images_per_second:.1f} images/s"
        f"  {minutes}:{seconds:02d} left"
        + (f"  validation {measured:.2f} dB" if measured is not None else "")
        + (f"  {progress.skipped} steps left out" if progress.skipped else "")
    )


def _summarise(console: Console, folder: Path, export: Path | None, trained: "Trained") -> None:
    console.emit(
        {
            "event": "summary",
            "run": folder,
            "model": export,
            "steps": trained.steps,
            "seconds": round(trained.seconds, 1),
            "validation_psnr": trained.validation_psnr,
            "input_psnr": trained.input_psnr,
            "skipped": trained.skipped,
            "hardware": trained.hardware,
        }
    )
    console.say(
        f"trained {trained.steps} steps: {folder}"
        + (f"; model folder: {export}" if export is not None else "")
    )


def _write_recipe(console: Console, what: str, output: Path | None, recipe: Path | None) -> None:
    if output is None or recipe is not None:
        raise RestoreError(
            "--init writes a new recipe: say where with -o and give no other recipe",
            hint=f"restore train --init {what} -o recipe.toml",
        )
    from restore_cli.images.atomic import write_atomically
    from restore_cli.training.templates import template

    text = template(what)
    if os.path.lexists(output):
        raise RestoreError(f"{output} exists already", hint="give another name with -o")
    write_atomically(output, text.encode())
    console.say(f"wrote {output}; train it with `restore train {output}`")
