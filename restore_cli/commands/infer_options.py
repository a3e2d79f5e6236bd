"""Options that only `restore infer` has, and what they mean."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from restore_cli.commands.options import OUTPUT, QUALITY, SPEED, WHAT, WHERE
from restore_cli.errors import RestoreError, meant
from restore_cli.models.shipped import TASKS
from restore_cli.numerals import number

Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        metavar="TASK[,TASK...]",
        rich_help_panel=WHAT,
        help="What to remove or mend: denoise, derain, dehaze, deblur, lowlight, dejpeg, or "
        "auto, which looks at each picture and mends what it sees. Several are applied in the "
        "order given, in one pass.",
    ),
]

ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-n",
        metavar="NAME|FOLDER|FILE",
        rich_help_panel=WHAT,
        help="Model to use instead of the task's own; without --task, its task counts.",
    ),
]

Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        rich_help_panel=WHERE,
        help="A folder, a file for a single input, or - for standard output. Without it: "
        "`img-TASK/` beside the folder `img/`, and `photo-TASK.png` beside the file `photo.jpg`.",
    ),
]

FilesFrom = Annotated[
    str | None,
    typer.Option(
        "--files-from",
        metavar="FILE|-",
        rich_help_panel=WHERE,
        help="Read further inputs from a file, or from standard input, one a line.",
    ),
]

Null = Annotated[
    bool,
    typer.Option(
        "--null",
        "-0",
        rich_help_panel=WHERE,
        help="Names of --files-from end with a NUL, as `find -print0` writes them.",
    ),
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        rich_help_panel=WHERE,
        help="Write nothing: say what would be read, written and skipped, how long it would take "
        "and how much memory.",
    ),
]

Watch = Annotated[
    Path | None,
    typer.Option(
        "--watch",
        metavar="DIR",
        rich_help_panel=WHERE,
        help="Restore what lies in this folder and whatever arrives there, until Ctrl-C.",
    ),
]

Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="auto|ADDRESS",
        rich_help_panel=SPEED,
        help="Compute on the machines of a Ray cluster that share these files (needs the extra "
        "[cluster]); auto takes the one that runs here, or the cores of this machine.",
    ),
]

Strength = Annotated[
    float,
    typer.Option(
        "--strength",
        metavar="0..1",
        min=0.0,
        max=1.0,
        rich_help_panel=QUALITY,
        help="0 is the input, 1 the model's result.",
    ),
]

Sigma = Annotated[
    float | None,
    typer.Option(
        "--sigma",
        metavar="0..255",
        min=0.0,
        max=255.0,
        rich_help_panel=QUALITY,
        help="Noise level, if known, as a standard deviation on the 0..255 scale; only for "
        "models that take one. Without it the model judges by itself.",
    ),
]

Level = Annotated[
    str,
    typer.Option(
        "--level",
        metavar="auto|N",
        rich_help_panel=QUALITY,
        help="How much of the degradation there is: noise 0..255, rain and haze 0..1, missing "
        "light in stops, blur in px; only for models that take one. 0 gives the picture back, "
        "whatever the task (dejpeg takes no other); auto lets the model judge.",
    ),
]

Tta = Annotated[
    bool,
    typer.Option(
        "--tta",
        rich_help_panel=QUALITY,
        help="Average over flips and turns: better, eight times slower.",
    ),
]

OtCorrect = Annotated[
    Path | None,
    typer.Option(
        "--ot-correct",
        metavar="FILE",
        rich_help_panel=QUALITY,
        help="Correct the results by what `restore ot-correct fit` wrote, in the same pass.",
    ),
]

OtAlpha = Annotated[
    float | None,
    typer.Option(
        "--alpha",
        metavar="A",
        rich_help_panel=QUALITY,
        help="With --ot-correct: 0 (the default) is the full correction, 1 none.",
    ),
]

Compare = Annotated[
    bool,
    typer.Option(
        "--compare",
        rich_help_panel=OUTPUT,
        help="Write NAME-compare.jpg beside each output: before and after, side by side.",
    ),
]

Sheet = Annotated[
    Path | None,
    typer.Option(
        "--sheet",
        metavar="FILE.jpg|.png|.html",
        rich_help_panel=OUTPUT,
        help="Write one sheet with all pictures before and after.",
    ),
]


def parse_tasks(given: Sequence[str] | None) -> tuple[str, ...]:
    """The tasks of `--task a,b --task c` in their order; empty where none is given.

    Raises:
        RestoreError: a task that there is not, or `auto` beside others.
    """
    tasks = tuple(name.strip() for text in given or () for name in text.split(",") if name.strip())
    for name in tasks:
        if name not in TASKS:
            raise RestoreError(
                f"Invalid value for '--task': {name!r} is not a task",
                hint=f"{meant(name, TASKS)}tasks are {', '.join(TASKS)}",
            )
    if "auto" in tasks and len(tasks) > 1:
        raise RestoreError(
            "--task auto chooses by itself and stands alone", hint="leave the other tasks out"
        )
    return tasks


def parse_level(level: str, sigma: float | None) -> float | None:
    """The level that --level or --sigma tells; None to let the model judge.

    Raises:
        RestoreError: both are given, or --level is neither auto nor a number.
    """
    if level == "auto":
        return sigma
    if sigma is not None:
        raise RestoreError("--sigma and --level say the same: give one of them")
    try:
        return number(level)
    except ValueError:
        raise RestoreError(
            f"--level {level!r} is neither auto nor a number", hint="for example --level 0.5"
        ) from None
