"""`restore eval`: outputs and references in; tables, JSON lines, a report and a gate out."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

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
from restore_cli.commands.ot_options import Vae
from restore_cli.commands.signals import terminable
from restore_cli.errors import ExitCode, RestoreError

if TYPE_CHECKING:
    from restore_cli.commands.eval_output import Differences
    from restore_cli.evaluation.baseline import Baseline, Fall
    from restore_cli.evaluation.measurement import Measurement, Row
    from restore_cli.evaluation.pair_rules import Rule
    from restore_cli.evaluation.pairing import Pair

_MOST_FALLS = 20  # listed for people
_CROPPED = "reference cropped to its middle"
_RESIZED = "reference resized to the output (area or bicubic)"


def evaluate(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OUTPUT... REFERENCE",
            help="Two files or two folders. With --reference all of them are outputs.",
            show_default=False,
        ),
    ] = None,
    *,
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="PATH", help="What all outputs are compared with."),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            "--metrics",
            metavar="NAME,...",
            help="From psnr, ssim, psnr-y, ssim-y, ms-ssim, psnr-aligned, psnr-gtmean, delta-e, "
            "photometric-share, latent-w2; with the extra [perceptual] lpips, dists, fid, kid.",
        ),
    ] = "psnr,ssim",
    recursive: Annotated[
        bool,
        typer.Option("--recursive", "-r", help="Walk into subfolders; their names must match."),
    ] = False,
    crop_border: Annotated[
        int,
        typer.Option("--crop-border", min=0, metavar="N", help="Pixels to leave out on each side."),
    ] = 0,
    resize_reference: Annotated[
        bool,
        typer.Option(
            "--resize-reference",
            help="Bring references to the size of their outputs instead of refusing them; every "
            "number's protocol then says so.",
        ),
    ] = False,
    reference_crop: Annotated[
        Literal["centre"] | None,
        typer.Option("--reference-crop", help="Take the middle of references that are larger."),
    ] = None,
    pair_rule: Annotated[
        str,
        typer.Option(
            "--pair",
            metavar="RULE",
            help="stem; prefix: many outputs of one reference; regex=PATTERN: its group agrees.",
        ),
    ] = "stem",
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write every number with its protocol."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.html",
            help="Write a page to look at: sliders, error maps, histograms; it needs no network.",
        ),
    ] = None,
    report_pictures: Annotated[
        int,
        typer.Option("--report-pictures", min=0, metavar="N", help="Show the N worst in it."),
    ] = 200,
    save_baseline: Annotated[
        Path | None,
        typer.Option("--save-baseline", metavar="FILE.json", help="Keep these numbers for later."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline", metavar="FILE.json", help="Compare with kept numbers; needs --max-drop."
        ),
    ] = None,
    max_drop: Annotated[
        str | None,
        typer.Option(
            "--max-drop",
            metavar="NAME=X,...",
            help="How much worse than the baseline each mean may be; exit code 3 if it is more.",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="PATH", help="Published weights of lpips, dists, fid or kid."
        ),
    ] = None,
    vae: Vae = "small",
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=1,
            metavar="N",
            help="Pictures computed at once; unset: 1 on a CPU, 16 on a GPU.",
        ),
    ] = None,
    workers: Workers = WORKERS,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Measure pictures against references, and gate on the numbers.

    Pictures are paired by name and compared whole. What has no counterpart or another size is an
    error, told before anything is computed.
    """
    outputs, target = _sides(paths or [], reference)
    _check_usage(outputs, baseline, save_baseline, max_drop)
    if reference_crop and (report or resize_reference):
        raise RestoreError(
            "--reference-crop goes with neither --report nor --resize-reference",
            hint="crop the references to files of their own for a report",
        )
    names = _names(metrics, with_split=report is not None)
    written = [file for file in (csv, report, save_baseline) if file is not None]
    _check_writable(written)

    from restore_cli.commands.eval_output import picture_record, show, summary_record
    from restore_cli.engine.device import choose_device
    from restore_cli.evaluation import baseline as gates
    from restore_cli.evaluation.measure import measure
    from restore_cli.evaluation.measurement import Measurement, MetricInfo
    from restore_cli.evaluation.metrics import build
    from restore_cli.evaluation.pair_rules import Rule
    from restore_cli.evaluation.table import write_csv

    bounds = gates.parse_max_drop(max_drop) if max_drop is not None else {}
    kept = gates.load(baseline) if baseline is not None else None
    if baseline is not None:
        _check_spared([file for file in (csv, report) if file is not None], [baseline])
    where = choose_device(device)
    # Built before anything is computed: a missing extra or file is told at once.
    autoencoder = None
    if "latent-w2" in names:
        from restore_cli.ot_correct.autoencoders import load_autoencoder

        autoencoder = load_autoencoder(vae, where)
    builds = [
        build(names, border=crop_border, device=where, weights=weights, autoencoder=autoencoder)
        for _ in outputs
    ]
    for metric in chain(*builds) if resize_reference or reference_crop else ():
        metric.protocol += f"; {_RESIZED if resize_reference else _CROPPED}"
    sets = _pairs(
        outputs,
        target,
        recursive=recursive,
        resize_reference=resize_reference,
        crop_reference=reference_crop is not None,
        rule=Rule.parse(pair_rule),
    )
    _check_spared(
        written, [file for pair in chain(*sets) for file in (pair.output, pair.reference)]
    )
    if kept is not None:
        infos = {metric.name: MetricInfo.of(metric) for metric in builds[0]}
        gates.check_comparable([pair.name for pair in sets[0]], infos, kept, bounds)
    console = Console(quiet=quiet, json=json)
    measured: list[Measurement] = []
    labels = _labels(outputs)
    with terminable(), console.progress() as progress:
        for label, pairs, built in zip(labels, sets, builds, strict=True):
            bar = progress.add_task(label, total=len(pairs))
            rows: list[Row] = []
            for row in measure(
                pairs,
                built,
                device=where,
                batch_size=batch_size or (1 if where.type == "cpu" else 16),
                workers=workers,
                resize_reference=resize_reference,
                crop_reference=reference_crop is not None,
            ):
                rows.append(row)
                console.emit(picture_record(label, row, built))
                progress.advance(bar)
            measured.append(Measurement.of(label, rows, built))
    differences = _differences(measured, seed)
    fallen = gates.falls(measured[0], kept, bounds) if kept is not None else None
    summary = summary_record(measured, differences, fallen)
    show(console, measured, differences)
    if csv is not None:
        write_csv(csv, measured)
        console.say(f"numbers: {csv}")
    if report is not None:
        from restore_cli.evaluation.report.html import write_report

        write_report(
            report,
            measured,
            differences=differences,
            resize_reference=resize_reference,
            pictures=report_pictures,
        )
        console.say(f"report: {report}")
    if save_baseline is not None and not fallen:
        gates.save(save_baseline, measured[0])
        console.say(f"baseline: {save_baseline}")
    console.emit(summary)
    if kept is not None:
        _pass_gate(console, fallen or [], kept)


