"""`restore isp`: options in, calls down, messages and JSON lines out."""

import re
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

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
    shared_overlap,
    tile_size,
)
from restore_cli.commands.batch_report import BatchReport
from restore_cli.commands.console import Console
from restore_cli.commands.options import (
    WORKERS,
    Device,
    Json,
    Precision,
    Quiet,
    Seed,
    Traceback,
    Workers,
)
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from restore_cli.batch.reading import Restore
    from restore_cli.models.zoo import Model
    from restore_cli.raw.develop import Settings, WhiteBalance

LABEL = "isp"
_NUMBER = r"\d+(?:\.\d+)?"
_EIGHT_BIT = ("jpg", "webp", "bmp")


def _check_wb(value: str) -> str:
    if value not in ("camera", "auto", "daylight") and not re.fullmatch(
        rf"{_NUMBER},{_NUMBER},{_NUMBER}", value
    ):
        raise typer.BadParameter(
            f"{value!r} is not camera, auto, daylight, or multipliers such as 2.1,1,1.5"
        )
    if value[0].isdecimal() and min(map(float, value.split(","))) <= 0:
        raise typer.BadParameter(f"{value!r}: multipliers must lie above 0")
    return value


def _check_denoise(value: str) -> str:
    if value not in ("auto", "off") and not (re.fullmatch(_NUMBER, value) and float(value) <= 255):
        raise typer.BadParameter(f"{value!r} is not auto, off, or a noise level from 0 to 255")
    return value


def isp(
    inputs: Inputs = None,
    *,
    more_inputs: MoreInputs = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A folder, or a file for a single input. Without it: `raws-isp/` beside the "
            "folder `raws/`, and `photo-isp.png` beside the file `photo.dng`.",
        ),
    ] = None,
    format: Annotated[
        Literal["png", "tiff", "jpg"] | None,
        typer.Option("--format", help="What to write; png if nothing else says (preview: jpg)."),
    ] = None,
    bits: Annotated[
        Literal["8", "16"] | None,
        typer.Option("--bits", help="Of each sample; 8 unless --linear."),
    ] = None,
    engine: Annotated[
        Literal["learned", "libraw"],
        typer.Option("--engine", help="Who demosaics and denoises; colours are the same."),
    ] = "learned",
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-n", metavar="NAME|FOLDER|FILE", help="Model instead of the shipped one."
        ),
    ] = None,
    demosaic: Annotated[
        Literal["linear", "vng", "ppg", "ahd", "dcb", "dht", "aahd"],
        typer.Option("--demosaic", help="LibRaw's method."),
    ] = "ahd",
    wb: Annotated[
        str,
        typer.Option(
            "--wb",
            metavar="camera|auto|daylight|R,G,B",
            callback=_check_wb,
            help="White balance; auto makes the picture grey on average.",
        ),
    ] = "camera",
    exposure: Annotated[
        float, typer.Option("--exposure", min=-10, max=10, metavar="EV", help="Brighter or darker.")
    ] = 0.0,
    denoise: Annotated[
        str,
        typer.Option(
            "--denoise",
            metavar="auto|off|SIGMA",
            callback=_check_denoise,
            help="Learned engine: by its own estimate, not at all, or a noise level on the "
            "0..255 scale under the sRGB curve. LibRaw does not denoise.",
        ),
    ] = "auto",
    black: Annotated[
        float | None,
        typer.Option("--black", min=0, metavar="N", help="Black level instead of the file's."),
    ] = None,
    white: Annotated[
        float | None,
        typer.Option("--white", min=1, metavar="N", help="White level instead of the file's."),
    ] = None,
    look: Annotated[
        Literal["standard", "none"],
        typer.Option(
            "--look",
            help="standard: the file's baseline exposure and one tone curve; none: colorimetric.",
        ),
    ] = "standard",
    linear: Annotated[
        bool, typer.Option("--linear", help="16-bit linear light, sRGB primaries, no look.")
    ] = False,
    auto_bright: Annotated[
        bool,
        typer.Option("--auto-bright", help="Brighten until 1 % is white; depends on the picture."),
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Write the preview that the file holds.")
    ] = False,
    info: Annotated[
        bool, typer.Option("--info", help="Print what the file says, and write nothing.")
    ] = False,
    strip_gps: Annotated[
        bool, typer.Option("--strip-gps", help="Leave the place out of the metadata.")
    ] = False,
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
    deep = bits == "16" or (bits is None and linear)
    _check_usage(
        format=format,
        output=output,
        deep=deep,
        linear=linear,
        shallow=bits == "8",
        modes=[name for name, on in (("--info", info), ("--preview", preview)) if on],
    )
    console = Console(quiet=quiet, json=json)
    if info:
        from restore_cli.commands.isp_info import show_info

        show_info(console, given, recursive=recursive, black=black, white=white)
        return

    import torch

    from restore_cli.batch import pipeline
    from restore_cli.batch.manifest import Identity, Manifest
    from restore_cli.batch.planning import plan
    from restore_cli.raw.develop import (
        Developer,
        Previews,
        Settings,
        as_it_is,
        check_levels,
    )
    from restore_cli.raw.file import RAWS

    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    check_levels(black, white)
    settings = Settings(
        engine=engine,
        white_balance=_white_balance(wb),
        exposure=exposure,
        look=look,
        linear=linear,
        bits=16 if deep else 8,
        auto_bright=auto_bright,
        black=black,
        white=white,
        demosaic=demosaic,
        strip_gps=strip_gps,
    )
    loaded = None
    restore: Restore = as_it_is
    if engine == "learned" and not preview:
        loaded = _load(model)
        overlap = shared_overlap(overlap, tile, loaded.overlap)
        restore = _restorer(loaded, device, precision, tile, overlap, batch_size, denoise=denoise)
    jobs = plan(
        given,
        output,
        label=LABEL,
        format=format or ("jpg" if preview and _names_no_format(output) else None),
        suffix=suffix,
        recursive=recursive,
        suffixes=RAWS,
    )
    options = _options(settings, preview=preview)
    if loaded is not None:
        options |= {"denoise": denoise, "tile": tile, "overlap": overlap, "precision": precision}
    name = "preview" if preview else "libraw" if loaded is None else loaded.name
    results = pipeline.run(
        jobs,
        restore,
        workers=workers,
        existing="skip" if skip_existing else "overwrite" if overwrite else "error",
        manifest=Manifest(Identity(model=loaded.sha256 if loaded else name, options=options)),
        fail_fast=fail_fast,
        reader=Previews(strip_gps) if preview else Developer(settings),
    )
    report = BatchReport(console, model=name, task=LABEL, traceback=traceback)
    report.follow(results, len(jobs), setup_seconds=time.perf_counter() - started)
    report.raise_failures()


