"""Options of the commands that turn many files into many files, and what they mean."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from restore_cli.commands.options import MESSAGES, OUTPUT, SPEED, WHERE
from restore_cli.errors import RestoreError


def _check_tile(value: str) -> str:
    if value not in ("auto", "none") and not re.fullmatch(r"0*[1-9]\d{0,8}", value, re.ASCII):
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
    typer.Option(
        "--input",
        "-i",
        rich_help_panel=WHERE,
        metavar="INPUT",
        help="One more input, as an option; may be repeated.",
    ),
]

Format = Annotated[
    Literal[
        "png",
        "jpg",
        "webp",
        "tiff",
        "bmp",
        "avif",
        "heic",
        "jxl",
        "exr",
        "hdr",
        "pfm",
        "ppm",
        "pam",
        "tga",
        "qoi",
        "same",
    ]
    | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        rich_help_panel=OUTPUT,
        help="What to write: png, jpg, webp, tiff, bmp, avif, heic, jxl, exr, hdr, pfm, ppm, pam, "
        "tga, qoi, or same, which is the input's; png if nothing else says.",
    ),
]

Quality = Annotated[
    int | None,
    typer.Option(
        "--quality",
        rich_help_panel=OUTPUT,
        min=1,
        max=100,
        metavar="N",
        help="For files with loss; unset: 95, or the input's own if the format is the same.",
    ),
]

Lossless = Annotated[
    bool,
    typer.Option(
        "--lossless",
        rich_help_panel=OUTPUT,
        help="Without loss: WebP, AVIF, HEIC and JPEG XL.",
    ),
]

ColorSampling = Annotated[
    Literal["4:4:4", "4:2:2", "4:2:0"] | None,
    typer.Option(
        "--subsampling",
        rich_help_panel=OUTPUT,
        help="Resolution of colour in JPEG, AVIF and HEIC.",
    ),
]

Effort = Annotated[
    int | None,
    typer.Option(
        "--effort",
        rich_help_panel=OUTPUT,
        min=1,
        max=9,
        metavar="N",
        help="1 writes fast, 9 small files.",
    ),
]

Sandboxed = Annotated[
    Literal["auto", "on", "off"],
    typer.Option(
        "--sandbox",
        rich_help_panel=SPEED,
        help="Decode pictures in a process of their own, which can open no file and no connection.",
    ),
]

PreserveTimes = Annotated[
    bool,
    typer.Option(
        "--preserve-times",
        rich_help_panel=OUTPUT,
        help="Give outputs their inputs' dates.",
    ),
]

Page = Annotated[
    int | None,
    typer.Option(
        "--page",
        rich_help_panel=WHERE,
        min=1,
        metavar="N",
        help="Take one page of a TIFF; unset: all, into one TIFF.",
    ),
]

Suffix = Annotated[
    str | None,
    typer.Option(
        "--suffix",
        rich_help_panel=WHERE,
        metavar="TEXT",
        help="Text to add to each name, before its ending.",
    ),
]

Recursive = Annotated[
    bool,
    typer.Option(
        "--recursive",
        "-r",
        rich_help_panel=WHERE,
        help="Walk into subfolders and mirror the tree.",
    ),
]

SkipExisting = Annotated[
    bool,
    typer.Option(
        "--skip-existing",
        rich_help_panel=WHERE,
        help="Leave outputs that this input, model and options made; redo the others.",
    ),
]

Overwrite = Annotated[
    bool, typer.Option("--overwrite", rich_help_panel=WHERE, help="Replace outputs that exist.")
]

Tile = Annotated[
    str,
    typer.Option(
        "--tile",
        "-t",
        rich_help_panel=SPEED,
        metavar="auto|none|N",
        callback=_check_tile,
        help="Compute in tiles of N px; auto chooses from free memory; none is whole.",
    ),
]

Overlap = Annotated[
    int | None,
    typer.Option(
        "--overlap",
        rich_help_panel=SPEED,
        min=0,
        metavar="N",
        help="Pixels that tiles share; unset: the model's own.",
    ),
]

BatchSize = Annotated[
    int,
    typer.Option(
        "--batch-size",
        rich_help_panel=SPEED,
        min=1,
        metavar="N",
        help="Tiles computed at once.",
    ),
]

FailFast = Annotated[
    bool,
    typer.Option(
        "--fail-fast", rich_help_panel=MESSAGES, help="Stop at the first input that fails."
    ),
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


def existing_of(skip: bool, overwrite: bool) -> Literal["error", "skip", "overwrite"]:
    """What `--skip-existing` and `--overwrite` say of outputs that are there."""
    return "skip" if skip else "overwrite" if overwrite else "error"


def tile_size(tile: str) -> int | Literal["auto", "none"]:
    """What `--tile` means."""
    if tile.isdecimal():
        return int(tile)
    return "none" if tile == "none" else "auto"