def _sides(paths: Sequence[str], reference: str | None) -> tuple[list[Path], Path]:
    """Tell which of the paths are outputs, and what is the reference."""
    if "" in (*paths, reference):
        # Path("") is the working directory: an unset shell variable must not stand for it.
        raise RestoreError("a path is an empty text", hint="name a file or folder")
    if reference is not None and paths:
        return [Path(path) for path in paths], Path(reference)
    if reference is None and len(paths) == 2:
        return [Path(paths[0])], Path(paths[1])
    if reference is None and len(paths) > 2:
        raise RestoreError(
            f"{len(paths)} paths are given, and nothing says which is the reference",
            hint="name it: restore eval A B --reference R",
        )
    raise RestoreError(
        "nothing to compare" if not paths else f"{paths[0]} is given without a reference",
        hint="name an output and its reference: restore eval restored/ truth/",
    )


def _check_usage(
    outputs: Sequence[Path], baseline: Path | None, save: Path | None, max_drop: str | None
) -> None:
    """Refuse what cannot be meant before anything heavy is imported."""
    if (baseline is None) != (max_drop is None):
        raise RestoreError(
            "--baseline and --max-drop belong together",
            hint="for example --baseline quality.json --max-drop psnr=0.05,ssim=0.001",
        )
    twice = [path for path, times in Counter(outputs).items() if times > 1]
    if twice:
        raise RestoreError(f"{twice[0]} is given twice", hint="name each output once")
    if len(outputs) > 1 and (baseline or save):
        raise RestoreError(
            "a baseline holds one output, but several are given",
            hint="measure the outputs one at a time",
        )


