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
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from restore_cli.degradations.change import Change, Planned
from restore_cli.degradations.planes import Planes, clip_, colour, drawn, planes, tensor
from restore_cli.degradations.sample import (
    Range,
    Sample,
    check_options,
    log_uniform,
    measure,
    number,
)
from restore_cli.degradations.veil import Veil, Veiling

Plane = npt.NDArray[np.floating]
_SUBPIXEL_BITS = 4  # cv2.line takes fixed-point coordinates
_REFERENCE_AREA = 1e4  # streak counts are stated per 100x100 px


class _Fall(NamedTuple):
    """How one layer falls: from the vertical, degrees; how far apart; how long its streaks."""

    direction: float
    spread: float
    scale: float


class _Streaks(NamedTuple):
    """One layer: its light (H, W), and how that is laid over a picture.

    Attributes:
        light: (H, W).
        tint: factors on red, green and blue.
        dark: the share of the light behind that it takes, where it darkens.
        screened: light is added only where there is room for it.
        sky: brightness that covers the scene; None adds to it, as the published sets compose.
    """

    light: Tensor
    tint: tuple[float, ...] = (1.0, 1.0, 1.0)
    dark: float | None = None
    screened: bool = False
    sky: float | None = None

    def lay_over(self, picture: Planes) -> None:
        """Change a picture (3, H, W) in place: plane by plane is fastest."""
        light = planes(self.light)
        if self.dark is not None:
            picture *= 1 - light.clip(None, 1) * self.dark
            return
        for channel, shade in enumerate(self.tint):
            plane = picture[channel]
            if self.screened:
                room = 1 - plane.clip(0, 1)
                room *= light
                room *= shade
                plane += room
            elif self.sky is not None:  # a drop shows the sky behind the camera, not the scene
                away = shade * self.sky - plane
                away *= light
                plane += away
            else:
                plane += light * shade


class _Mist(NamedTuple):
    """Its opacity (H, W) and its colour (3,)."""

    veil: Tensor
    air: Tensor


