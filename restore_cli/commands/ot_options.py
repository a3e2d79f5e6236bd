"""Options of everything that transports: which autoencoder, how far, and how it is decoded."""

from typing import Annotated, Literal

import typer

from restore_cli.commands.options import QUALITY

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
        "--allow-download", help="Let --vae HUB_ID fetch what is not in the cache; off otherwise."
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
