"""`restore isp`: options in, calls down, messages and JSON lines out."""

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from restore_cli import __version__
from restore_cli.commands.batch_options import (
    BatchSize,
    FailFast,
    Inputs,
    MoreInputs,
    Overlap,
    Overwrite,
    Recursive,
    SkipExisting,
    Suffix,
    Tile,
    check_inputs,
    existing_of,
)
from restore_cli.commands.batch_report import BatchReport
from restore_cli.commands.console import Console
from restore_cli.commands.isp_options import (
    AutoBright,
    Bits,
    Black,
    CropName,
    DemosaicMethod,
    DenoiseLevel,
    Developed,
    DevelopedFormat,
    DevelopingModel,
    Engine,
    Exposure,
    HighlightsMode,
    HotPixelsMode,
    Info,
    LensMode,
    Linear,
    LookName,
    Preview,
    Proof,
    SameStem,
    StripGps,
    Wb,
    White,
    check_engine,
    check_usage,
    denoise_level,
    white_balance,
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
from restore_cli.commands.pixel_bar import PixelBar
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from restore_cli.batch.inputs import Refused
    from restore_cli.batch.manifest import Identity
    from restore_cli.batch.planning import Job
    from restore_cli.batch.reading import Reader, Restore
    from restore_cli.commands.restoring import How
    from restore_cli.models.zoo import Model
    from restore_cli.raw.settings import Settings

LABEL = "isp"


def isp(
    inputs: Inputs = None,
    *,
    more_inputs: MoreInputs = None,
    output: Developed = None,
    format: DevelopedFormat = None,
    bits: Bits = None,
    engine: Engine = "learned",
    model: DevelopingModel = None,
    demosaic: DemosaicMethod = None,
    wb: Wb = "camera",
    exposure: Exposure = 0.0,
    denoise: DenoiseLevel = "auto",
    black: Black = None,
    white: White = None,
    look: LookName = "standard",
    crop: CropName = "default",
    hot_pixels: HotPixelsMode = "auto",
    highlights: HighlightsMode = "clip",
    lens_corrections: LensMode = "auto",
    proof: Proof = False,
    same_stem: SameStem = "raw",
    linear: Linear = False,
    auto_bright: AutoBright = False,
    preview: Preview = False,
    info: Info = False,
    strip_gps: StripGps = False,
    suffix: Suffix = None,
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    overwrite: Overwrite = False,
    tile: Tile = "auto",
    overlap: Overlap = None,
    batch_size: BatchSize = 1,
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
    """Develop camera RAW files into pictures.

    White balance is the camera's, and nothing depends on the picture's content unless asked for
    (--wb auto, --auto-bright), so equal files come out equal. Files without a Bayer mosaic go to
    LibRaw with a note.
    """
    started = time.perf_counter()
    given = [*(inputs or []), *(more_inputs or [])]
    check_inputs(given, skip_existing, overwrite, example="restore isp photo.dng")
    deep = check_usage(format, output, bits, linear=linear, info=info, preview=preview)
    check_engine(engine, denoise=denoise, demosaic=demosaic, proof=proof)
    console = Console(quiet=quiet, json=json)
    if info:
        from restore_cli.commands.isp_info import show_info

        show_info(console, given, recursive=recursive, black=black, white=white)
        return

    format = format or ("jpg" if preview and _names_no_format(output) else None)
    jobs = _plan(given, output, format=format, suffix=suffix, recursive=recursive)

    from restore_cli.batch import lanes
    from restore_cli.batch.manifest import Manifest
    from restore_cli.commands.restoring import How
    from restore_cli.raw.settings import Settings, check_levels

    check_levels(black, white)
    settings = Settings(
        engine=engine, white_balance=white_balance(wb), exposure=exposure, look=look,
        linear=linear, bits=16 if deep else 8, auto_bright=auto_bright, black=black, white=white,
        demosaic=demosaic or "ahd", strip_gps=strip_gps, denoise=denoise_level(denoise),
        crop=crop, hot_pixels=hot_pixels, highlights=highlights,
        lens_corrections=lens_corrections, proof=proof,
    )  # fmt: skip
    bar, devices = PixelBar(), devices_of(device)
    progress = bar.within if len(devices) == 1 else None
    how = How(device, precision, backend, tile, overlap, batch_size, seed=seed, progress=progress)
    beside = [] if preview else _camera_files(console, jobs, same_stem)
    each = partial(_way, settings, model, preview=preview, copied=beside)
    ways = [each(replace(how, device=one)) for one in devices]
    way = ways[0]
    jobs += beside
    results = lanes.run(
        jobs,
        [lanes.Lane(one.restore, one.reader) for one in ways],
        workers=workers,
        existing=existing_of(skip_existing, overwrite),
        manifest=Manifest(way.identity),
        fail_fast=fail_fast,
    )
    report = BatchReport(console, model=way.name, task=LABEL, traceback=traceback, bar=bar)
    report.follow_jobs(results, jobs, way.reader, started=started)
    report.raise_failures()


@dataclass(frozen=True, slots=True)
class _Way:
    """How files are developed.

    Attributes:
        name: of the model, "libraw" or "preview".
        identity: what decides the outputs, for the manifest.
        reader: how files are read.
        restore: what computes.
    """

    name: str
    identity: "Identity"
    reader: "Reader"
    restore: "Restore"


def _way(
    settings: "Settings",
    model: str | None,
    how: "How",
    *,
    preview: bool,
    copied: "list[Job | Refused]",
) -> _Way:
    """By the learned engine, by LibRaw, or as the camera's own preview; some files are copied."""
    from restore_cli.batch.manifest import Identity
    from restore_cli.commands.restoring import restorer_of
    from restore_cli.raw.develop import Developer, as_it_is
    from restore_cli.raw.preview_reader import Previews, WithCameraFiles

    is_learned = settings.engine == "learned" and not preview and not settings.proof
    loaded = _load(model, how.seed) if is_learned else None
    learned = None if loaded is None else restorer_of(loaded, how)
    raws = Previews(settings.strip_gps) if preview else Developer(settings, learned)
    name = "preview" if preview else "libraw" if loaded is None else loaded.name
    options = _options(settings, loaded, how, preview=preview)
    return _Way(
        name=name,
        identity=Identity(model=name if loaded is None else loaded.sha256, options=options),
        reader=WithCameraFiles(raws, frozenset(job.source for job in copied)),
        restore=learned or as_it_is,
    )


def _plan(
    inputs: list[str],
    output: str | None,
    *,
    format: str | None,
    suffix: str | None,
    recursive: bool,
) -> "list[Job | Refused]":
    """The jobs; two RAW files of one stem are told apart by what works here."""
    from restore_cli.batch.planning import plan
    from restore_cli.raw.suffixes import RAWS

    try:
        return plan(
            inputs,
            output,
            label=LABEL,
            format=format,
            suffix=suffix,
            recursive=recursive,
            suffixes=RAWS,
        )
    except RestoreError as error:
        if "--format same" not in (error.hint or ""):
            raise
        hint = "develop them in separate runs, each with its own -o"
        raise RestoreError(error.message, hint=hint, exit_code=error.exit_code) from error


def _names_no_format(output: str | None) -> bool:
    from restore_cli.batch.planning import FORMAT_OF_SUFFIX

    return "." + (output or "").rpartition(".")[2].lower() not in FORMAT_OF_SUFFIX


def _load(name: str | None, seed: int) -> "Model":
    """The model of the learned engine: without it, nothing needs torch."""
    import torch

    from restore_cli.models import zoo

    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    if name is None and LABEL not in {entry.name for entry in zoo.entries()}:
        raise RestoreError(
            "the learned engine has no model: none of the name isp is shipped",
            hint="--engine libraw develops without one; --model names another",
        )
    model = zoo.load(name or LABEL)
    if model.network.info.input != "mosaic":
        raise RestoreError(
            f"the model {model.name} does not read RAW mosaics", hint="leave --model out"
        )
    return model


def _camera_files(
    console: Console, jobs: "list[Job | Refused]", same_stem: Literal["raw", "both"]
) -> "list[Job | Refused]":
    """Jobs for the JPEG files of the same names, where they are to be copied too."""
    from restore_cli.raw.preview_reader import camera_files

    beside = camera_files(jobs)
    if beside and same_stem == "raw":
        what = "JPEG file of the same name was" if len(beside) == 1 else "JPEG files were"
        console.say(f"{len(beside)} {what} passed over (--same-stem both copies them)")
    return [*beside] if same_stem == "both" else []


def _options(
    settings: "Settings", model: "Model | None", how: "How", *, preview: bool
) -> dict[str, object]:
    """What changes the picture, for the manifest."""
    from dataclasses import asdict

    import rawpy

    libraw = ".".join(map(str, rawpy.libraw_version))
    options: dict[str, object] = {
        **asdict(settings),
        "preview": preview,
        "libraw": libraw,
        "version": __version__,
    }
    if model is None:
        return options
    overlap = model.overlap if how.overlap is None else how.overlap
    return options | {
        "tile": how.tile,
        "overlap": overlap,
        "precision": how.precision,
        "backend": how.backend,
    }
