"""`restore ot-correct apply`: a fitted correction on restored pictures."""

import time
from typing import Annotated, Literal

import typer

from restore_cli import __version__
from restore_cli.commands.batch_options import (
    FailFast,
    Format,
    Overwrite,
    Recursive,
    Sandboxed,
    SkipExisting,
    Suffix,
    check_inputs,
    existing_of,
)
from restore_cli.commands.batch_report import BatchReport
from restore_cli.commands.console import Console
from restore_cli.commands.options import (
    WORKERS,
    Device,
    Json,
    Quiet,
    Seed,
    Traceback,
    Workers,
)
from restore_cli.commands.ot_options import AllowDownload, Alpha, CorrectionFile, Decoding, MovedVae

LABEL = "ot-correct"


def apply(
    correction: CorrectionFile,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Restored pictures: files, folders, and quoted patterns, in any mix.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A folder, or a file for a single input. Without it: `img-ot-correct/` beside the "
            "folder `img/`, and `photo-ot-correct.png` beside the file `photo.jpg`.",
        ),
    ] = None,
    alpha: Alpha = 0.0,
    space: Annotated[
        Literal["image", "latent"],
        typer.Option("--space", help="Where alpha interpolates; in images 1 is exactly the input."),
    ] = "image",
    decoding: Decoding = "residual",
    vae: MovedVae = None,
    allow_download: AllowDownload = False,
    format: Format = None,
    suffix: Suffix = None,
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    overwrite: Overwrite = False,
    sandbox: Sandboxed = "auto",
    workers: Workers = WORKERS,
    fail_fast: FailFast = False,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Apply a correction to restored pictures, as far as alpha says.

    Inputs are never changed. A picture that fails does not stop the others.
    """
    started = time.perf_counter()
    example = "restore ot-correct apply correction.safetensors restored/"
    check_inputs(inputs, skip_existing, overwrite, example=example)

    from restore_cli.batch.planning import plan

    # Before torch is imported: a path that is wrong is told at once.
    jobs = plan(inputs, output, label=LABEL, format=format, suffix=suffix, recursive=recursive)

    from restore_cli.batch import pipeline
    from restore_cli.batch.manifest import Identity, Manifest
    from restore_cli.batch.reading import Pictures
    from restore_cli.images.regular import file_sha256
    from restore_cli.images.sandbox import sandbox_for
    from restore_cli.ot_correct.corrector import load_corrector

    console = Console(quiet=quiet, json=json)
    corrector, options = load_corrector(
        correction,
        alpha,
        vae,
        device,
        space=space,
        decoding=decoding,
        seed=seed,
        allow_download=allow_download,
    )
    options |= {"task": LABEL, "seed": seed, "version": __version__}
    reader = Pictures(sandbox=sandbox_for(sandbox))
    results = pipeline.run(
        jobs,
        corrector.of_pixels,
        workers=workers,
        existing=existing_of(skip_existing, overwrite),
        manifest=Manifest(Identity(model=file_sha256(correction), options=options)),
        fail_fast=fail_fast,
        reader=reader,
    )
    report = BatchReport(console, model=correction.name, task=LABEL, traceback=traceback)
    report.follow_jobs(results, jobs, reader, started=started)
    report.raise_failures()
