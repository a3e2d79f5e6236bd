"""Noise and what files do to it: Gaussian, sensor (shot and read), 8-bit rounding, JPEG."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from restore_cli.degradations.change import Change, Planned, SometimesPlanned
from restore_cli.degradations.planes import colour
from restore_cli.degradations.sample import (
    Range,
    Sample,
    check_options,
    log_uniform,
    measure,
    number,
    root,
)
from restore_cli.images.color import linear_to_srgb, srgb_to_linear


@dataclass(frozen=True, kw_only=True)
class GaussianNoise(Planned):
    """Additive white Gaussian noise, not clipped (`Quantize8` after it is what a file holds).

    Attributes:
        sigma: range of the standard deviation on the 0..255 scale, drawn uniformly.
    """

    sigma: Range = (0.0, 55.0)

    def __post_init__(self) -> None:
        check_options(vars(self))

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Add noise; `sigma` stays a true single number only if the picture was clean before."""
        sigma = rng.uniform(*self.sigma) / 255.0
        return Change(_with_gauss, {"sigma": sigma, "grain": _normal(sample.image.shape, rng)})


def _with_gauss(sample: Sample, *, sigma: float, grain: Tensor) -> Sample:
    changed = replace(
        sample,
        image=sample.image + sigma * grain,
        noise=torch.sqrt(sample.noise**2 + sigma**2),
        sigma=sigma if sample.sigma == 0.0 else math.nan,
    )
    return measure(changed, "sigma", 255 * sigma)


@dataclass(frozen=True, kw_only=True)
class SensorNoise(Planned):
    """Shot and read noise of a camera, in linear light, optionally smeared as by demosaicing.

    The variance in linear light is `shot * x + read**2` (Foi et al. 2008). Demosaicing, denoising
    in the camera and resizing correlate it: `smear` is the sigma in px of a Gaussian filter over
    the noise, which keeps its variance.

    Attributes:
        shot: range of the shot-noise factor, drawn log-uniformly; 1e-4 is base ISO, 1e-2 very high.
        read: range of the read-noise deviation in linear light, drawn log-uniformly.
        smear: range of the filter, px; below 0.3 there is none.
        chroma: range of the extra noise of red and blue, as a factor (white balance gains).
    """

    shot: Range = (1e-4, 1.2e-2)
    read: Range = (2e-4, 1.5e-2)
    smear: Range = (0.0, 1.2)
    chroma: Range = (1.0, 1.8)

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("shot", "read"))

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Add the noise in linear light and return to sRGB, clipped as a sensor clips."""
        shot = log_uniform(self.shot, rng)
        read = log_uniform(self.read, rng)
        smear = rng.uniform(*self.smear)
        red, blue = rng.uniform(*self.chroma, size=2)
        grain = _smear(_normal(sample.image.shape, rng), smear)
        gains = torch.tensor([red, 1.0, blue], dtype=torch.float32)
        found = {"shot": shot, "read": read, "gains": gains, "grain": grain}
        return Change(_with_sensor, found)


def _with_sensor(
    sample: Sample, *, shot: float, read: float, gains: Tensor, grain: Tensor
) -> Sample:
    linear = srgb_to_linear(sample.image.clamp(0, 1))
    deviation = colour(gains) * torch.sqrt(shot * linear + read**2)
    noisy = linear_to_srgb((linear + deviation * grain).clamp(0, 1))
    # First-order level in sRGB: half the step that one deviation up and down makes there.
    up = linear_to_srgb((linear + deviation).clamp(0, 1))
    down = linear_to_srgb((linear - deviation).clamp(0, 1))
    level = ((up - down) / 2).square().mean(dim=0, keepdim=True)
    changed = replace(
        sample, image=noisy, noise=torch.sqrt(sample.noise**2 + level), sigma=math.nan
    )
    return measure(changed, "sigma", 255 * root(number(level.mean())))


@dataclass(frozen=True, kw_only=True)
class Quantize8(SometimesPlanned):
    """What an 8-bit file keeps: values clipped to [0, 1] and rounded to 256 levels.

    Attributes:
        clip_probability: how often values beyond [0, 1] are cut off. Where noise was cut off at
            white, its mean lies below white, and a network learns to brighten bright places.
    """

    clip_probability: float = 1.0

    def happening(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Clip and round. The noise level stays that of the noise before the file."""
        clip = self.clip_probability == 1 or rng.uniform() < self.clip_probability
        return Change(_rounded, {"clip": clip})


def _rounded(sample: Sample, *, clip: bool) -> Sample:
    if clip:
        return replace(sample, image=_to_bytes(sample.image).to(torch.float32) / 255.0)
    return replace(sample, image=(sample.image * 255.0 + 0.5).floor() / 255.0)


@dataclass(frozen=True, kw_only=True)
class Jpeg(SometimesPlanned):
    """JPEG compression by libjpeg, with or without chroma subsampling.

    Attributes:
        quality: range of the quality setting, drawn uniformly.
    """

    quality: tuple[int, int] = (40, 100)

    def happening(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Compress and decompress; no single sigma is true of the result."""
        quality = int(rng.integers(self.quality[0], self.quality[1] + 1))
        sampling = (
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
            if rng.uniform() < 0.5
            else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        )
        return Change(_filed, {"quality": quality, "sampling": sampling}, anywhere=False)


def _filed(sample: Sample, *, quality: int, sampling: int) -> Sample:
    rgb = _to_bytes(sample.image).permute(1, 2, 0).numpy()
    settings = [
        cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling,
    ]  # fmt: skip
    _, code = cv2.imencode(".jpg", np.ascontiguousarray(rgb[:, :, ::-1]), settings)
    back = cv2.imdecode(code, cv2.IMREAD_COLOR)
    if back is None:
        raise RuntimeError("OpenCV could not read the JPEG that it wrote")
    image = torch.from_numpy(np.ascontiguousarray(back[:, :, ::-1])).permute(2, 0, 1)
    return replace(sample, image=image.to(torch.float32) / 255.0, sigma=math.nan)


@dataclass(frozen=True, kw_only=True)
class DropNoiseLevel(SometimesPlanned):
    """Forget the noise level, so that a network learns to work blind as well.

    Attributes:
        probability: how often the level is hidden.
    """

    probability: float = 0.5

    def happening(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Set `sigma` to NaN; the picture stays."""
        return Change(_forgotten)


def _forgotten(sample: Sample) -> Sample:
    return replace(sample, sigma=math.nan)


def _normal(shape: torch.Size, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.standard_normal(tuple(shape), dtype=np.float32))


def _smear(noise: Tensor, sigma: float) -> Tensor:
    """Correlate unit noise by a Gaussian filter, and restore the unit variance exactly."""
    if sigma < 0.3:
        return noise
    kernel = cv2.getGaussianKernel(2 * math.ceil(3 * sigma) + 1, sigma)
    outside = cv2.BORDER_CONSTANT  # mirrored values would count twice and raise the variance
    smooth = cv2.sepFilter2D(
        noise.permute(1, 2, 0).numpy(), cv2.CV_32F, kernel, kernel, borderType=outside
    )
    # Independent unit values weighted by w have variance sum(w^2), with fewer terms at the border.
    ones = np.ones(noise.shape[-2:], np.float32)
    squares = np.square(kernel)
    variance = cv2.sepFilter2D(ones, cv2.CV_32F, squares, squares, borderType=outside)
    return torch.from_numpy(smooth / np.sqrt(variance)[:, :, None]).permute(2, 0, 1)


def _to_bytes(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255.0 + 0.5).to(torch.uint8)
