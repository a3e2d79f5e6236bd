"""`restore train`: a recipe in, a model folder out."""

import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore_cli.commands.console import Console
from restore_cli.commands.options import (
    OUTPUT,
    QUALITY,
    SPEED,
    WHAT,
    WHERE,
    Device,
    Json,
    Quiet,
    Traceback,
)
from restore_cli.commands.outputs import output_path
from restore_cli.commands.train_output import summarise, tell, tell_check, tell_start
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from restore_cli.recipe import Recipe
    from restore_cli.training.loop import Trained
    from restore_cli.training.meter import Progress, Start


def train(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="RECIPE.toml", help="The recipe to train.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            rich_help_panel=WHAT,
            metavar="SECTION.KEY=VALUE",
            help="Change the recipe; may be repeated.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            rich_help_panel=WHERE,
            metavar="PATH",
            parser=output_path,
            help="Run folder (default: runs/NAME), or with --init the recipe file to write.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume",
            rich_help_panel=WHERE,
            help="Go on from the run folder's checkpoint, or refuse to touch such a folder.",
        ),
    ] = True,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            rich_help_panel=WHERE,
            metavar="PATH",
            parser=output_path,
            help="Write the trained model folder here, and, where validation found an earlier state"
            " better, that one beside it as DIR-best.",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", rich_help_panel=WHERE, help="Let --export replace another model."
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            rich_help_panel=WHAT,
            help="Read the data, try three steps, estimate time and memory, write a sheet of"
            " samples into the folder of -o (default: runs/NAME-check), and train nothing.",
        ),
    ] = False,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard",
            rich_help_panel=OUTPUT,
            help="Also log for TensorBoard (needs the extra [tensorboard]).",
        ),
    ] = False,
    time: Annotated[
        str | None,
        typer.Option(
            "--for",
            rich_help_panel=SPEED,
            metavar="DURATION",
            help="Train by the clock, for example 9m or 2h30m, from the start of this command to"
            " the exported model; later runs in the same folder go on from there.",
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            "--init",
            rich_help_panel=WHAT,
            metavar="TASK|OBJECTIVE",
            help="Write a commented recipe to start from, and train nothing.",
        ),
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        typer.Option(
            "--precision",
            rich_help_panel=SPEED,
            help="Short for --set optim.precision=...; auto is the recipe's own.",
        ),
    ] = "auto",
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            rich_help_panel=QUALITY,
            min=0,
            max=2**31 - 1,
            metavar="N",
            help="Short for --set optim.seed=N.",
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
    from restore_cli.models.destination import check_destination
    from restore_cli.recipe import Recipe
    from restore_cli.training import lock, loop
    from restore_cli.training.runs import Run
    from restore_cli.training.schedule import duration

    loaded = Recipe.load(recipe, [*(settings or []), *_short_for(precision, seed)])
    _note_old_forms(console, recipe, loaded)
    seconds = None if time is None else duration(time)
    if device != "auto":
        choose_device(device)  # an error before anything is written
    if check:
        _check(console, loaded, output, device)
        return
    folder = output or Path("runs") / loaded.model.name
    if export is not None:
        check_destination(export, loaded, sources=[recipe], overwrite=overwrite)
    with lock.held(folder) if main_process else nullcontext(), console.progress() as bar:
        run = Run(folder, loaded, resume=resume)
        task = bar.add_task(loaded.model.name, total=loaded.optim.steps)
        told: set[str] = set()

        def tell_problems() -> None:
            for name, problem in run.problems.items():
                if name not in told:
                    console.warn(f"{problem}; training goes on")
                    told.add(name)

        def report(progress: "Progress") -> None:
            bar.update(task, completed=progress.step, total=progress.steps)
            tell(console, progress)
            tell_problems()

        def begin(start: "Start") -> None:
            tell_start(console, start)

        trained = loop.train(
            loaded,
            run,
            device=device,
            seconds=seconds,
            report=report,
            on_start=begin,
            tensorboard=tensorboard,
        )
        tell_problems()
        best = _export(export, trained) if export is not None and main_process else None
    summarise(console, run.folder, export, best, trained)


def _short_for(precision: str, seed: int | None) -> list[str]:
    """What --precision and --seed change in the recipe."""
    changes = [f"optim.precision={precision}"] if precision != "auto" else []
    return changes if seed is None else [*changes, f"optim.seed={seed}"]


def _note_old_forms(console: Console, path: Path, recipe: "Recipe") -> None:
    """Say what the recipe writes as 0.1 did; it means the same as before."""
    from restore_cli.recipe import Recipe
    from restore_cli.recipe.old_degradations import old_steps

    for form in [*Recipe.old_forms(path), *old_steps(recipe.data)]:
        console.say(f"note: {path}: {form}")


def _check(console: Console, recipe: "Recipe", output: Path | None, device: str) -> None:
    from restore_cli.training.check import check

    folder = output or Path("runs") / f"{recipe.model.name}-check"
    tell_check(console, check(recipe, folder, device=device))


def _export(folder: Path, trained: "Trained") -> Path | None:
    """Write the last model, and the best where that is another; returns where the best lies."""
    from restore_cli.models import zoo
    from restore_cli.training.card import write_card

    zoo.export(folder, trained.network, trained.recipe, write_card(trained))
    best = trained.best
    if best is None or best.step == trained.steps:
        return None
    trained.network.load_state_dict(best.weights)
    place = folder.with_name(f"{folder.name}-best")
    measured = replace(trained, steps=best.step, validation_psnr=best.psnr)
    zoo.export(place, trained.network, trained.recipe, write_card(measured))
    return place


def _write_recipe(console: Console, what: str, output: Path | None, recipe: Path | None) -> None:
    from restore_cli.training.templates import template

    text = template(what)  # what is not there is told before where it would go
    if output is None or recipe is not None:
        raise RestoreError(
            "--init writes a new recipe: say where with -o and give no other recipe",
            hint=f"restore train --init {what} -o recipe.toml",
        )
    from restore_cli.images.atomic import write_atomically

    if os.path.lexists(output):
        raise RestoreError(f"{output} exists already", hint="give another name with -o")
    write_atomically(output, text.encode())
    console.say(f"wrote {output}; train it with `restore train {output}`")
