"""`restore eval`: outputs and references in; tables, JSON lines, a report and a gate out."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from restore_cli.commands import eval_options as options
from restore_cli.commands.console import Console
from restore_cli.commands.eval_checks import (
    STDOUT,
    Files,
    bounds_of,
    check_gate,
    check_given,
    labels_of,
    metric_names,
    pairs_of,
    sides,
)
from restore_cli.commands.eval_gate import pass_gate
from restore_cli.commands.options import (
    WORKERS,
    Device,
    Json,
    Quiet,
    Seed,
    Traceback,
    Workers,
)
from restore_cli.commands.ot_options import AllowDownload, Vae
from restore_cli.commands.outputs import check_outputs, files_of
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    import torch

    from restore_cli.commands.eval_output import Comparison
    from restore_cli.evaluation.gate import Verdict
    from restore_cli.evaluation.measurement import Measurement, Row
    from restore_cli.evaluation.metrics import Metric
    from restore_cli.evaluation.pairing import Pair

_CROPPED = "reference cropped to its middle"
_RESIZED = "reference resized to the output (area or bicubic)"


def evaluate(
    paths: options.Paths = None,
    *,
    reference: options.Reference = None,
    metrics: options.Metrics = "psnr,ssim",
    recursive: options.Recursive = False,
    crop_border: options.CropBorder = 0,
    resize_reference: options.ResizeReference = False,
    reference_crop: options.ReferenceCrop = None,
    pair_rule: options.PairRule = "stem",
    csv: options.Csv = None,
    report: options.Report = None,
    report_pictures: options.ReportPictures = 200,
    save_baseline: options.SaveBaseline = None,
    baseline: options.BaselineFile = None,
    max_drop: options.MaxDrop = None,
    max_drop_each: options.MaxDropEach = None,
    junit: options.Junit = None,
    markdown: options.Markdown = None,
    weights: options.Weights = None,
    vae: Vae = "small",
    allow_download: AllowDownload = False,
    batch_size: options.BatchSize = None,
    workers: Workers = WORKERS,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Measure pictures against references, and gate on the numbers.

    Pictures are paired by name and compared whole. What has no counterpart or another size is an
    error, told before anything is computed. Tables go to standard output, notes to standard error.
    """
    outputs, target = sides(paths or [], reference)
    check_gate(baseline, max_drop, max_drop_each, junit)
    check_given(outputs, one=baseline is not None or save_baseline is not None)
    if reference_crop and (report or resize_reference):
        raise RestoreError(
            "--reference-crop goes with neither --report nor --resize-reference",
            hint="crop the references to files of their own for a report",
        )
    names = metric_names(metrics, with_split=report is not None)
    files = Files(csv, markdown, junit, report, save_baseline)
    files.check(json=json)

    # Before torch is imported: a wrong path is told at once.
    from restore_cli.images.pair_rules import Rule

    unlike = {"resize_reference": resize_reference, "crop_reference": reference_crop is not None}
    rule = Rule.parse(pair_rule)
    sets = pairs_of(outputs, target, recursive=recursive, rule=rule, **unlike)

    from restore_cli.commands.eval_output import compare, show, summary_record
    from restore_cli.engine.device import choose_device
    from restore_cli.evaluation import baseline as kept_numbers
    from restore_cli.evaluation.gate import check_comparable, judge
    from restore_cli.evaluation.measure import measure
    from restore_cli.evaluation.measurement import MetricInfo

    bounds = bounds_of(max_drop, max_drop_each)
    kept = kept_numbers.load(baseline) if baseline is not None else None
    # A baseline may be renewed by the run that passes it; nothing else may replace it.
    check_outputs(replace(files, baseline=None).named, [baseline] if baseline is not None else [])
    where = choose_device(device)
    # Built before anything is computed: a missing extra or file is told at once.
    builds = _build(
        len(outputs), names, crop_border, where, weights, vae, allow_download=allow_download
    )
    for metric in chain(*builds) if resize_reference or reference_crop else ():
        metric.protocol += f"; {_RESIZED if resize_reference else _CROPPED}"
    read = [file for pair in chain(*sets) for file in (pair.output, pair.reference)]
    files.spare([*read, *files_of(weights), *files_of(vae)])
    if kept is not None:
        infos = {metric.name: MetricInfo.of(metric) for metric in builds[0]}
        check_comparable([pair.name for pair in sets[0]], infos, kept, bounds)
    console = Console(quiet=quiet, json=json, stdout_is_taken=files.to_stdout)
    at_once = batch_size or (1 if where.type == "cpu" else 16)
    one = partial(measure, device=where, batch_size=at_once, workers=workers, **unlike)
    measured = _measure(console, one, labels_of(outputs), sets, builds)
    compared = compare(measured, seed)
    verdict = judge(measured[0], kept, bounds) if kept is not None else None
    show(console, measured, compared)
    _write(console, files, measured, compared, verdict, resize_reference, report_pictures)
    console.emit(summary_record(measured, compared, verdict))
    if verdict is not None:
        pass_gate(console, verdict)


