"""Options that several commands share, each spelled and explained once.

A command writes `device: Device = "auto"` in its signature. Short spellings are kept to those
that users of such tools know.
"""

import os
import re
from typing import Annotated, Literal

import typer

WHAT, WHERE, QUALITY, SPEED, GATE, OUTPUT, MESSAGES = (
    "What",
    "Where",
    "Quality",
    "Speed",
    "Gate",
    "Output",
    "Messages",
)
PANELS = (WHAT, WHERE, QUALITY, SPEED, GATE, OUTPUT, MESSAGES)
"""Groups of options in the help, in their order."""

DEVICES = "auto|cpu|cuda|cuda:N|cuda:all|mps"


def _check_device(value: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:([0-9]+|all))?|mps", value):
        raise typer.BadParameter(f"{value!r} is not one of {DEVICES}")
    return value


def devices_of(device: str) -> list[str]:
    """What --device names: each CUDA card for `cuda:all`. Raises RestoreError: there is none."""
    if device != "cuda:all":
        return [device]
    from restore_cli.engine.device import every_device

    return every_device(device)


Device = Annotated[
    str,
    typer.Option(
        "--device",
        rich_help_panel=SPEED,
        metavar=DEVICES,
        callback=_check_device,
        help="Where to compute; auto takes the fastest device that is there, and cuda:all shares "
        "pictures among all CUDA cards (infer, isp).",
    ),
]

Precision = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"],
    typer.Option(
        "--precision",
        rich_help_panel=SPEED,
        help="Number format; auto takes a half format where it is faster and gives the same.",
    ),
]

Backend = Annotated[
    Literal["auto", "torch", "openvino"],
    typer.Option(
        "--backend",
        rich_help_panel=SPEED,
        help="What computes; auto takes OpenVINO on a CPU where it is installed and agrees.",
    ),
]

WORKERS = min(4, os.cpu_count() or 1)

Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        "-j",
        rich_help_panel=SPEED,
        min=1,
        max=1024,  # many more are more than systems start
        metavar="N",
        help="Threads that read; as many or more write.",
    ),
]

Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        rich_help_panel=QUALITY,
        min=0,
        max=2**31 - 1,
        metavar="N",
        help="Seed of everything that is random.",
    ),
]

Json = Annotated[
    bool,
    typer.Option(
        "--json",
        rich_help_panel=MESSAGES,
        help="Print one JSON object per line on stdout, the summary last.",
    ),
]

Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        rich_help_panel=MESSAGES,
        help="Print nothing for people: no progress, no messages.",
    ),
]

# Read by main() from the command line itself, because parsing may be what fails. It is declared
# so that the parser accepts it and the help shows it; commands ignore the value.
Traceback = Annotated[
    bool,
    typer.Option(
        "--traceback", rich_help_panel=MESSAGES, help="Show the full traceback of an error."
    ),
]
