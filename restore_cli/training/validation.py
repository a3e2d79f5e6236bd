"""Measuring a network while it trains."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from restore_cli.data.sample import Batch, Sample
from restore_cli.engine.device import Precision, autocast
from restore_cli.evaluation.metrics import psnr
from restore_cli.networks.base import Network
from restore_cli.raw.neutral import camera_to_srgb

Row = tuple[Tensor, Tensor, Tensor]
"""Input, output and target of one picture, (3, H, W) on the CPU."""

MOST = 60.0
"""dB; no picture counts for more: rounding to 8 bits alone leaves 58.9. A clean picture that an
untrained network passes on unchanged is infinitely good, and would be the best for ever."""

_TOGETHER = 4  # pictures of one size: beyond that a CPU gains nothing, and memory runs short


@dataclass(frozen=True)
class Validation:
    """What came of it.

    Attributes:
        psnr: mean over the pictures, dB; None where there are none.
        rows: the first pictures, to look at.
        by_source: mean of each source that the pictures are labelled with, dB.
    """

    psnr: float | None
    rows: list[Row]
    by_source: dict[int, float] = field(default_factory=dict[int, float])


def validate(
    network: Network,
    pairs: list[Sample],
    *,
    samples: int,
    device: torch.device,
    precision: Precision = "fp32",
) -> Validation:
    """PSNR of a network's outputs over fixed pairs, each picture's at most `MOST`.

    Pictures of one size are computed together.

    Args:
        network: on `device`; pictures are cropped to its multiple, and one with a noise level is
            told it.
        pairs: as `validation_pairs` gives them.
        samples: how many pictures to keep.
        device: where to compute.
        precision: number format to compute in.
    """
    values: list[float] = []
    rows: list[Row] = []
    labelled: dict[int, list[float]] = {}
    for group in _of_one_size([_cropped(pair, network.info.multiple) for pair in pairs]):
        outputs = _outputs(network, Batch.stacked(group).to(device), precision).cpu()
        for pair, output in zip(group, outputs, strict=True):
            values.append(_capped(output, pair.target))
            if pair.source is not None:
                labelled.setdefault(int(pair.source), []).append(values[-1])
            if len(rows) < samples:
                rows.append((_shown(pair), output, pair.target))
    means = {label: sum(found) / len(found) for label, found in sorted(labelled.items())}
    return Validation(mean(values), rows, means)


def _outputs(network: Network, batch: Batch, precision: Precision) -> Tensor:
    """(B, 3, H, W) in [0, 1], sRGB."""
    with torch.inference_mode(), autocast(batch.image.device, precision):
        level = batch.sigma if network.info.takes_sigma else None
        output = network(batch.image, level).float()
        if batch.matrix is not None:
            output = camera_to_srgb(output, batch.matrix)
        return output.clamp(0, 1)


def _cropped(pair: Sample, multiple: int) -> Sample:
    height, width = (size - size % multiple for size in pair.image.shape[-2:])
    return pair.mapped(lambda t: t[..., :height, :width] if t.ndim == 3 else t)


def _of_one_size(pairs: list[Sample]) -> Iterator[list[Sample]]:
    """The pairs in their order, up to four neighbours of one size together."""
    group: list[Sample] = []
    for pair in pairs:
        if group and (len(group) == _TOGETHER or pair.image.shape != group[0].image.shape):
            yield group
            group = []
        group.append(pair)
    if group:
        yield group


def input_psnr(pairs: list[Sample]) -> float | None:
    """Mean PSNR of the unrestored inputs, dB, each at most `MOST`; None where there are no pairs.

    Of a mosaic it is the plainest rendering that counts.
    """
    return mean([_capped(_shown(pair).clamp(0, 1), pair.target) for pair in pairs])


def _capped(image: Tensor, target: Tensor) -> float:
    return min(float(psnr(image[None], target[None])), MOST)


def _shown(pair: Sample) -> Tensor:
    return (pair.image if pair.rendering is None else pair.rendering).float()


def mean(values: list[float]) -> float | None:
    """Their mean; None of none."""
    return sum(values) / len(values) if values else None