def _build(
    times: int,
    names: list[str],
    border: int,
    device: "torch.device",
    weights: Path | None,
    vae: str,
    *,
    allow_download: bool,
) -> "list[list[Metric]]":
    """Build the metrics of each output; an autoencoder is loaded once."""
    from restore_cli.evaluation.metrics import build

    autoencoder = None
    if "latent-w2" in names:
        from restore_cli.ot_correct.autoencoders import load_autoencoder

        autoencoder = load_autoencoder(vae, device, allow_download=allow_download)
    return [
        build(names, border=border, device=device, weights=weights, autoencoder=autoencoder)
        for _ in range(times)
    ]


def _measure(
    console: Console,
    measure: "Callable[[Sequence[Pair], Sequence[Metric]], Iterator[Row]]",
    labels: Sequence[str],
    sets: "Sequence[Sequence[Pair]]",
    builds: "Sequence[Sequence[Metric]]",
) -> "list[Measurement]":
    """Measure one output after another, and emit each picture as it is done."""
    from restore_cli.commands.eval_output import picture_record
    from restore_cli.evaluation.measurement import Measurement

    measured: list[Measurement] = []
    with console.progress() as progress:
        for label, pairs, built in zip(labels, sets, builds, strict=True):
            bar = progress.add_task(label, total=len(pairs))
            rows: list[Row] = []
            for row in measure(pairs, built):
                rows.append(row)
                console.emit(picture_record(label, row, built))
                progress.advance(bar)
            measured.append(Measurement.of(label, rows, built))
    return measured


def _write(
    console: Console,
    files: Files,
    measured: "list[Measurement]",
    compared: "Comparison",
    verdict: "Verdict | None",
    resize_reference: bool,
    pictures: int,
) -> None:
    """Write everything that was asked for; a baseline only if the gate is passed."""
    from restore_cli.evaluation.table import as_csv

    if files.csv is not None:
        _put(console, "numbers", files.csv, as_csv(measured))
    if files.markdown is not None:
        from restore_cli.evaluation.markdown import as_markdown

        _put(console, "summary", files.markdown, as_markdown(measured, compared.ranking, verdict))
    if files.junit is not None and verdict is not None:
        from restore_cli.evaluation.junit import as_junit

        _put(console, "tests", files.junit, as_junit(verdict, measured[0].label))
    if files.report is not None:
        from restore_cli.evaluation.report.html import write_report

        write_report(
            files.report,
            measured,
            differences=compared.differences,
            ranking=compared.ranking,
            resize_reference=resize_reference,
            pictures=pictures,
        )
        console.say(f"report: {files.report}")
    if files.baseline is not None and (verdict is None or verdict.passed):
        from restore_cli.evaluation.baseline import save

        save(files.baseline, measured[0])
        console.say(f"baseline: {files.baseline}")


def _put(console: Console, what: str, file: Path, data: bytes) -> None:
    """Write a whole file, or to standard output."""
    from restore_cli.images.atomic import write_atomically

    if file == STDOUT:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    write_atomically(file, data)
    console.say(f"{what}: {file}")
