"""From a photo back to what a sensor recorded: colours, Bayer mosaic, noise, black level, bits.

One simulation for both ends: `record` gives the frames that test files are written from
(`raw.dng.write_dng`), and `Mosaic` the training pairs of the network that develops them.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from restore_cli.degradations.cameras import Camera, Noise
from restore_cli.degradations.sample import Range, Sample, check_options, log_uniform
from restore_cli.images.color import linear_to_srgb, srgb_to_linear
from restore_cli.raw.bayer import scatter

Pattern = Literal["RGGB", "GRBG", "GBRG", "BGGR"]
Plane = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Sensor:
    """How a frame is stored.

    Attributes:
        pattern: colours of the 2x2 cell at the origin, row by row.
        bits: of a sample.
        black: code of no light.
        white: code of saturation; None is the largest that `bits` hold.
        noise: what is added; None is nothing.
    """

    pattern: Pattern = "RGGB"
    bits: int = 14
    black: int = 512
    white: int | None = None
    noise: Noise | None = None

    @property
    def saturation(self) -> int:
        """The code of saturation."""
        return 2**self.bits - 1 if self.white is None else self.white

    def __post_init__(self) -> None:
        if not 0 <= self.black < self.saturation < 2**16:
            raise ValueError(f"black {self.black} and white {self.saturation} leave no range")


def expose(light: Plane, camera: Camera) -> Plane:
    """What a camera sees of a scene.

    Args:
        light: (H, W, 3) linear sRGB in [0, 1].
        camera: its colours.

    Returns:
        (H, W, 3) white-balanced camera values, clipped to [0, 1]; times `camera.neutral` they are
        what the sensor receives.
    """
    return np.clip(light @ camera.from_srgb().T, 0, 1)


def record(
    balanced: Plane, camera: Camera, sensor: Sensor, rng: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """The frame that a sensor records.

    Args:
        balanced: (H, W, 3) as `expose` returns it.
        camera: whose white balance is taken off.
        sensor: pattern, noise, levels.
        rng: where the noise comes from.

    Returns:
        (H, W) codes, rounded, clipped at saturation.
    """
    signal = mosaic(balanced * camera.neutral, sensor.pattern)
    if sensor.noise is not None:
        signal = signal + sensor.noise.deviation(signal) * rng.standard_normal(signal.shape)
    codes = np.floor(sensor.black + signal * (sensor.saturation - sensor.black) + 0.5)
    return np.clip(codes, 0, sensor.saturation).astype(np.uint16)


def mosaic(planes: Plane, pattern: Pattern) -> Plane:
    """Keep one colour at each place: (H, W, 3) to (H, W)."""
    out = np.empty(planes.shape[:2], planes.dtype)
    for place, colour in enumerate(pattern):
        row, column = divmod(place, 2)
        out[row::2, column::2] = planes[row::2, column::2, "RGB".index(colour)]
    return out


@dataclass(frozen=True, kw_only=True)
class Mosaic:
    """A photo as a Bayer mosaic in the form that `networks.isp.ISP` reads.

    The target is the scene in white-balanced camera colours under the sRGB curve; with `finished`
    it stays the picture that the steps before made of it. Rows and columns that are even hold red:
    `raw.bayer` brings every pattern to that one.

    Attributes:
        iso: range of the ISO number, drawn log-uniformly.
        size: range of the sensor's area, 1 is APS-C, drawn log-uniformly.
        clean_probability: how often there is no noise at all.
        plain_probability: how often the photo's own values are taken for camera values, as in
            the published tests of demosaicing; else they are decoded to linear light and turned
            into the colours of a camera drawn from many.
        hide_probability: how often the noise level is hidden.
        bits: range of the bits of a sample.
        finished: keep the target, in sRGB, and tell the camera's matrix; no photo is then `plain`.
    """

    iso: Range = (50.0, 25600.0)
    size: Range = (0.25, 2.4)
    clean_probability: float = 0.4
    plain_probability: float = 0.5
    hide_probability: float = 0.7
    bits: tuple[int, int] = (10, 14)
    finished: bool = False

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("iso", "size"))
        if not 8 <= self.bits[0] <= self.bits[1] <= 16:
            raise ValueError(f"bits = {self.bits} must lie between 8 and 16")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Record `sample.image`; a height or width that is odd loses its last row or column."""
        height, width = (size - size % 2 for size in sample.image.shape[-2:])
        photo = sample.image[:, :height, :width].clamp(0, 1)
        plain = rng.uniform() < self.plain_probability and not self.finished
        camera = Camera.plain() if plain else Camera.draw(rng)
        light = photo if plain else srgb_to_linear(photo)
        scene = light.permute(1, 2, 0).numpy().astype(np.float64)
        balanced = scene if plain else expose(scene, camera)
        clean = bool(rng.uniform() < self.clean_probability)
        noise = Noise.of_iso(log_uniform(self.iso, rng), size=log_uniform(self.size, rng))
        bits = 16 if clean else int(rng.integers(self.bits[0], self.bits[1] + 1))
        black = 0 if clean else 2 ** (bits - 5)
        sensor = Sensor(bits=bits, black=black, noise=None if clean else noise)
        codes = record(balanced, camera, sensor, rng)
        gains = np.broadcast_to(1 / camera.neutral, balanced.shape)
        gain = mosaic(gains, "RGGB")
        seen = (codes.astype(np.float64) - black) / (sensor.saturation - black) * gain
        image = linear_to_srgb(_tensor(np.minimum(seen, 1)))
        matrix = None
        if self.finished:
            target = sample.target[:, :height, :width].clamp(0, 1)
            matrix = _tensor(np.linalg.inv(camera.from_srgb()))
        else:
            target = linear_to_srgb(_tensor(balanced)).permute(2, 0, 1).contiguous()
        level = torch.zeros(1, height, width)
        if not clean:
            signal = mosaic(balanced, "RGGB")
            deviation = gain * noise.deviation(signal / gain)
            # First order: half the step that one deviation up and down makes under the curve.
            up = linear_to_srgb(_tensor(np.minimum(signal + deviation, 1)))
            level = ((up - linear_to_srgb(_tensor(signal - deviation))) / 2)[None]
        hidden = rng.uniform() < self.hide_probability
        sigma = float("nan") if hidden else float(level.square().mean().sqrt())
        return replace(
            sample, image=scatter(image), target=target, noise=level, sigma=sigma, matrix=matrix
        )


def _tensor(values: Plane) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))
