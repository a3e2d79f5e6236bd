"""`restore ot-correct fit` and `apply`: a transport from a few pictures, and its application."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore_cli import __version__
from restore_cli.commands.batch_options import (
    FailFast,
    Format,
    Overwrite,
    Recursive,
    SkipExisting,
    Suffix,
    check_inputs,
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
from restore_cli.commands.ot_options import AllowDownload, Alpha, Decoding, MovedVae, Vae
from restore_cli.commands.outputs import check_outputs, output_path
from restore_cli.errors import ExitCode, RestoreError

if TYPE_CHECKING:
    from restore_cli.ot_correct.fitting import Seen
    from restore_cli.transport.latent import LatentTransport, Side

LABEL = "ot-correct"


def fit(
    restored: Annotated[
        Path,
        typer.Argument(
            metavar="RESTORED_DIR",
            help="Outputs of any restorer, a dozen or more.",
            show_default=False,
        ),
    ],
    natural: Annotated[
        Path,
        typer.Argument(
            metavar="NATURAL_DIR",
            help="Good photos of such things, as many; they need not show the same.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.safetensors",
            parser=output_path,
            help="The correction to write.",
        ),
    ],
    vae: Vae = "small",
    allow_download: AllowDownload = False,
    patch: Annotated[
        int, typer.Option("--patch", min=1, max=9, metavar="P", help="Side of a patch, in latents.")
    ] = 3,
    max_images: Annotated[
        int | None,
        typer.Option(
            "--max-images", min=1, metavar="N", help="Take at most N a side, evenly spread."
        ),
    ] = None,
    refine: Annotated[
        Path | None,
        typer.Option(
            "--refine",
            metavar="FILE",
            help="Add to what this correction was fitted to; its autoencoder and patch count.",
        ),
    ] = None,
    recursive: Recursive = False,
    overwrite: Overwrite = False,
    workers: Workers = WORKERS,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Fit a correction to restored and to natural pictures, unpaired.

    Tells the latent W2 between the two before and after: the less is left, the more restored
    pictures look like natural ones to the autoencoder.
    """
    started = time.perf_counter()
    _check_output(output, refine, overwrite)

    from restore_cli.engine.device import choose_device
    from restore_cli.ot_correct.autoencoders import load_autoencoder
    from restore_cli.ot_correct.corrector import load_transport
    from restore_cli.ot_correct.fitting import distance_after, gather, pictures_of
    from restore_cli.transport.latent import LatentTransport

    console = Console(quiet=quiet, json=json)
    sides: dict[Side, list[Path]] = {
        "restored": pictures_of(restored, recursive=recursive, most=max_images),
        "natural": pictures_of(natural, recursive=recursive, most=max_images),
    }
    check_outputs([output], [path for paths in sides.values() for path in paths])
    where = choose_device(device)
    if refine is None:
        transport = LatentTransport(
            load_autoencoder(vae, where, allow_download=allow_download), patch=patch
        )
    else:
        transport = load_transport(
            refine, None if vae == "small" else vae, where, allow_download=allow_download
        )
    failed: list[str] = []
    with console.progress() as progress:
        for side, paths in sides.items():
            bar = progress.add_task(side, total=len(paths))
            for seen in gather(transport, paths, side, workers=workers):
                _tell(console, seen, failed)
                progress.advance(bar)
        transport.compute()
        bar = progress.add_task("checking", total=len(sides["restored"]))
        checking = distance_after(transport, sides["restored"], workers=workers)
        while True:
            try:
                next(checking)
            except StopIteration as end:
                after: float = end.value
                break
            progress.advance(bar)
        transport.save(output)
    before = transport.distance()
    _advise(console, transport)
    console.say(f"latent W2 to the natural pictures: {before:.4f} before, {after:.4f} after")
    console.say(f"correction: {output}")
    console.emit(
        {
            "event": "summary",
            "output": output,
            "autoencoder": transport.autoencoder.name,
            "patch": transport.patch,
            "restored": transport.restored.pictures,
            "natural": transport.natural.pictures,
            "restored_patches": transport.restored.count,
            "natural_patches": transport.natural.count,
            "failed": len(failed),
            "latent_w2_before": before,
            "latent_w2_after": after,
            "seconds": round(time.perf_counter() - started, 4),
        }
    )
    if failed:
        raise RestoreError(
            "\n".join([f"{len(failed)} pictures were left out:", *(f"  {f}" for f in failed)]),
            hint="the correction is fitted to the others",
            exit_code=ExitCode.SOME_FAILED,
        )


def apply(
    correction: Annotated[
        Path,
        typer.Argument(
            metavar="CORRECTION", help="What `ot-correct fit` wrote.", show_default=False
        ),
    ],
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
    from restore_cli.batch.sizes import Sizes
    from restore_cli.images.regular import file_sha256
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
    results = pipeline.run(
        jobs,
        corrector,
        workers=workers,
        existing="skip" if skip_existing else "overwrite" if overwrite else "error",
        manifest=Manifest(Identity(model=file_sha256(correction), options=options)),
        fail_fast=fail_fast,
    )
    report = BatchReport(console, model=correction.name, task=LABEL, traceback=traceback)
    seconds, sizes = time.perf_counter() - started, Sizes(jobs, Pictures().count_pixels)
    report.follow(results, len(jobs), setup_seconds=seconds, sizes=sizes)
    report.raise_failures()


def _check_output(output: Path, refine: Path | None, overwrite: bool) -> None:
    """Refuse what can be refused before an hour of encoding."""
    if output.suffix != ".safetensors":
        raise RestoreError(
            f"-o {output}: a correction is a .safetensors file",
            hint=f"for example -o {output.stem or 'correction'}.safetensors",
        )
    check_outputs([output], [refine] if refine is not None else [], overwrite=overwrite)


def _tell(console: Console, seen: "Seen", failed: list[str]) -> None:
    console.emit(
        {
            "input": seen.path,
            "side": seen.side,
            "status": "done" if seen.error is None else "failed",
            "error": seen.error,
            "patches": seen.patches,
            "seconds": round(seen.seconds, 4),
        }
    )
    if seen.error is not None:
        failed.append(seen.error)
        console.say(f"left out  {seen.error}")


def _advise(console: Console, transport: "LatentTransport") -> None:
    """Say where there is too little to fit to."""
    size = len(transport.restored.mean)
    for side, moments in (("restored", transport.restored), ("natural", transport.natural)):
        if moments.count < 10 * size:
            console.warn(
                f"the {side} pictures give {moments.count} patches of {size} numbers: with fewer "
                f"than {10 * size} the correction depends on chance; take more pictures"
            )
    if transport.compute().noisy:
        console.warn(
            "the restored pictures lack variance that the natural ones have (too few, grey, or "
            "flat): the correction adds noise there"
        )
