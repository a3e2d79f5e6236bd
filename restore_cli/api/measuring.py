"""`evaluate`: how close pictures are to their references, with the protocol of each number."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from restore_cli.api.kinds import AnyPicture, Opened, PathLike, listed, open_ahead
from restore_cli.engine.device import choose_device
from restore_cli.errors import RestoreError
from restore_cli.evaluation.measure import measure
from restore_cli.evaluation.metrics import Metric, build
from restore_cli.evaluation.pairing import check_sizes, pair
from restore_cli.ot_correct.autoencoders import load_autoencoder

Pictures: TypeAlias = AnyPicture | Iterable[AnyPicture]
"""A folder, one picture of any kind, or several in an order."""


@dataclass(frozen=True, slots=True)
class Score:
    """What was measured of one picture.

    Attributes:
        name: the reference's name in its folder; for pictures in memory their place, from "0" on.
        values: by metric; infinite where PSNR finds two pictures identical.
    """

    name: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All numbers of one set of pictures.

    Attributes:
        rows: one for each picture, in order.
        means: by metric, over the pictures whose value is finite; of metrics of the whole set,
            such as FID, their value.
        protocols: by metric, what must be the same for two numbers to be comparable.
    """

    rows: tuple[Score, ...]
    means: Mapping[str, float]
    protocols: Mapping[str, str]


def evaluate(
    outputs: Pictures,
    references: Pictures,
    metrics: Sequence[str] = ("psnr", "ssim"),
    *,
    crop_border: int = 0,
    device: str = "auto",
    weights: PathLike | None = None,
    vae: str = "small",
    allow_download: bool = False,
) -> Evaluation:
    """Measure pictures against references.

    Args:
        outputs: a folder, whose pictures are paired with the references by name; one picture, or
            several (paths, `Picture`, PIL images, arrays).
        references: the same; as many, in the same order.
        metrics: names of `restore eval --metrics`: "psnr", "ssim", "psnr-y", "delta-e", ...
        crop_border: pixels left out on each side.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        weights: published weights of lpips, dists, fid or kid.
        vae: the autoencoder of latent-w2.
        allow_download: whether a hub id that is not in the cache may be fetched.

    Raises:
        RestoreError: unknown metrics, pictures without counterpart or of unlike size, a file that
            cannot be read.
        TypeError: a path is compared with pictures in memory.
    """
    where = choose_device(device)
    names = list(metrics)
    autoencoder = None
    if "latent-w2" in names:
        autoencoder = load_autoencoder(vae, where, allow_download=allow_download)
    built = build(
        names,
        border=crop_border,
        device=where,
        weights=None if weights is None else Path(weights),
        autoencoder=autoencoder,
    )
    ours, theirs = listed(outputs), listed(references)
    if isinstance(ours, Path) and isinstance(theirs, Path):
        rows = _of_files(ours, theirs, built, where)
    elif isinstance(ours, list) and isinstance(theirs, list):
        rows = _of_pictures(ours, theirs, built, where)
    else:
        raise TypeError("outputs and references are both paths, or both pictures in an order")
    means = {metric.name: float(metric.compute()) for metric in built}
    return Evaluation(rows, means, {metric.name: metric.protocol for metric in built})


def _of_files(
    outputs: Path, references: Path, metrics: Sequence[Metric], device: torch.device
) -> tuple[Score, ...]:
    pairs = pair(outputs, references)
    check_sizes(pairs, resize_reference=False)
    rows = measure(pairs, metrics, device=device, batch_size=1, workers=1)
    return tuple(Score(row.pair.name, row.values) for row in rows)


def _of_pictures(
    outputs: list[AnyPicture],
    references: list[AnyPicture],
    metrics: Sequence[Metric],
    device: torch.device,
) -> tuple[Score, ...]:
    if len(outputs) != len(references) or not outputs:
        raise RestoreError(
            f"{len(outputs)} outputs and {len(references)} references do not pair up",
            hint="give one reference for each output, in the same order",
        )
    pairs = zip(open_ahead(outputs), open_ahead(references), strict=True)
    return tuple(
        Score(str(index), _values(output, reference, metrics, device, index))
        for index, (output, reference) in enumerate(pairs)
    )


def _values(
    output: Opened,
    reference: Opened,
    metrics: Sequence[Metric],
    device: torch.device,
    index: int,
) -> dict[str, float]:
    if output.image.shape != reference.image.shape:
        sizes = ["x".join(map(str, one.image.shape[:0:-1])) for one in (output, reference)]
        raise RestoreError(
            f"picture {index}: the output is {sizes[0]}, the reference {sizes[1]}",
            hint="give outputs of the references' size",
        )
    # Two grey pictures are compared in their one channel, as in files.
    channels = 1 if output.is_grey and reference.is_grey else 3
    ours, theirs = (_batch(one.image[:channels], device) for one in (output, reference))
    values: dict[str, float] = {}
    for metric in metrics:
        with torch.inference_mode():
            value = metric.update(ours, theirs)
        if value is not None:
            values[metric.name] = float(value[0])
    return values


def _batch(image: Tensor, device: torch.device) -> Tensor:
    return image[None].to(device)