def _names(text: str, *, with_split: bool) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise RestoreError("--metrics names no metric", hint="for example --metrics psnr,ssim")
    # The report draws how much of each picture's error is photometric.
    return [*names, "photometric-share"] if with_split else names


def _check_writable(files: Sequence[Path]) -> None:
    """Computing for an hour and then not finding the folder to write to helps nobody."""
    for file in files:
        if not file.parent.is_dir() or file.is_dir():
            missing = f"cannot be written: no folder {file.parent}"
            problem = "is a folder" if file.is_dir() else missing
            raise RestoreError(f"{file} {problem}", hint="name a file in a folder that exists")
    twice = [file for file, times in Counter(map(_place, files)).items() if times > 1]
    if twice:
        raise RestoreError(
            f"{twice[0]} is named for two things to write", hint="give each a file of its own"
        )


def _check_spared(written: Sequence[Path], inputs: Iterable[Path]) -> None:
    """Inputs are never overwritten."""
    if not written:
        return
    read = set(map(_place, inputs))
    for file in written:
        if _place(file) in read:
            raise RestoreError(
                f"{file} is an input: it would be overwritten", hint="name another file to write"
            )


def _place(file: Path) -> Path:
    """Where a name lies; a link is replaced, not what it leads to."""
    return file.parent.resolve() / file.name


def _pairs(
    outputs: Sequence[Path],
    reference: Path,
    *,
    recursive: bool,
    resize_reference: bool,
    crop_reference: bool,
    rule: "Rule",
) -> "list[list[Pair]]":
    """The pairs of each output; what is wrong with any of them is told together."""
    from restore_cli.evaluation.pairing import check_sizes, pair

    sets: list[list[Pair]] = []
    wrong: list[RestoreError] = []
    for output in outputs:
        try:
            pairs = pair(output, reference, recursive=recursive, rule=rule)
            check_sizes(pairs, resize_reference=resize_reference, crop_reference=crop_reference)
            sets.append(pairs)
        except RestoreError as error:
            wrong.append(error)
    if wrong:
        hints = dict.fromkeys(error.hint for error in wrong if error.hint)
        messages = dict.fromkeys(error.message for error in wrong)
        raise RestoreError("\n".join(messages), hint="; ".join(hints) or None)
    return sets


def _labels(outputs: Sequence[Path]) -> list[str]:
    """The outputs' own names, or their whole paths where two are called alike."""
    names = [path.name or path.resolve().name for path in outputs]
    return names if len(set(names)) == len(names) else [str(path) for path in outputs]


def _differences(measured: "Sequence[Measurement]", seed: int) -> "Differences":
    """How every further output compares with the first, by each metric with numbers per picture."""
    from restore_cli.evaluation.statistics import paired_difference

    first, *others = measured
    return {
        (first.label, other.label, info.name): paired_difference(
            [row.values[info.name] for row in first.rows],
            [row.values[info.name] for row in other.rows],
            higher_is_better=info.higher_is_better,
            seed=seed,
        )
        for other in others
        for info in first.metrics.values()
        if info.per_picture
    }


def _pass_gate(console: Console, fallen: "Sequence[Fall]", kept: "Baseline") -> None:
    """Say that nothing fell, or raise what did."""
    if not fallen:
        console.say(f"nothing fell by more than allowed since {kept.label}")
        return
    lines = [
        f"  {fall.metric} {'(mean)' if fall.name is None else fall.name}: "
        f"{_word(fall.before)} -> {_word(fall.now)}, "
        f"may {'fall' if kept.metrics[fall.metric].higher_is_better else 'rise'} "
        f"by {fall.allowed:g}"
        for fall in fallen[:_MOST_FALLS]
    ]
    if len(fallen) > _MOST_FALLS:
        lines.append(f"  ... and {len(fallen) - _MOST_FALLS} more; --json lists all")
    raise RestoreError(
        "\n".join(["worse than the baseline by more than allowed:", *lines]),
        hint="find what changed; to accept it, make the baseline again, without --baseline",
        exit_code=ExitCode.GATE_FAILED,
    )


def _word(value: float) -> str:
    return "identical" if math.isinf(value) else f"{value:.4f}"
