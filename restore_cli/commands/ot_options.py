"""Options of everything that transports: which autoencoder, how far, and how it is decoded."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from restore_cli.commands.options import QUALITY
from restore_cli.errors import RestoreError
from restore_cli.numerals import number

CorrectionFile = Annotated[
    Path,
    typer.Argument(metavar="CORRECTION", help="What `ot-correct fit` wrote.", show_default=False),
]

Alpha = Annotated[
    float,
    typer.Option(
        "--alpha",
        metavar="A",
        rich_help_panel=QUALITY,
        help="0 is the full correction, 1 leaves pictures as they are; others extrapolate.",
    ),
]

Vae = Annotated[
    str,
    typer.Option(
        "--vae",
        metavar="small|identity|DIR|HUB_ID",
        rich_help_panel=QUALITY,
        help="Whose latents to compare: the shipped autoencoder, plain pixels, a folder, or a "
        "Hugging Face hub id; what diffusers saved needs the extra [vae].",
    ),
]

MovedVae = Annotated[
    str | None,
    typer.Option(
        "--vae",
        metavar="NAME|DIR|HUB_ID",
        rich_help_panel=QUALITY,
        help="Where the correction's autoencoder lies now, if it has moved.",
    ),
]

AllowDownload = Annotated[
    bool,
    typer.Option(
        "--allow-download",
        rich_help_panel=QUALITY,
        help="Let --vae HUB_ID fetch what is not in the cache; off otherwise.",
    ),
]

Decoding = Annotated[
    Literal["residual", "plain"],
    typer.Option(
        "--decoding",
        rich_help_panel=QUALITY,
        help="residual adds what the transport changes to the picture; plain decodes the "
        "transported latents, and loses what the autoencoder loses.",
    ),
]


def shrinkage_of(text: str) -> float | None:
    """What `--shrinkage` means; None is "auto".

    Raises:
        RestoreError: it is neither "auto" nor a number within 0 and 1.
    """
    if text == "auto":
        return None
    try:
        share = number(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise RestoreError(
            f"--shrinkage {text!r} is neither auto nor a number from 0 to 1",
            hint="leave it away: auto is chosen on pictures that are held out",
        )
    return share