@dataclass(frozen=True, kw_only=True)
class Rain(Planned):
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
        zoom: range of the canvas on which streaks are drawn, as a factor on the picture's size,
            drawn log-uniformly: above 1 they are averaged down, thinner than a pixel and faint.
        dotted_probability: how often a layer's streaks are broken into drops.
        dark_probability: how often a layer darkens, as rain before a bright sky.
        near_probability: how often a layer is of few, wide drops near to the lens, out of focus.
        veil_probability: how often `veil.Veil` lies under the streaks and is to be removed, too.
        veil: range of its opacity at the farthest place.
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
    zoom: Range = (1.0, 1.0)
    dotted_probability: float = 0.0
    dark_probability: float = 0.0
    near_probability: float = 0.0
    veil_probability: float = 0.0
    veil: Range = (0.05, 0.6)

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("length", "width", "density", "grains", "zoom"))

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Rain on `sample.image`; the result is clipped to [0, 1] as a camera clips.

        The level is the mean light that streaks add or take; mist and veil do not count.
        """
        height, width = sample.image.shape[-2:]
        veil = None
        if self.veil_probability and rng.uniform() < self.veil_probability:
            veil = Veil(opacity=self.veil).over(height, width, rng)
        angle = rng.uniform(*self.angle)
        spread = rng.uniform(*self.spread)
        scale = rng.uniform(0.5, 1.5)  # rain of one picture is alike: near streaks long and wide
        layers: list[_Streaks] = []
        for _ in range(int(rng.integers(self.layers[0], self.layers[1] + 1))):
            direction = angle + rng.normal() * spread / 2
            layer = self._layer(height, width, _Fall(direction, spread, scale), rng)
            light = layer * np.float32(rng.uniform(*self.brightness))
            if self.dark_probability and rng.uniform() < self.dark_probability:
                layers.append(_Streaks(drawn(light), dark=rng.uniform(0.2, 0.7)))
            else:
                layers.append(_bright(light, rng))
        mist = None
        if rng.uniform() < self.mist_probability:
            mist = _mist(height, width, rng.uniform(*self.mist), rng)
        return Change(_rained, {"veil": veil, "layers": layers, "mist": mist})

    def _layer(self, height: int, width: int, fall: _Fall, rng: np.random.Generator) -> Plane:
        """One layer of light, (H, W), at the size of the picture."""
        wide = self.zoom != (1.0, 1.0)
        zoom = log_uniform(self.zoom, rng) if wide else 1.0
        rows, columns = max(1, round(height * zoom)), max(1, round(width * zoom))
        near = self.near_probability > 0 and rng.uniform() < self.near_probability
        if near or rng.uniform() < 0.5:
            layer = self._drawn(rows, columns, fall, rng, near=near)
        else:
            layer = self._blurred(rows, columns, fall, rng)
        if self.dotted_probability and rng.uniform() < self.dotted_probability:
            layer = layer * _dots(rows, columns, rng)
        if (rows, columns) != (height, width):
            how = cv2.INTER_AREA if zoom > 1 else cv2.INTER_LINEAR
            small = cv2.resize(layer, (width, height), interpolation=how)
            layer = np.asarray(small, np.float32).reshape(height, width)
        return layer

    def _drawn(
        self, height: int, width: int, fall: _Fall, rng: np.random.Generator, *, near: bool
    ) -> Plane:
        length = log_uniform(self.length, rng) * fall.scale
        thick = log_uniform(self.width, rng)
        if near:
            length, thick = 1.5 * length, thick + rng.uniform(2, 8)
        margin = math.ceil(length / 2 + 2)
        area = (height + 2 * margin) * (width + 2 * margin)
        # Long wide streaks come sparser: what is bounded is the share of the picture they cover.
        covered = length * thick / _REFERENCE_AREA
        density = min(log_uniform(self.density, rng), (0.06 if near else 0.5) / covered)
        count = rng.poisson(density * area / _REFERENCE_AREA)
        layer = np.zeros((height, width), np.float32)
        if count == 0:
            return layer
        x = rng.uniform(-margin, width + margin, count)
        y = rng.uniform(-margin, height + margin, count)
        theta = np.deg2rad(fall.direction + rng.normal(0, fall.spread / 8 + 0.5, count))
        half = 0.5 * length * rng.uniform(0.5, 1.3, count)
        light = rng.uniform(0.3, 1.0, count)
        dx, dy = np.sin(theta), np.cos(theta)
        # Two nested strokes and the softening below make the fade to both ends.
        for share, part in ((1.0, 0.45), (0.6, 0.55)):
            ends = np.stack(
                [x - dx * half * share, y - dy * half * share,
                 x + dx * half * share, y + dy * half * share], axis=1,
            )  # fmt: skip
            _add_lines(layer, ends, light * part, max(1, round(thick)))
        layer /= 255
        return _soften(layer, max(0.35, thick * rng.uniform(0.2, 0.45)))

    def _blurred(self, height: int, width: int, fall: _Fall, rng: np.random.Generator) -> Plane:
        length = max(3.0, log_uniform(self.length, rng) * fall.scale)
        thick = log_uniform(self.width, rng)
        # Grains fall upright on a coarser canvas for wide streaks, which is turned and enlarged.
        zoom = max(1.0, thick)
        side = math.ceil(math.hypot(height, width) / zoom) + 4
        run = length / zoom
        share = min(log_uniform(self.grains, rng), 2.0 * zoom / length)
        grains = np.zeros((side + 2 * math.ceil(run / 2), side), np.float32)
        count = int(rng.binomial(grains.size, share))
        grains.reshape(-1)[rng.integers(0, grains.size, count)] = rng.uniform(0.3, 1.0, count)
        smeared = _smear(grains, run, fade=bool(rng.uniform() < 0.5))
        turn = cv2.getRotationMatrix2D(
            ((side - 1) / 2, (len(grains) - 1) / 2), fall.direction, zoom
        )
        turn[:, 2] += (width - side) / 2, (height - len(grains)) / 2
        how = cv2.INTER_CUBIC if zoom > 1.5 else cv2.INTER_LINEAR
        turned = cv2.warpAffine(smeared, turn, (width, height), flags=how)
        layer: Plane = np.maximum(turned.reshape(height, width), 0)
        # Peaks at 1 where one grain passes: brightness then means the same for both kinds.
        return np.minimum(_soften(layer, rng.uniform(0.0, 0.6)), 1.5)


def _smear(grains: Plane, run: float, *, fade: bool) -> Plane:
    """Stretch grains into upright streaks of their brightness, `run` px long, even or fading."""
    even = max(1, round(run))
    if not fade:
        whole = cv2.boxFilter(grains, cv2.CV_32F, (1, even), normalize=False)
        return np.asarray(whole, np.float32)
    half = max(1, round(run / 2))
    once = cv2.boxFilter(grains, cv2.CV_32F, (1, half), normalize=False)
    return np.asarray(cv2.boxFilter(once, cv2.CV_32F, (1, half)), np.float32)


def _add_lines(layer: Plane, ends: npt.NDArray[Any], light: npt.NDArray[Any], thick: int) -> None:
    """Add anti-aliased strokes; overlapping strokes of one pass keep the brighter value."""
    canvas = np.zeros(layer.shape, np.uint8)
    values = np.clip(light * 255, 0, 255).astype(np.int64)
    order = np.argsort(values)
    fixed = np.round(ends[order] * (1 << _SUBPIXEL_BITS)).astype(np.int64).tolist()
    for (x0, y0, x1, y1), shade in zip(fixed, values[order].tolist(), strict=True):
        cv2.line(canvas, (x0, y0), (x1, y1), (shade,), thick, cv2.LINE_AA, _SUBPIXEL_BITS)
    cv2.accumulate(canvas, layer)


def _soften(layer: Plane, sigma: float) -> Plane:
    if sigma < 0.2:
        return layer
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma), np.float32)


def _dots(height: int, width: int, rng: np.random.Generator) -> Plane:
    """A pattern of patches, (H, W) in [0, 1], that breaks streaks into drops."""
    pitch = rng.uniform(2, 7)
    shape = (max(2, math.ceil(height / pitch)), max(2, math.ceil(width / pitch)))
    grid = rng.random(shape, dtype=np.float32)
    field = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip((field.reshape(height, width) - 0.4) * 5, 0, 1)


def _bright(light: Plane, rng: np.random.Generator) -> _Streaks:
    """A layer of light with its tint and with one of the ways in which light is laid over."""
    tint = (1.0 - rng.uniform(0.0, 0.12, 3)).astype(np.float32).tolist()
    kind, sky = rng.uniform(), None
    if kind >= 0.75:
        sky, light = float(np.float32(rng.uniform(0.6, 1.0))), np.minimum(light, 1)
    return _Streaks(drawn(light), tint=tint, screened=0.5 <= kind < 0.75, sky=sky)


def _mist(height: int, width: int, opacity: float, rng: np.random.Generator) -> _Mist:
    coarse = rng.uniform(0.5, 1.0, (3, 3)).astype(np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    air = rng.uniform(0.5, 0.95) * (1 - rng.uniform(0, 0.08, 3))
    veil = np.clip(field * np.float32(opacity), 0, 1).reshape(height, width)
    return _Mist(drawn(veil), drawn(air))


def _rained(
    sample: Sample, *, veil: Veiling | None, layers: list[_Streaks], mist: _Mist | None
) -> Sample:
    dry = planes(sample.image)
    if veil is not None:
        dry = veil.on(dry.clip(0, 1))
    picture = planes(tensor(dry).clone())
    for layer in layers:
        layer.lay_over(picture)
    clip_(picture)
    level = number(_mean_difference(picture, dry))
    if mist is not None:
        away = colour(planes(mist.air)) - picture
        picture = clip_(picture + away * planes(mist.veil))
    return measure(replace(sample, image=tensor(picture), sigma=math.nan), "rain", level)


def _mean_difference(one: Planes, other: Planes) -> Planes:
    """The mean distance of two pictures' values."""
    if isinstance(one, Tensor):
        return (one - other).abs().mean()
    flat = (-1, one.shape[-1])
    return cv2.norm(one.reshape(flat), other.reshape(flat), cv2.NORM_L1) / one.size
