"""`restore infer`: options in, calls down, messages and JSON lines out."""

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore_cli import __version__
from restore_cli.commands.batch_options import (
    BatchSize,
    ColorSampling,
    Effort,
    FailFast,
    Format,
    Inputs,
    Lossless,
    MoreInputs,
    Overlap,
    Overwrite,
    Page,
    PreserveTimes,
    Quality,
    Recursive,
    SkipExisting,
    Suffix,
    Tile,
    check_inputs,
    tile_size,
)
from restore_cli.commands.batch_report import BatchReport
from restore_cli.commands.console import Console
from restore_cli.commands.options import (
    WORKERS,
    Backend,
    Device,
    Json,
    Precision,
    Quiet,
    Seed,
    Traceback,
    Workers,
)
from restore_cli.commands.ot_options import MovedVae
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from restore_cli.batch.reading import Restore
    from restore_cli.models.zoo import Model


def infer(
    inputs: Inputs = None,
    *,
    more_inputs: MoreInputs = None,
    task: Annotated[
        Literal["denoise", "derain", "dehaze", "deblur", "lowlight", "auto"] | None,
        typer.Option("--task", help="What to remove or mend; auto is the all-in-one model."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-n",
            metavar="NAME|FOLDER|FILE",
            help="Model to use instead of the task's own; without --task, its task counts.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A folder, or a file for a single input. Without it: `img-TASK/` beside the "
            "folder `img/`, and `photo-TASK.png` beside the file `photo.jpg`.",
        ),
    ] = None,
    format: Format = None,
    quality: Quality = None,
    lossless: Lossless = False,
    subsampling: ColorSampling = None,
    effort: Effort = None,
    page: Page = None,
    preserve_times: PreserveTimes = False,
    suffix: Suffix = None,
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    overwrite: Overwrite = False,
    strength: Annotated[
        float,
        typer.Option("--strength", min=0.0, max=1.0, help="0 is the input, 1 the model's result."),
    ] = 1.0,
    sigma: Annotated[
        float | None,
        typer.Option(
            "--sigma",
            min=0.0,
            max=255.0,
            help="Noise level, if known, as a standard deviation on the 0..255 scale; only for "
            "models that take one. Without it the model judges by itself.",
        ),
    ] = None,
    level: Annotated[
        str,
        typer.Option(
            "--level",
            metavar="auto|N",
            help="How much of the degradation there is: noise 0..255, rain and haze 0..1, missing "
            "light in stops, blur in px, JPEG quality; 0 gives the picture back. Only for models "
            "that take one; auto lets the model judge.",
        ),
    ] = "auto",
    tta: Annotated[
        bool,
        typer.Option("--tta", help="Average over flips and turns: better, eight times slower."),
    ] = False,
    tile: Tile = "auto",
    overlap: Overlap = None,
    batch_size: BatchSize = 1,
    ot_correct: Annotated[
        Path | None,
        typer.Option(
            "--ot-correct",
            metavar="FILE",
            help="Correct the results by what `restore ot-correct fit` wrote, in the same pass.",
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            "--alpha",
            metavar="A",
            help="With --ot-correct: 0 (the default) is the full correction, 1 none.",
        ),
    ] = None,
    vae: MovedVae = None,
    workers: Workers = WORKERS,
    fail_fast: FailFast = False,
    device: Device = "auto",
    precision: Precision = "auto",
    backend: Backend = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Restore pictures: files, folders and patterns in, pictures out.

    Inputs are never changed. A picture that fails does not stop the others.
    """
    started = time.perf_counter()
    given = [*(inputs or []), *(more_inputs or [])]
    check_inputs(given, skip_existing, overwrite, example="restore infer --task derain photos/")
    _check_usage(task, model)
    if ot_correct is None and (alpha is not None or vae is not None):
        raise RestoreError(
            f"{'--alpha' if alpha is not None else '--vae'} belongs to --ot-correct",
            hint="name the file that `restore ot-correct fit` wrote with --ot-correct",
        )

    # Nothing of this imports torch: what is wrong is told, and what is done is skipped, at once.
    from restore_cli.batch import pipeline
    from restore_cli.batch.inputs import passed_over
    from restore_cli.batch.manifest import Identity, Manifest
    from restore_cli.batch.planning import all_there, plan
    from restore_cli.batch.reading import Later, Pictures
    from restore_cli.batch.sizes import Sizes
    from restore_cli.images.encode import Saving
    from restore_cli.models.entries import default_for_task, describe

    saving = Saving(quality=quality, lossless=lossless, subsampling=subsampling, effort=effort)
    saving.check()
    console = Console(quiet=quiet, json=json)
    about = describe(model or default_for_task(str(task)))
    label = task or about.task
    amount = _level(level, sigma)
    jobs = plan(given, output, label=label, format=format, suffix=suffix, recursive=recursive)
    for note in passed_over(given, recursive=recursive):
        console.warn(note)
    report = BatchReport(console, model=about.name, task=label, traceback=traceback)

    def build() -> "Restore":
        import torch

        from restore_cli.engine.restorer import Restorer
        from restore_cli.models import zoo

        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
        loaded = zoo.load(str(about.path))
        _check_fit(console, loaded, task, amount)
        restorer = Restorer(
            loaded.network,
            device=device,
            precision=precision,
            backend=backend,
            tile=tile_size(tile),
            overlap=overlap,
            usual_overlap=loaded.overlap,
            batch_size=batch_size,
            progress=report.bar.within,
        )
        return partial(restorer, level=amount, strength=strength, tta=tta)

    # What changes the picture; how fast and where it is computed does not count.
    options: dict[str, object] = {
        "task": label,
        "strength": strength,
        "level": amount,
        "tta": tta,
        "tile": tile,
        "overlap": about.overlap if overlap is None else overlap,
        "precision": precision,
        "backend": backend,
        "seed": seed,
        "version": __version__,
    }
    # Only where asked for, so that outputs made before stay up to date.
    told = {"quality": quality, "lossless": lossless or None, "subsampling": subsampling}
    told |= {"effort": effort, "page": page}
    options |= {name: value for name, value in told.items() if value is not None}
    # Where every output exists it is likely that nothing is to be done.
    idle = all_there(jobs) and not overwrite and ot_correct is None
    restore: Restore = Later(build) if idle else build()
    if ot_correct is not None:
        from restore_cli.ot_correct.corrector import load_corrector

        corrector, described = load_corrector(ot_correct, alpha or 0.0, vae, device, seed=seed)
        restore = corrector.after(restore)
        options |= described
    reader = Pictures(saving, page)
    results = pipeline.run(
        jobs,
        restore,
        workers=workers,
        existing="skip" if skip_existing else "overwrite" if overwrite else "error",
        manifest=Manifest(Identity(model=about.sha256, options=options)),
        fail_fast=fail_fast,
        reader=reader,
        preserve_times=preserve_times,
    )
    seconds, sizes = time.perf_counter() - started, Sizes(jobs, reader.count_pixels)
    report.follow(results, len(jobs), setup_seconds=seconds, sizes=sizes)
    report.raise_failures()


def _check_usage(task: str | None, model: str | None) -> None:
    """Refuse what can be refused before anything heavy is imported."""
    if task is None and model is None:
        raise RestoreError(
            "neither --task nor --model is given",
            hint="say what to do, for example --task derain",
        )


def _level(level: str, sigma: float | None) -> float | None:
    """The level that --level or --sigma tells; None to let the model judge."""
    if level == "auto":
        return sigma
    if sigma is not None:
        raise RestoreError("--sigma and --level say the same: give one of them")
    try:
        return float(level)
    except ValueError:
        raise RestoreError(
            f"--level {level!r} is neither auto nor a number", hint="for example --level 0.5"
        ) from None


def _check_fit(console: Console, model: "Model", task: str | None, level: float | None) -> None:
    """Refuse or question options that do not fit the model, once and not for every picture."""
    if model.network.info.input == "mosaic":
        raise RestoreError(
            f"the model {model.name} reads camera RAW files", hint="use it with `restore isp`"
        )
    from restore_cli.engine.level import check_level, quantity_of

    if level is not None and not quantity_of(model.network.info):
        raise RestoreError(
            f"the model {model.name} takes no level",
            hint="leave --level and --sigma out, or choose a model that takes one with --model",
        )
    check_level(model.network.info, level)
    if task is not None and task != model.task:
        console.warn(f"the model {model.name} was trained for {model.task}, not for {task}")
