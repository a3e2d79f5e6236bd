"""The perception-distortion curve of a correction: PSNR against latent W2, over alpha."""

import csv
import io
import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import torch

from restore_cli.evaluation.fidelity import psnr
from restore_cli.evaluation.metrics import Metric
from restore_cli.evaluation.pairing import Pair
from restore_cli.images.atomic import write_atomically
from restore_cli.images.picture import Picture
from restore_cli.ot_correct.fitting import to_tensor
from restore_cli.transport.latent import Decoding, LatentTransport, latent_distance
from restore_cli.transport.moments import Moments


@dataclass(frozen=True, slots=True)
class Point:
    """One place on the curve.

    Attributes:
        decoding: "residual" or "plain".
        alpha: 0 is the full transport, 1 the input (image-space interpolation).
        psnr: mean over the pictures in dB, without those that equal their reference.
        latent_w2: 2-Wasserstein distance of the patches of all pictures to those of the
            references; not squared, in units of the latents.
        latent_w2_fit: the same to the natural pictures that the correction was fitted to.
        pictures: how many.
        further: means over the pictures of further metrics, by name.
    """

    decoding: Decoding
    alpha: float
    psnr: float
    latent_w2: float
    latent_w2_fit: float
    pictures: int
    further: Mapping[str, float] = field(default_factory=dict[str, float])


def sweep(
    transport: LatentTransport,
    pairs: Sequence[Pair],
    *,
    alphas: Sequence[float],
    decodings: Sequence[Decoding] = ("residual",),
    seed: int = 0,
    metrics: Sequence[Metric] = (),
) -> Generator[Pair, None, list[Point]]:
    """Correct every picture with every alpha, and measure as if the files were written and read.

    Args:
        transport: fitted.
        pairs: restored pictures and their references, of one size each.
        alphas: which points.
        decodings: one curve each.
        seed: of the noise for singular sources.
        metrics: measured beside PSNR, such as LPIPS: of single pictures, not of sets.

    Yields:
        Each pair, when it is done.

    Returns:
        The points, by decoding, then in the order of `alphas`.

    Raises:
        RestoreError: a picture cannot be read.
    """
    its = transport.autoencoder
    truth = Moments(its.channels, transport.patch)
    keys: list[tuple[Decoding, float]] = [
        (decoding, alpha) for decoding in decodings for alpha in alphas
    ]
    found = {key: Moments(its.channels, transport.patch) for key in keys}
    values: dict[tuple[Decoding, float], list[float]] = {key: [] for key in keys}
    more = {key: {metric.name: list[float]() for metric in metrics} for key in keys}
    for pair in pairs:
        picture, target = Picture.read(pair.output), to_tensor(Picture.read(pair.reference))
        image = to_tensor(picture)
        truth.update(its.encode(target))
        for decoding in decodings:
            # Image-space interpolation is linear: one transport serves every alpha.
            generator = torch.Generator().manual_seed(seed)
            full = transport.apply(image, decoding=decoding, generator=generator)
            for alpha in alphas:
                mixed = (image + (1.0 - alpha) * (full - image))[0].permute(1, 2, 0)
                written = to_tensor(picture.with_srgb(mixed.numpy()))
                found[decoding, alpha].update(its.encode(written))
                values[decoding, alpha].append(float(psnr(written, target)))
                for metric in metrics:
                    value = metric.update(written, target)
                    assert value is not None
                    more[decoding, alpha][metric.name].append(float(value))
        yield pair
    return [
        Point(
            decoding,
            alpha,
            _mean(values[decoding, alpha]),
            latent_distance(found[decoding, alpha], truth),
            latent_distance(found[decoding, alpha], transport.natural),
            len(pairs),
            {name: _mean(found) for name, found in more[decoding, alpha].items()},
        )
        for decoding, alpha in keys
    ]


def write_curve(path: Path, points: Sequence[Point]) -> None:
    """Write the points as CSV, at once. Raises RestoreError where that is not possible."""
    text = io.StringIO(newline="")
    plain = [own.name for own in fields(Point) if own.name != "further"]
    writer = csv.writer(text)
    writer.writerow([*plain, *points[0].further])
    writer.writerows(
        [*(getattr(point, name) for name in plain), *point.further.values()] for point in points
    )
    write_atomically(path, text.getvalue().encode())


def _mean(values: Sequence[float]) -> float:
    counted = [value for value in values if math.isfinite(value)]
    return math.fsum(counted) / len(counted) if counted else (math.inf if values else math.nan)
