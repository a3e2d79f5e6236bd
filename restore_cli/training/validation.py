"""Measuring a network while it trains."""

from dataclasses import dataclass

import torch
from torch import Tensor

from restore_cli.data.sample import Sample
from restore_cli.evaluation.metrics import psnr
from restore_cli.networks.base import Network
from restore_cli.raw.neutral import camera_to_srgb

Row = tuple[Tensor, Tensor, Tensor]
"""Input, output and target of one picture, (3, H, W) on the CPU."""


@dataclass(frozen=True)
class Validation:
    """What came of it.

    Attributes:
        psnr: mean over the pictures, dB; None where there are none.
        rows: the first pictures, to look at.
    """

    psnr: float | None
    rows: list[Row]


def validate(
    network: Network, pairs: list[Sample], *, samples: int, device: torch.device
) -> Validation:
    """PSNR of a network's outputs over fixed pairs.

    Args:
        network: on `device`; pictures are cropped to its multiple, and one with a noise level is
            told it.
        pairs: as `validation_pairs` gives them.
        samples: how many pictures to keep.
        device: where to compute.
    """
    multiple = network.info.multiple
    values: list[float] = []
    rows: list[Row] = []
    for pair in pairs:
        height, width = (size - size % multiple for size in pair.image.shape[-2:])
        image = pair.image[None, :, :height, :width].to(device)
        target = pair.target[None, :, :height, :width]
        with torch.inference_mode():
            level = pair.sigma[None].to(device) if network.info.takes_sigma else None
            output = network(image, level).float()
            if pair.matrix is not None:
                output = camera_to_srgb(output, pair.matrix[None].to(device))
            output = output.clamp(0, 1).cpu()
        values.append(float(psnr(output, target)))
        if len(rows) < samples:
            rows.append((_shown(pair)[:, :height, :width], output[0], target[0]))
    return Validation(mean(values), rows)


def input_psnr(pairs: list[Sample]) -> float | None:
    """Mean PSNR of the unrestored inputs, dB; None where there are no pairs.

    Of a mosaic it is the plainest rendering that counts.
    """
    return mean([float(psnr(_shown(p).clamp(0, 1)[None], p.target[None])) for p in pairs])


def _shown(pair: Sample) -> Tensor:
    return (pair.image if pair.rendering is None else pair.rendering).float()


def mean(values: list[float]) -> float | None:
    """Their mean; None of none."""
    return sum(values) / len(values) if values else None
