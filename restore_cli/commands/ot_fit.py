"""`restore ot-correct fit`: a transport from a few pictures, checked on pictures held out."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore_cli.commands.batch_options import Overwrite, Recursive
from restore_cli.commands.console import Console
from restore_cli.commands.options import WORKERS, Device, Json, Quiet, Seed, Traceback, Workers
from restore_cli.commands.ot_options import AllowDownload, Vae, shrinkage_of
from restore_cli.commands.outputs import check_outputs, files_of, output_path
from restore_cli.errors import ExitCode, RestoreError

if TYPE_CHECKING:
    from torch import Tensor

    from restore_cli.ot_correct.fitting import Fit, Fitting, Seen
    from restore_cli.ot_correct.simulating import Simulation
    from restore_cli.transport.latent import LatentTransport

_PATCH = 3


def fit(
    restored: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RESTORED_DIR",
            help="Outputs of any restorer, a dozen or more; not with --from-clean.",
            show_default=False,
        ),
    ] = None,
    natural: Annotated[
        Path | None,
        typer.Argument(
            metavar="NATURAL_DIR]",
            help="Good photos, as many, of the same kinds of things; best the same scenes.",
            show_default=False,
        ),
    ] = None,
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
    from_clean: Annotated[
        Path | None,
        typer.Option(
            "--from-clean",
            metavar="DIR",
            help="Good photos, a dozen or more: degrade and restore them, and fit to both. "
            "The best way where it can be had.",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="T", help="With --from-clean: what was wrong with photos."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="NAME|FOLDER|FILE", help="With --from-clean: another model."
        ),
    ] = None,
    sigma: Annotated[
        float | None,
        typer.Option(
            "--sigma",
            min=0.0,
            metavar="N",
            help="With --from-clean --task denoise: noise of this strength, 0..255 scale.",
        ),
    ] = None,
    kind: Annotated[
        Literal["latent", "colour"],
        typer.Option(
            "--kind",
            help="latent corrects texture and colour; colour only colours, the same everywhere "
            "(--vae identity --patch 1).",
        ),
    ] = "latent",
    vae: Vae = "small",
    allow_download: AllowDownload = False,
    patch: Annotated[
        int, typer.Option("--patch", min=1, max=9, metavar="P", help="Side of a patch, in latents.")
    ] = _PATCH,
    shrinkage: Annotated[
        str,
        typer.Option(
            "--shrinkage",
            metavar="auto|0..1",
            help="How far the correction is held back, since few pictures are uncertain: 0 not "
            "at all, 1 wholly; auto is best on pictures held out.",
        ),
    ] = "auto",
    sample: Annotated[
        int,
        typer.Option(
            "--sample",
            min=0,
            metavar="N",
            help="Draw the latents of each picture N times from the autoencoder's posterior, as "
            "the paper's code does once; 0 takes its mean.",
        ),
    ] = 0,
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
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Fit a correction: from clean photos, or from two folders.

    Tells the latent W2 between restored and natural pictures before and after, also of pictures
    that it did not fit to: the less is left, the more they look like natural ones.
    """
    started = time.perf_counter()
    _check_output(output, refine, overwrite)
    _check_sources(restored, natural, from_clean, task, (model, sigma))
    share = shrinkage_of(shrinkage)
    vae, patch = _kind(kind, vae, patch)

    from restore_cli.engine.device import choose_device
    from restore_cli.ot_correct.autoencoders import load_autoencoder
    from restore_cli.ot_correct.corrector import load_transport
    from restore_cli.ot_correct.fitting import Fitting, pictures_of, read_ahead
    from restore_cli.ot_correct.simulating import Simulation
    from restore_cli.transport.latent import LatentTransport

    console = Console(quiet=quiet, json=json)

    def listed(folder: Path) -> list[Path]:
        return pictures_of(folder, recursive=recursive, most=max_images)

    where = choose_device(device)
    if refine is None:
        autoencoder = load_autoencoder(vae, where, allow_download=allow_download)
        transport = LatentTransport(autoencoder, patch=patch)
    else:
        moved = None if vae == "small" else vae
        transport = load_transport(refine, moved, where, allow_download=allow_download)
    fitting = Fitting(transport, sample=sample, seed=seed)
    failed: list[str] = []
    if from_clean is not None:
        assert task is not None
        simulation = Simulation(task, model=model, sigma=sigma, seed=seed, device=device)
        pictures = listed(from_clean)
        check_outputs([output], [*pictures, *files_of(vae)])
        seen = _from_clean(fitting, simulation, read_ahead(pictures, workers=workers))
        total = 2 * len(pictures)
    else:
        assert restored is not None
        assert natural is not None
        folders = listed(restored), listed(natural)
        check_outputs([output], [*folders[0], *folders[1], *files_of(vae)])
        seen = _from_folders(fitting, *folders, workers=workers)
        total = sum(map(len, folders))
    with console.progress() as progress:
        bar = progress.add_task("fitting", total=total)
        for one in seen:
            _tell(console, one, failed)
            progress.advance(bar)
        transport.compute()
        bar = progress.add_task("checking", total=1)
        found = fitting.finish(share)
        progress.advance(bar)
        transport.save(output)
    _advise(console, transport, found, from_clean is not None)
    _report(console, transport, found, output=output, failed=failed, started=started)


