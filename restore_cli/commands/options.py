"""Options that several commands share, each spelled and explained once.

A command writes `device: Device = "auto"` in its signature. Short spellings are kept to those
that users of such tools know.
"""

import os
import re
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from restore_cli.errors import RestoreError

DEVICES = "auto|cpu|cuda|cuda:N|mps"


def _check_device(value: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", value):
        raise typer.BadParameter(f"{value!r} is not one of {DEVICES}")
    return value


Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar=DEVICES,
        callback=_check_device,
        help="Where to compute; auto takes the fastest device that is there.",
    ),
]

Precision = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"],
    typer.Option(
        "--precision",
        help="Number format of the computation; auto is fp32 on a CPU and a half format on a GPU.",
    ),
]


def _check_tile(value: str) -> str:
    if value not in ("auto", "none") and not (value.isdecimal() and int(value) > 0):
        raise typer.BadParameter(f"{value!r} is not one of auto, none, or a number of pixels")
    return value


Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT...",
        help="Files, folders, and quoted patterns such as 'img/**/*.jpg', in any mix.",
        show_default=False,
    ),
]

MoreInputs = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="INPUT", help="The same; may be repeated."),
]

Suffix = Annotated[
    str | None,
    typer.Option("--suffix", metavar="TEXT", help="Text to add to each name, before its ending."),
]

Recursive = Annotated[
    bool,
    typer.Option("--recursive", "-r", help="Walk into subfolders and mirror the tree."),
]

SkipExisting = Annotated[
    bool,
    typer.Option(
        "--skip-existing",
        help="Leave outputs that this input, model and options made; redo the others.",
    ),
]

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]

Tile = Annotated[
    str,
    typer.Option(
        "--tile",
        "-t",
        metavar="auto|none|N",
        callback=_check_tile,
        help="Compute in tiles of N px; auto chooses from free memory; none is whole.",
    ),
]

Overlap = Annotated[
    int | None,
    typer.Option(
        "--overlap",
        min=0,
        metavar="N",
        help="Pixels that tiles share; unset: the model's own.",
    ),
]

BatchSize = Annotated[
    int, typer.Option("--batch-size", min=1, metavar="N", help="Tiles computed at once.")
]

FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first input that fails.")]

WORKERS = min(4, os.cpu_count() or 1)

Workers = Annotated[
    int,
    typer.Option(
        "--workers", "-j", min=1, metavar="N", help="Threads that read, and as many that write."
    ),
]

Seed = Annotated[
    int,
    typer.Option("--seed", min=0, metavar="N", help="Seed of everything that is random."),
]

Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object per line on stdout, the summary last."),
]

Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print nothing for people: no progress, no messages."),
]

# Read by main() from the command line itself, because parsing may be what fails. It is declared
# so that the parser accepts it and the help shows it; commands ignore the value.
Traceback = Annotated[
    bool,
    typer.Option("--traceback", help="Show the full traceback of an error."),
]


def check_inputs(given: Sequence[str], skip: bool, overwrite: bool, *, example: str) -> None:
    """Refuse what can be refused before anything heavy is imported.

    Raises:
        RestoreError: no inputs, or `--skip-existing` with `--overwrite`.
    """
    if not given:
        raise RestoreError("no input given", hint=f"name files or folders: {example}")
    if skip and overwrite:
        raise RestoreError(
            "--skip-existing and --overwrite exclude each other",
            hint="--skip-existing already redoes outputs that are out of date",
        )


def tile_size(tile: str) -> int | Literal["auto", "none"]:
    """What `--tile` means."""
    if tile.isdecimal():
        return int(tile)
    return "none" if tile == "none" else "auto"


def shared_overlap(overlap: int | None, tile: str, usual: int) -> int:
    """What `--overlap` means: the number given, or the model's usual one.

    A small tile that the user chose must not be refused for an overlap that he did not.
    """
    if overlap is not None:
        return overlap
    return min(usual, int(tile) // 2) if tile.isdecimal() else usual
