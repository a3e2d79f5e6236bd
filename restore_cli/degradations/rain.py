"""Falling rain: streaks of every direction, length, width and brightness, and the mist between.

Two kinds of streak layer, since real rain and the published test sets show both:

- *drawn*: single streaks, each with its own length, width, slant and brightness, bright in the
  middle and fading to its ends (after the look of Garg and Nayar's rendered streaks, 2006);
- *blurred*: sparse random grains smeared along one direction, the dense texture of distant or heavy
  rain.

Layers are composed by addition, by screening or by covering; a mist that grows with the amount of
rain may lie over all of it.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from restore_cli.degradations.sample import Range, Sample, check_options, log_uniform

Plane = npt.NDArray[np.floating]
_SUBPIXEL_BITS = 4  # cv2.line takes fixed-point coordinates
_REFERENCE_AREA = 1e4  # streak counts are stated per 100x100 px


@dataclass(frozen=True, kw_only=True)
class Rain:
    """Rain over a picture.

    Attributes:
        layers: range of the number of streak layers (inclusive).
        angle: range of the direction, degrees from the vertical, common to a picture's layers.
        spread: range of the deviation of a layer, and in it of a streak, from there, degrees.
        length: range of the streak length, px, drawn log-uniformly.
        width: range of the streak width, px, drawn log-uniformly.
        density: range of the streaks per 100x100 px (drawn kind), drawn log-uniformly.
        grains: range of the share of pixels that start a streak (blurred kind), log-uniform.
        brightness: range of the peak brightness of a layer.
        mist: range of the mist's opacity.
        mist_probability: how often there is mist at all.
    """

    layers: tuple[int, int] = (1, 3)
    angle: Range = (-50.0, 50.0)
    spread: Range = (0.0, 25.0)
    length: Range = (5.0, 90.0)
    width: Range = (0.7, 4.0)
    density: Range = (2.0, 80.0)
    grains: Range = (3e-4, 1e-2)
    brightness: Range = (0.08, 0.8)
    mist: Range = (0.0, 0.35)
    mist_probability: float = 0.25

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("length", "width", "density", "grains"))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Rain on `sample.image`; the result is clipped to [0, 1] as a camera clips."""
        height, width = sample.image.shape[-2:]
        picture = sample.image.permute(1, 2, 0).numpy()
        angle = rng.uniform(*self.angle)
        spread = rng.uniform(*self.spread)
        scale = rng.uniform(0.5, 1.5)  # rain of one picture is alike: near streaks long and wide
        for _ in range(int(rng.integers(self.layers[0], self.layers[1] + 1))):
            direction = angle + rng.normal() * spread / 2
            if rng.uniform() < 0.5:
                layer = self._drawn(
                    height, width, direction=direction, spread=spread, scale=scale, rng=rng
                )
            else:
                layer = self._blurred(height, width, direction=direction, scale=scale, rng=rng)
            picture = _compose(picture, layer * rng.uniform(*self.brightness), rng)
        if rng.uniform() < self.mist_probability:
            picture = _mist(picture, rng.uniform(*self.mist), rng)
        image = torch.from_numpy(np.ascontiguousarray(np.clip(picture, 0, 1)))
        return replace(sample, image=image.permute(2, 0, 1).contiguous(), sigma=math.nan)

    def _drawn(
        self,
        height: int,
        width: int,
        *,
        direction: float,
        spread: float,
        scale: float,
        rng: np.random.Generator,
    ) -> Plane:
        length = log_uniform(self.length, rng) * scale
        thick = log_uniform(self.width, rng)
        margin = math.ceil(length / 2 + 2)
        area = (height + 2 * margin) * (width + 2 * margin)
        # Long wide streaks come sparser: what is bounded is the share of the picture they cover.
        covered = length * thick / _REFERENCE_AREA
        density = min(log_uniform(self.density, rng), 0.5 / covered)
        count = rng.poisson(density * area / _REFERENCE_AREA)
        layer = np.zeros((height, width), np.float32)
        if count == 0:
            return layer
        x = rng.uniform(-margin, width + margin, count)
        y = rng.uniform(-margin, height + margin, count)
        theta = np.deg2rad(direction + rng.normal(0, spread / 8 + 0.5, count))
        half = 0.5 * length * rng.uniform(0.5, 1.3, count)
        light = rng.uniform(0.3, 1.0, count)
        dx, dy = np.sin(theta), np.cos(theta)
        # Three nested strokes make the fade to both ends.
        for share, part in ((1.0, 0.3), (0.75, 0.35), (0.45, 0.35)):
            ends = np.stack(
                [x - dx * half * share, y - dy * half * share,
                 x + dx * half * share, y + dy * half * share], axis=1,
            )  # fmt: skip
            _add_lines(layer, ends, light * part, max(1, round(thick)))
        return _soften(layer, max(0.35, thick * rng.uniform(0.2, 0.45)))

    def _blurred(
        self,
        height: int,
        width: int,
        *,
        direction: float,
        scale: float,
        rng: np.random.Generator,
    ) -> Plane:
        length = max(3.0, log_uniform(self.length, rng) * scale)
        thick = log_uniform(self.width, rng)
        # Grains are drawn on a coarser grid for wide streaks, then enlarged.
        zoom = max(1.0, thick)
        rows, columns = math.ceil(height / zoom) + 2, math.ceil(width / zoom) + 2
        margin = math.ceil(length / zoom / 2) + 1
        shape = (rows + 2 * margin, columns + 2 * margin)
        share = min(log_uniform(self.grains, rng), 2.0 * zoom / length)
        grains = (rng.random(shape, dtype=np.float32) < share).astype(np.float32)
        grains *= rng.uniform(0.3, 1.0, shape).astype(np.float32)
        kernel = streak_kernel(length / zoom, direction, fade=bool(rng.uniform() < 0.5))
        smeared = cv2.filter2D(grains, cv2.CV_32F, kernel)[margin:-margin, margin:-margin]
        if zoom > 1:
            size = (round(columns * zoom), round(rows * zoom))
            smeared = cv2.resize(smeared, size, interpolation=cv2.INTER_CUBIC)
        layer: Plane = np.maximum(smeared[:height, :width], 0)
        # Peaks at 1 where one grain passes: brightness then means the same for both kinds.
        return np.minimum(_soften(layer, rng.uniform(0.0, 0.6)), 1.5)


