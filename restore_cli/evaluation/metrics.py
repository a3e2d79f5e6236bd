"""The metrics of `restore eval` by name, each one update/compute pair with its protocol.

A number without its protocol cannot be compared: papers differ in channel, range, window, border
and in what happens before. The formulas are pure functions in the files beside this one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from typing import Protocol as Interface

import torch
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.evaluation.delta_e import mean_ciede2000
from restore_cli.evaluation.fidelity import check_shapes, psnr
from restore_cli.evaluation.inception import load_inception
from restore_cli.evaluation.latent_distance import LatentDistance
from restore_cli.evaluation.luma import psnr_y, ssim_y
from restore_cli.evaluation.metric_names import check_name
from restore_cli.evaluation.no_reference import NO_REFERENCE, load_no_reference
from restore_cli.evaluation.perceptual import Distance, load_dists, load_lpips
from restore_cli.evaluation.photometric import photometric_share, psnr_aligned, psnr_gtmean
from restore_cli.evaluation.structure import ms_ssim, ssim
from restore_cli.transport.autoencoder import Autoencoder

__all__ = ["METRICS", "Metric", "build", "psnr", "ssim"]


class Metric(Interface):
    """A running metric.

    Attributes:
        name: what `--metrics` calls it.
        unit: "dB", or "" for a bare number.
        higher_is_better: which end is the good one.
        per_picture: False for fid, kid and latent-w2: one number for the whole set.
        protocol: what must be the same for two numbers to be comparable.
    """

    name: str
    unit: str
    higher_is_better: bool
    per_picture: bool
    protocol: str

    def update(self, output: Tensor, reference: Tensor) -> Tensor | None:
        """Take in a batch.

        Args:
            output: (B, C, H, W) float32 in [0, 1], C 3 or 1 (grey), the border not yet cropped.
            reference: the same shape, on the same device.

        Returns:
            (B,) float64, the value of each picture; None for metrics of the set.

        Raises:
            RestoreError: the shapes differ, or the pictures are too small for the metric.
        """
        ...

    def compute(self) -> float:
        """Mean over all pictures so far, without the infinite values; or the set's number.

        Infinity means identical (PSNR), and would drown the others. If all are infinite so is the
        mean; of no pictures it is nan, and a nan among the values is not hidden.
        """
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """What metrics are built with.

    Attributes:
        border: pixels cropped from each side before scoring.
        device: where networks run; formulas run where the pictures are.
        weights: folder or file of published weights; None looks in torch.hub's folder.
        autoencoder: whose latents latent-w2 compares.
    """

    border: int
    device: torch.device
    weights: Path | None
    autoencoder: Autoencoder | None = None

    @property
    def frame(self) -> str:
        """The part of a protocol that says which pixels count."""
        return f"border {self.border} px cropped" if self.border else "whole frame"


class PictureMetric:
    """A metric that is a function of one pair, averaged over pairs."""

    per_picture = True

    def __init__(
        self,
        name: str,
        distance: Distance,
        protocol: str,
        settings: Settings,
        *,
        unit: str = "",
        higher_is_better: bool = True,
    ) -> None:
        self.name = name
        self.unit = unit
        self.higher_is_better = higher_is_better
        self.protocol = f"{protocol}; {settings.frame}"
        self._distance = distance
        self._border = settings.border
        self._values: list[Tensor] = []

    @torch.no_grad()
    def update(self, output: Tensor, reference: Tensor) -> Tensor:
        """Score each picture of a batch (see `Metric`)."""
        values = self._distance(*_cropped(output, reference, self._border))
        self._values.append(values)
        return values

    def compute(self) -> float:
        """Mean of the values so far (see `Metric`)."""
        values = [value for batch in self._values for value in batch.tolist()]
        counted = [value for value in values if not math.isinf(value)]
        if counted:
            return math.fsum(counted) / len(counted)
        return math.inf if values else math.nan


class SetDistance(Interface):
    """A distance between two sets of pictures, taken in batch by batch."""

    def update(self, output: Tensor, reference: Tensor) -> None:
        """Take in (B, C, H, W) of both sets."""
        ...

    def compute(self) -> float:
        """The distance of all that was taken in."""
        ...


class SetMetric:
    """A distance between the set of outputs and the set of references."""

    unit = ""
    higher_is_better = False
    per_picture = False

    def __init__(self, name: str, distance: SetDistance, protocol: str, settings: Settings) -> None:
        self.name = name
        self.protocol = f"{protocol}; {settings.frame}"
        self._distance = distance
        self._border = settings.border

    def update(self, output: Tensor, reference: Tensor) -> None:
        """Take in a batch of both sets (see `Metric`)."""
        self._distance.update(*_cropped(output, reference, self._border))

    def compute(self) -> float:
        """The distance of the sets so far (see `Metric`)."""
        return self._distance.compute()


def _psnr(settings: Settings) -> Metric:
    return PictureMetric("psnr", psnr, "PSNR; RGB or grey; range 1", settings, unit="dB")


def _ssim(settings: Settings) -> Metric:
    protocol = "SSIM; each of RGB or grey; range 1; Gaussian 11x11 sigma 1.5, valid"
    return PictureMetric("ssim", ssim, protocol, settings)


def _psnr_y(settings: Settings) -> Metric:
    protocol = "PSNR; Y of BT.601 studio range, unrounded; range 255"
    return PictureMetric("psnr-y", psnr_y, protocol, settings, unit="dB")


def _ssim_y(settings: Settings) -> Metric:
    protocol = (
        "SSIM; Y of BT.601 studio range, unrounded; range 255; Gaussian 11x11 sigma 1.5, valid"
    )
    return PictureMetric("ssim-y", ssim_y, protocol, settings)


def _ms_ssim(settings: Settings) -> Metric:
    protocol = (
        "MS-SSIM; each of RGB or grey; range 1; Gaussian 11x11 sigma 1.5, valid; five scales, "
        "weights of Wang 2003"
    )
    return PictureMetric("ms-ssim", ms_ssim, protocol, settings)


def _psnr_aligned(settings: Settings) -> Metric:
    protocol = (
        "PSNR after the best affine colour map of the picture; RGB or grey; range 1; eps 1e-12, "
        "not clipped"
    )
    return PictureMetric("psnr-aligned", psnr_aligned, protocol, settings, unit="dB")


def _psnr_gtmean(settings: Settings) -> Metric:
    protocol = (
        "PSNR after scaling to the reference's mean grey (BT.601), clipped, unrounded; "
        "RGB or grey; range 1"
    )
    return PictureMetric("psnr-gtmean", psnr_gtmean, protocol, settings, unit="dB")


def _delta_e(settings: Settings) -> Metric:
    protocol = "mean CIEDE2000; sRGB, D65, 2 degrees; kL = kC = kH = 1"
    return PictureMetric("delta-e", mean_ciede2000, protocol, settings, higher_is_better=False)


def _photometric_share(settings: Settings) -> Metric:
    protocol = (
        "share of the squared error that an affine colour map of the picture explains; "
        "RGB or grey; eps 1e-12"
    )
    # Neither end is good in itself. It sorts with errors: photometric ones want looking at.
    return PictureMetric(
        "photometric-share", photometric_share, protocol, settings, higher_is_better=False
    )


def _lpips(settings: Settings) -> Metric:
    distance, protocol = load_lpips(device=settings.device, weights=settings.weights)
    return PictureMetric("lpips", distance, protocol, settings, higher_is_better=False)


def _dists(settings: Settings) -> Metric:
    distance, protocol = load_dists(device=settings.device, weights=settings.weights)
    return PictureMetric("dists", distance, protocol, settings, higher_is_better=False)


def _inception(kind: Literal["fid", "kid"], settings: Settings) -> Metric:
    distance, protocol = load_inception(kind, device=settings.device, weights=settings.weights)
    return SetMetric(kind, distance, protocol, settings)


def _latent_w2(settings: Settings) -> Metric:
    if settings.autoencoder is None:
        raise RestoreError("latent-w2 needs an autoencoder", hint="name one with --vae")
    distance = LatentDistance(settings.autoencoder)
    return SetMetric("latent-w2", distance, distance.protocol, settings)


def _no_reference(name: str, settings: Settings) -> Metric:
    score, protocol = load_no_reference(name, device=settings.device, weights=settings.weights)
    higher = NO_REFERENCE[name].higher_is_better
    return PictureMetric(name, score, protocol, settings, higher_is_better=higher)


METRICS: dict[str, Callable[[Settings], Metric]] = {
    "psnr": _psnr,
    "ssim": _ssim,
    "psnr-y": _psnr_y,
    "ssim-y": _ssim_y,
    "ms-ssim": _ms_ssim,
    "psnr-aligned": _psnr_aligned,
    "psnr-gtmean": _psnr_gtmean,
    "delta-e": _delta_e,
    "photometric-share": _photometric_share,
    "latent-w2": _latent_w2,
    "lpips": _lpips,
    "dists": _dists,
    "fid": lambda settings: _inception("fid", settings),
    "kid": lambda settings: _inception("kid", settings),
    "niqe": lambda settings: _no_reference("niqe", settings),
    "musiq": lambda settings: _no_reference("musiq", settings),
}
"""What `--metrics` may name."""


def build(
    names: Sequence[str],
    *,
    border: int = 0,
    device: torch.device,
    weights: Path | None = None,
    autoencoder: Autoencoder | None = None,
) -> list[Metric]:
    """Metrics by name, in the order named; what is named twice is built once.

    Args:
        names: keys of `METRICS`. `psnr-gtmean` brings plain `psnr` along, just before it: the
            one is not told without the other.
        border: pixels to crop from each side before scoring.
        device: where networks run.
        weights: folder or file of published weights for lpips (alexnet-owt-7be5be79.pth), dists
            (vgg16-397923af.pth), fid and kid (weights-inception-2015-12-05-6726825d.pth), and
            those of `NO_REFERENCE`; None looks where torch.hub keeps downloads. Nothing is
            downloaded.
        autoencoder: whose latents latent-w2 compares; only that needs it.

    Returns:
        Fresh metrics.

    Raises:
        RestoreError: an unknown name, a negative border, a missing extra, missing weights, no
            autoencoder.
    """
    if border < 0:
        raise RestoreError(f"the border to crop is {border} pixels; it must be at least 0")
    wanted: dict[str, None] = {}
    for name in names:
        check_name(name)
        if name == "psnr-gtmean":
            wanted["psnr"] = None
        wanted[name] = None
    settings = Settings(border, device, weights, autoencoder)
    return [METRICS[name](settings) for name in wanted]


def _cropped(output: Tensor, reference: Tensor, border: int) -> tuple[Tensor, Tensor]:
    check_shapes(output, reference)
    if border == 0:
        return output, reference
    height, width = output.shape[-2:]
    if min(height, width) <= 2 * border:
        raise RestoreError(
            f"cropping {border} pixels from each side leaves nothing of {width} x {height}",
            hint="take a smaller border",
        )
    inner = (..., slice(border, -border), slice(border, -border))
    return output[inner], reference[inner]
