"""`restore infer`: options in, calls down, messages and JSON lines out."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    Sandboxed,
    SkipExisting,
    Suffix,
    Tile,
    check_inputs,
    existing_of,
)
from restore_cli.commands.batch_report import BatchReport
from restore_cli.commands.console import Console
from restore_cli.commands.infer_options import (
    Cluster,
    Compare,
    DryRun,
    FilesFrom,
    Level,
    ModelName,
    Null,
    OtAlpha,
    OtCorrect,
    Output,
    Sheet,
    Sigma,
    Strength,
    Tasks,
    Tta,
    Watch,
    parse_level,
    parse_tasks,
)
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
    devices_of,
)
from restore_cli.commands.ot_options import AllowDownload, MovedVae
from restore_cli.commands.pipes import STANDARD, names_from, staged
from restore_cli.commands.pixel_bar import PixelBar
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from restore_cli.batch.inputs import Refused
    from restore_cli.batch.planning import Job
    from restore_cli.commands.restoring import How, Restoring
    from restore_cli.images.sandbox import Sandbox
    from restore_cli.images.saving import Saving


def infer(
    inputs: Inputs = None,
    *,
    more_inputs: MoreInputs = None,
    task: Tasks = None,
    model: ModelName = None,
    output: Output = None,
    files_from: FilesFrom = None,
    null: Null = False,
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
    dry_run: DryRun = False,
    watch: Watch = None,
    compare: Compare = False,
    sheet: Sheet = None,
    strength: Strength = 1.0,
    sigma: Sigma = None,
    level: Level = "auto",
    tta: Tta = False,
    tile: Tile = "auto",
    overlap: Overlap = None,
    batch_size: BatchSize = 1,
    cluster: Cluster = None,
    ot_correct: OtCorrect = None,
    alpha: OtAlpha = None,
    vae: MovedVae = None,
    allow_download: AllowDownload = False,
    sandbox: Sandboxed = "auto",
    workers: Workers = WORKERS,
    fail_fast: FailFast = False,
    device: Device = "auto",
    precision: Precision = "auto",
    backend: Backend = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> int | None:
    """Remove rain, haze, noise, blur or darkness from pictures.

    Files, folders and patterns in, pictures out. Inputs are never changed. A picture that fails
    does not stop the others.
    """
    started = time.perf_counter()
    tasks, amount = parse_tasks(task), parse_level(level, sigma)
    given = _given([*(inputs or []), *(more_inputs or [])], files_from, null, watch)
    check_inputs(given, skip_existing, overwrite, example="restore infer --task derain photos/")
    _check_usage(tasks, model, ot_correct, {"--alpha": alpha, "--vae": vae})
    _check_places(given, output, compare=compare, cluster=cluster, watch=watch, sandbox=sandbox)
    if watch is not None and dry_run:
        raise RestoreError(
            "--dry-run tells of what is there, and --watch waits for what is not",
            hint=f"give the folder as an input: restore infer {watch} --dry-run",
        )
    named: dict[str, Any] = {"format": format, "suffix": suffix, "recursive": recursive}
    planned = None if watch is not None else _planned(given, output, tasks, named)

    # Nothing of this imports torch: what is wrong is told, and what is done is skipped, at once.
    from restore_cli.batch.lanes import of_devices
    from restore_cli.batch.manifest import Identity, Manifest
    from restore_cli.batch.reading import Pictures
    from restore_cli.commands import restoring as ways
    from restore_cli.commands.before_after import BeforeAfter, check_sheet
    from restore_cli.commands.infer_run import Run
    from restore_cli.commands.restoring import CorrectionOptions, How, elsewhere, prepare
    from restore_cli.images.saving import Saving

    saving = Saving(quality=quality, lossless=lossless, subsampling=subsampling, effort=effort)
    saving.check()
    check_sheet(sheet)
    console, bar = Console(quiet=quiet, json=json), PixelBar()
    devices = [device] if cluster is not None else devices_of(device)
    how = How(
        *(devices[0], precision, backend, tile, overlap, batch_size),
        level=amount,
        is_sigma=sigma is not None,
        strength=strength,
        tta=tta,
        seed=seed,
        progress=bar.within if len(devices) == 1 else None,
        warm=not dry_run,
    )
    restoring = prepare(console, tasks, model, how)
    correction = CorrectionOptions(
        ot_correct, alpha or 0.0, vae, devices[0], seed, allow_download=allow_download
    )
    restore, described = ways.corrected(restoring.restore, correction)
    reader = Pictures(saving, page, _sandbox(sandbox))
    build = partial(elsewhere, tasks, model, replace(how, progress=None), correction)
    options = _options(restoring, how, saving, page) | described
    run = Run(
        console=console, restoring=restoring, restore=restore, build=build, reader=reader,
        manifest=Manifest(Identity(model=restoring.sha256, options=options)),
        existing=existing_of(skip_existing, overwrite), workers=workers, fail_fast=fail_fast,
        preserve_times=preserve_times, device=devices[0], lanes=of_devices(restore, reader,
        devices, build), named=named, planned=planned, pictures=BeforeAfter(restoring.task,
        beside=compare, sheet=sheet), report=BatchReport(console, restoring.model, restoring.task,
        traceback, bar=bar), started=started,
    )  # fmt: skip
    if watch is not None:
        return run.watch(watch, output)
    with staged(given, output, format=format, json=json) as stage:
        return run.dry(stage) if dry_run else run.batch(stage, cluster)


def _planned(
    given: list[str], output: str | None, tasks: tuple[str, ...], named: dict[str, Any]
) -> "list[Job | Refused] | None":
    """The jobs, so that a wrong path is told before anything is loaded.

    Returns:
        None where a pipe or a model has a say in their names.
    """
    if not tasks or STANDARD in (*given, output):
        return None
    from restore_cli.batch.planning import plan

    return plan(given, output, label="-".join(tasks), **named)


def _sandbox(choice: str) -> "Sandbox | None":
    """What decodes; nothing of it is imported where it is off."""
    if choice != "on":
        return None
    from restore_cli.images.sandbox import sandbox_for

    return sandbox_for(choice)


def _options(
    restoring: "Restoring", how: "How", saving: "Saving", page: int | None
) -> dict[str, object]:
    """What changes the picture, for the manifest; how fast and where it is computed does not."""
    options: dict[str, object] = {
        "task": restoring.task,
        "strength": how.strength,
        "level": how.level,
        "tta": how.tta,
        "tile": how.tile,
        **restoring.options,
        "precision": how.precision,
        "backend": how.backend,
        "seed": how.seed,
        "version": __version__,
    }
    # Only where asked for, so that outputs made before stay up to date.
    told = {
        "quality": saving.quality,
        "lossless": saving.lossless or None,
        "subsampling": saving.subsampling,
        "effort": saving.effort,
        "page": page,
    }
    return options | {name: value for name, value in told.items() if value is not None}


def _given(given: list[str], files_from: str | None, null: bool, watch: Path | None) -> list[str]:
    """All inputs that were named, wherever."""
    if null and files_from is None:
        raise RestoreError("-0 belongs to --files-from")
    if files_from == STANDARD and STANDARD in given:
        raise RestoreError("standard input is either a picture or a list of names, not both")
    if watch is not None:
        if given or files_from is not None:
            raise RestoreError("--watch names its folder itself: give no other inputs")
        if not watch.is_dir():
            raise RestoreError(f"--watch {watch}: there is no such folder")
        return [str(watch)]
    return given if files_from is None else [*given, *names_from(files_from, null=null)]


def _check_places(
    given: list[str],
    output: str | None,
    *,
    compare: bool,
    cluster: str | None,
    watch: Path | None,
    sandbox: str,
) -> None:
    """Refuse places that comparisons or a cluster do not reach, before heavy imports."""
    if compare and output == STANDARD:
        raise RestoreError("--compare writes beside the output, and -o - has no place")
    if cluster is None:
        return
    from restore_cli.cluster.driver import check

    if watch is not None:
        raise RestoreError("--watch works on one machine: leave --cluster out")
    if sandbox == "on":
        raise RestoreError("--sandbox works on one machine: leave --cluster out")
    if STANDARD in given or output == STANDARD:
        raise RestoreError("--cluster takes and writes files: `-` is of this machine only")
    check(cluster)


def _check_usage(
    tasks: tuple[str, ...],
    model: str | None,
    ot_correct: Path | None,
    belonging: dict[str, object],
) -> None:
    """Refuse what can be refused before anything heavy is imported."""
    if not tasks and model is None:
        raise RestoreError(
            "neither --task nor --model is given",
            hint="say what to do, for example --task derain, or let --task auto look",
        )
    given = [name for name, value in belonging.items() if value is not None]
    if ot_correct is None and given:
        raise RestoreError(
            f"{given[0]} belongs to --ot-correct",
            hint="name the file that `restore ot-correct fit` wrote with --ot-correct",
        )