def streak_kernel(length: float, direction: float, *, fade: bool) -> Plane:
    """A line of peak 1 through the centre of an odd square kernel.

    Args:
        length: px.
        direction: degrees from the vertical.
        fade: brightness falls off towards both ends instead of ending sharply.

    Returns:
        (K, K) float32 in [0, 1].
    """
    radius = max(1, math.ceil(length / 2))
    axis = np.arange(-radius, radius + 1, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    theta = math.radians(direction)
    along = x * math.sin(theta) + y * math.cos(theta)
    across = x * math.cos(theta) - y * math.sin(theta)
    profile = np.clip(1.0 - np.abs(across), 0, 1) * (np.abs(along) <= length / 2)
    if fade:
        profile = profile * np.cos(np.clip(along / length, -0.5, 0.5) * math.pi)
    return np.maximum(profile, 0).astype(np.float32)  # a cosine of pi/2 may fall just below 0


def _add_lines(layer: Plane, ends: npt.NDArray[Any], light: npt.NDArray[Any], thick: int) -> None:
    """Add anti-aliased strokes; overlapping strokes of one pass keep the brighter value."""
    canvas = np.zeros(layer.shape, np.uint8)
    fixed = np.round(ends * (1 << _SUBPIXEL_BITS)).astype(np.int64)
    values = np.clip(light * 255, 0, 255).astype(np.int64)
    for index in np.argsort(values):
        x0, y0, x1, y1 = (int(v) for v in fixed[index])
        shade = int(values[index])
        cv2.line(canvas, (x0, y0), (x1, y1), (shade,), thick, cv2.LINE_AA, _SUBPIXEL_BITS)
    layer += canvas.astype(np.float32) / 255.0


def _soften(layer: Plane, sigma: float) -> Plane:
    if sigma < 0.2:
        return layer
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma), np.float32)


def _compose(picture: Plane, layer: Plane, rng: np.random.Generator) -> Plane:
    """Lay a streak layer over a picture, (H, W, 3) and (H, W)."""
    tint = 1.0 - rng.uniform(0.0, 0.12, 3).astype(np.float32)
    light = layer[:, :, None]
    kind = rng.uniform()
    if kind < 0.5:  # addition, as the published synthetic sets compose
        return picture + light * tint
    if kind < 0.75:  # screening: light added where there is room for it
        return picture + light * tint * (1 - np.clip(picture, 0, 1))
    # Covering: a drop shows the sky behind the camera in place of the scene.
    opacity = np.clip(light, 0, 1)
    sky = tint * np.float32(rng.uniform(0.6, 1.0))
    return picture * (1 - opacity) + sky * opacity


def _mist(picture: Plane, opacity: float, rng: np.random.Generator) -> Plane:
    height, width = picture.shape[:2]
    coarse = rng.uniform(0.5, 1.0, (3, 3)).astype(np.float32)
    field = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    air = (rng.uniform(0.5, 0.95) * (1 - rng.uniform(0, 0.08, 3))).astype(np.float32)
    veil = np.clip(field * opacity, 0, 1)[:, :, None]
    return picture * (1 - veil) + air * veil