def _check_usage(
    *,
    format: str | None,
    output: str | None,
    deep: bool,
    linear: bool,
    shallow: bool,
    modes: list[str],
) -> None:
    """Refuse what contradicts itself before anything heavy is imported."""
    if len(modes) > 1:
        raise RestoreError(" and ".join(modes) + " exclude each other", hint="give one of them")
    if linear and shallow:
        raise RestoreError(
            "--linear needs 16 bits: 8 would leave nothing of the shadows", hint="leave --bits out"
        )
    ending = format or (output or "").rpartition(".")[2].lower()
    if deep and ending.replace("jpeg", "jpg") in _EIGHT_BIT:
        raise RestoreError(
            f"{ending.upper()} files have 8 bits, and 16 are asked for",
            hint="write PNG or TIFF, or leave --bits and --linear out",
        )


def _white_balance(text: str) -> "WhiteBalance":
    match text:
        case "camera" | "auto" | "daylight":
            return text
        case _:
            red, green, blue = map(float, text.split(","))
            return red / green, 1.0, blue / green


def _names_no_format(output: str | None) -> bool:
    from restore_cli.batch.planning import FORMAT_OF_SUFFIX

    return "." + (output or "").rpartition(".")[2].lower() not in FORMAT_OF_SUFFIX


def _load(name: str | None) -> "Model":
    """The model of the learned engine."""
    from restore_cli.models import zoo

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


def _restorer(
    model: "Model",
    device: str,
    precision: str,
    tile: str,
    overlap: int,
    batch_size: int,
    *,
    denoise: str,
) -> "Restore":
    from restore_cli.engine.restorer import Restorer

    restorer = Restorer(
        model.network,
        device=device,
        precision=precision,
        tile=tile_size(tile),
        overlap=overlap,
        batch_size=batch_size,
    )
    sigma = {"auto": None, "off": 0.0}[denoise] if denoise in ("auto", "off") else float(denoise)
    return partial(restorer, level=sigma)


def _options(settings: "Settings", *, preview: bool) -> dict[str, object]:
    """What changes the picture, for the manifest."""
    from dataclasses import asdict

    import rawpy

    libraw = ".".join(map(str, rawpy.libraw_version))
    return {**asdict(settings), "preview": preview, "libraw": libraw, "version": __version__}
