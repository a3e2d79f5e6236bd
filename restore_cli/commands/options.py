"""Options that several commands share, each spelled and explained once.

A command writes `device: Device = "auto"` in its signature. Short spellings are kept to those
that users of such tools know.
"""

import os
import re
from typing import Annotated, Literal

import typer

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

Alpha = Annotated[
    float,
    typer.Option(
        "--alpha",
        metavar="A",
        help="0 is the full correction, 1 leaves pictures as they are; others extrapolate.",
    ),
]

Vae = Annotated[
    str,
    typer.Option(
        "--vae",
        metavar="small|identity|DIR|HUB_ID",
        help="Whose latents to compare: the shipped autoencoder, plain pixels, a folder, or a "
        "Hugging Face hub id (the latter needs the extra [vae] for what diffusers saved).",
    ),
]

MovedVae = Annotated[
    str | None,
    typer.Option(
        "--vae",
        metavar="NAME|DIR|HUB_ID",
        help="Where the correction's autoencoder lies now, if it has moved.",
    ),
]

Decoding = Annotated[
    Literal["residual", "plain"],
    typer.Option(
        "--decoding",
        help="residual adds what the transport changes to the picture; plain decodes the "
        "transported latents, and loses what the autoencoder loses.",
    ),
]

Format = Annotated[
    Literal["png", "jpg", "webp", "tiff", "same"] | None,
    typer.Option("--format", help="What to write: same is the input's; png if nothing else says."),
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
