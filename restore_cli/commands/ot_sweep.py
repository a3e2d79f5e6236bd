"""`restore ot-correct sweep`: the perception-distortion curve of a correction, over alpha."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore_cli.commands.batch_options import (
    Overwrite,
    Recursive,
)
from restore_cli.commands.console import Console
from restore_cli.commands.options import (
    Device,
    Json,
    Quiet,
    Seed,
    Traceback,
)
from restore_cli.commands.ot_options import AllowDownload, CorrectionFile, MovedVae
from restore_cli.commands.outputs import check_outputs, files_of, output_path
from restore_cli.errors import RestoreError
from restore_cli.numerals import number

if TYPE_CHECKING:
    from restore_cli.evaluation.metrics import Metric
    from restore_cli.evaluation.pairing import Pair
    from restore_cli.ot_correct.sweeping import Point, Sweep

_EVERY_TENTH = "0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1"


def sweep(
    correction: CorrectionFile,
    restored: Annotated[
        Path,
        typer.Argument(
            metavar="RESTORED_DIR", help="Restored pictures not fitted to.", show_default=False
        ),
    ],
    reference: Annotated[
        Path,
        typer.Argument(
            metavar="REFERENCE_DIR",
            help="What they should look like; paired by name, as in `restore eval`.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE.csv", parser=output_path, help="The curve to write."
        ),
    ],
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png", parser=output_path, help="Also draw the curve."),
    ] = None,
    alphas: Annotated[
        str, typer.Option("--alphas", metavar="A,...", help="The points of the curve.")
    ] = _EVERY_TENTH,
    decoding: Annotated[
        Literal["residual", "plain", "both"],
        typer.Option("--decoding", help="As in `ot-correct apply`; both draws two curves."),
    ] = "residual",
    metrics: Annotated[
        str,
        typer.Option(
            "--metrics",
            metavar="NAME,...",
            help="Beside PSNR: ssim, delta-e, ... as in `restore eval`; lpips and dists need the "
            "extra [perceptual].",
        ),
    ] = "",
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="PATH", help="Published weights of lpips or dists."),
    ] = None,
    vae: MovedVae = None,
    allow_download: AllowDownload = False,
    recursive: Recursive = False,
    overwrite: Overwrite = False,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Measure what a correction costs and gains, for each alpha.

    PSNR to the reference against the latent W2 to all references, of pictures rounded as their
    files would be.
    """
    started = time.perf_counter()
    wanted = _parse(alphas)
    for file, ending in ((output, ".csv"), (plot, ".png")):
        if file is not None:
            _check_ending(file, ending)
    check_outputs([output, plot], [correction, *files_of(vae)], overwrite=overwrite)

    from restore_cli.engine.device import choose_device
    from restore_cli.evaluation.pairing import check_sizes, pair
    from restore_cli.ot_correct.corrector import load_transport
    from restore_cli.ot_correct.sweeping import Sweep, write_curve
    from restore_cli.transport.latent import Decoding

    console = Console(quiet=quiet, json=json)
    further = _built(metrics, weights)
    pairs = pair(restored, reference, recursive=recursive)
    check_outputs([output, plot], [file for one in pairs for file in (one.output, one.reference)])
    check_sizes(pairs, resize_reference=False)
    transport = load_transport(
        correction, vae, choose_device(device), allow_download=allow_download
    )
    transport.compute()
    both: tuple[Decoding, ...] = ("residual", "plain")
    decodings = both if decoding == "both" else (decoding,)
    running = Sweep(transport, alphas=wanted, decodings=decodings, seed=seed, metrics=further)
    with console.progress() as progress:
        bar = progress.add_task("sweep", total=len(pairs))
        for one in pairs:
            _measure(console, running, one)
            progress.advance(bar)
    points = running.points()
    write_curve(output, points)
    if plot is not None:
        _draw(plot, points, decodings)
    _show(console, points)
    console.say(f"curve: {output}" + (f"; plot: {plot}" if plot is not None else ""))
    console.emit(
        {
            "event": "summary",
            "output": output,
            "plot": plot,
            "pictures": len(pairs),
            "autoencoder": transport.autoencoder.name,
            "curve": [_record(point) for point in points],
            "seconds": round(time.perf_counter() - started, 4),
        }
    )


def _measure(console: Console, running: "Sweep", pair: "Pair") -> None:
    begun = time.perf_counter()
    running.measure(pair)
    console.emit(
        {
            "input": pair.output,
            "reference": pair.reference,
            "status": "done",
            "error": None,
            "seconds": round(time.perf_counter() - begun, 4),
        }
    )


def _draw(file: Path, points: "Sequence[Point]", decodings: "Sequence[str]") -> None:
    from restore_cli.evaluation.plots import Line, draw_curves
    from restore_cli.images.atomic import write_atomically

    lines = [
        Line(d, [(p.psnr, p.latent_w2, f"{p.alpha:g}") for p in points if p.decoding == d])
        for d in decodings
    ]
    drawn = draw_curves(
        lines,
        title=f"{points[0].pictures} pictures, alpha at each point",
        x="PSNR, dB (fidelity: right is better)",
        y="latent W2 (look: down is better)",
    )
    write_atomically(file, drawn)


def _show(console: Console, points: "Sequence[Point]") -> None:
    names = ["alpha", "PSNR", "latent W2", *points[0].further]
    console.table(
        ["decoding", *names],
        [
            [
                *(p.decoding, f"{p.alpha:g}", f"{p.psnr:.2f}", f"{p.latent_w2:.4f}"),
                *(f"{value:.4f}" for value in p.further.values()),
            ]
            for p in points
        ],
        numbers=names,
    )


def _record(point: "Point") -> dict[str, object]:
    return {
        "decoding": point.decoding,
        "alpha": point.alpha,
        "psnr": point.psnr,
        "latent_w2": point.latent_w2,
        "latent_w2_fit": point.latent_w2_fit,
        **point.further,
    }


def _built(names: str, weights: Path | None) -> "list[Metric]":
    """The metrics beside PSNR and latent W2, which are always told."""
    import torch

    from restore_cli.evaluation.metrics import build

    wanted = [name.strip() for name in names.split(",") if name.strip()]
    found = build(wanted, device=torch.device("cpu"), weights=weights) if wanted else []
    of_sets = [metric.name for metric in found if not metric.per_picture]
    if of_sets:
        raise RestoreError(
            f"--metrics {of_sets[0]} is of a whole set of pictures",
            hint="`restore ot-correct apply` writes pictures for `restore eval --metrics "
            f"{of_sets[0]}`",
        )
    return [metric for metric in found if metric.name != "psnr"]


def _parse(text: str) -> list[float]:
    try:
        values = [number(word) for word in text.split(",") if word.strip()]
    except ValueError as error:
        raise RestoreError(
            f"--alphas {text!r}: {error}", hint="for example --alphas 0,0.5,1"
        ) from error
    if not values:
        raise RestoreError(
            f"--alphas {text!r} names no usable number", hint="for example --alphas 0,0.5,1"
        )
    return list(dict.fromkeys(values))


def _check_ending(file: Path, ending: str) -> None:
    if file.suffix.lower() != ending:
        raise RestoreError(f"{file}: its name should end in {ending}", hint="rename it")