def _from_clean(
    fitting: "Fitting",
    simulation: "Simulation",
    pictures: "Iterable[tuple[Path, Tensor | RestoreError]]",
) -> "Iterator[Seen]":
    """Both sides of each picture."""
    from restore_cli.ot_correct.fitting import gather

    for path, scene in simulation.over(pictures):
        if isinstance(scene, RestoreError):
            yield from gather(fitting, [(path, scene)], "natural")
            continue
        yield from gather(fitting, [(path, scene.restored)], "restored")
        yield from gather(fitting, [(path, scene.natural)], "natural")


def _from_folders(
    fitting: "Fitting", restored: list[Path], natural: list[Path], *, workers: int
) -> "Iterator[Seen]":
    from restore_cli.ot_correct.fitting import gather, read_ahead

    yield from gather(fitting, read_ahead(restored, workers=workers), "restored")
    yield from gather(fitting, read_ahead(natural, workers=workers), "natural")


def _check_output(output: Path, refine: Path | None, overwrite: bool) -> None:
    """Refuse what can be refused before an hour of encoding."""
    if output.suffix != ".safetensors":
        raise RestoreError(
            f"-o {output}: a correction is a .safetensors file",
            hint=f"for example -o {output.stem or 'correction'}.safetensors",
        )
    check_outputs([output], [refine] if refine is not None else [], overwrite=overwrite)


def _check_sources(
    restored: Path | None,
    natural: Path | None,
    from_clean: Path | None,
    task: str | None,
    simulated: tuple[str | None, float | None],
) -> None:
    """Two folders, or one with a task."""
    if from_clean is None:
        if restored is None or natural is None:
            raise RestoreError(
                "nothing to fit to: name RESTORED_DIR and NATURAL_DIR, or --from-clean DIR",
                hint="restore ot-correct fit --from-clean photos/ --task denoise -o "
                "correction.safetensors",
            )
        if task is not None or any(value is not None for value in simulated):
            raise RestoreError(
                "--task, --model and --sigma are of --from-clean",
                hint="leave them away, or name one folder of clean photos with --from-clean",
            )
    elif restored is not None:
        raise RestoreError(
            f"{restored} and --from-clean {from_clean}: give two folders or --from-clean",
            hint="--from-clean makes the restored pictures itself",
        )
    elif task is None:
        raise RestoreError(
            "--from-clean needs --task", hint="it says how the photos are degraded and restored"
        )


def _kind(kind: Literal["latent", "colour"], vae: str, patch: int) -> tuple[str, int]:
    """The autoencoder and the patch that a kind stands for."""
    if kind == "latent":
        return vae, patch
    if vae not in ("small", "identity") or patch not in (1, _PATCH):
        raise RestoreError(
            "--kind colour is --vae identity --patch 1", hint="leave --vae and --patch away"
        )
    return "identity", 1


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


def _advise(
    console: Console, transport: "LatentTransport", found: "Fit", same_scenes: bool
) -> None:
    """Say where there is too little to fit to, as measured."""
    advice = found.advice(transport.shrinkage)
    if advice is not None:
        console.warn(advice if same_scenes else f"{advice}; --from-clean needs the fewest")
    if transport.compute().noisy:
        console.warn(
            "the restored pictures lack variance that the natural ones have (too few, grey, or "
            "flat): the correction adds noise there"
        )


def _report(
    console: Console,
    transport: "LatentTransport",
    found: "Fit",
    *,
    output: Path,
    failed: list[str],
    started: float,
) -> None:
    held_out = found.held_out
    after = held_out.after[transport.shrinkage]
    console.say(
        f"latent W2 to the natural pictures: {found.before:.4f} before, {found.after:.4f} after; "
        f"of pictures held out {held_out.before:.4f} and {after:.4f}"
    )
    console.say(f"correction: {output} (shrinkage {transport.shrinkage:g})")
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
            "shrinkage": transport.shrinkage,
            "latent_w2_before": found.before,
            "latent_w2_after": found.after,
            "held_out_w2_before": held_out.before,
            "held_out_w2_after": after,
            "pictures_needed": held_out.needed,
            "seconds": round(time.perf_counter() - started, 4),
        }
    )
    if failed:
        raise RestoreError(
            "\n".join([f"{len(failed)} pictures were left out:", *(f"  {f}" for f in failed)]),
            hint="the correction is fitted to the others",
            exit_code=ExitCode.SOME_FAILED,
        )
