"""The perception-distortion curve of a correction: PSNR against latent W2, over alpha."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
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


class _Curve:
    """What one decoding and one alpha make of the pictures so far."""

    def __init__(self, transport: LatentTransport, metrics: Sequence[Metric]) -> None:
        self.moments = Moments(transport.autoencoder.channels, transport.patch)
        self.psnr: list[float] = []
        self.further = {metric.name: list[float]() for metric in metrics}


class Sweep:
    """Every picture with every alpha, measured as if the files were written and read.

    Args:
        transport: fitted.
        alphas: which points.
        decodings: one curve each.
        seed: of the noise for singular sources.
        metrics: measured beside PSNR, such as LPIPS: of single pictures, not of sets.
    """

    def __init__(
        self,
        transport: LatentTransport,
        *,
        alphas: Sequence[float],
        decodings: Sequence[Decoding] = ("residual",),
        seed: int = 0,
        metrics: Sequence[Metric] = (),
    ) -> None:
        self._transport = transport
        self._alphas = alphas
        self._decodings = decodings
        self._seed = seed
        self._metrics = metrics
        self._truth = Moments(transport.autoencoder.channels, transport.patch)
        keys: list[tuple[Decoding, float]] = [(d, alpha) for d in decodings for alpha in alphas]
        self._found = {key: _Curve(transport, metrics) for key in keys}
        self._pictures = 0

    def measure(self, pair: Pair) -> None:
        """Correct one restored picture with every alpha, and measure it.

        Raises:
            RestoreError: a picture cannot be read.
        """
        transport, encode = self._transport, self._transport.autoencoder.encode
        picture, target = Picture.read(pair.output), to_tensor(Picture.read(pair.reference))
        image = to_tensor(picture)
        self._truth.update(encode(target))
        for decoding in self._decodings:
            # Image-space interpolation is linear: one transport serves every alpha.
            generator = torch.Generator().manual_seed(self._seed)
            full = transport.apply(image, decoding=decoding, generator=generator)
            for alpha in self._alphas:
                mixed = (image + (1.0 - alpha) * (full - image))[0].permute(1, 2, 0)
                written = to_tensor(picture.with_srgb(mixed.numpy()))
                found = self._found[decoding, alpha]
                found.moments.update(encode(written))
                found.psnr.append(float(psnr(written, target)))
                for metric in self._metrics:
                    value = metric.update(written, target)
                    assert value is not None
                    found.further[metric.name].append(float(value))
        self._pictures += 1

    def points(self) -> list[Point]:
        """The points of what was measured, by decoding, then in the order of the alphas."""
        return [
            Point(
                decoding=decoding,
                alpha=alpha,
                psnr=_mean(found.psnr),
                latent_w2=latent_distance(found.moments, self._truth),
                latent_w2_fit=latent_distance(found.moments, self._transport.natural),
                pictures=self._pictures,
                further={name: _mean(values) for name, values in found.further.items()},
            )
            for (decoding, alpha), found in self._found.items()
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
