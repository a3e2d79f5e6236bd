"""Too little light: exposure, uneven light, colour cast and a camera's tone curve."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor

from restore_cli.degradations.change import Change, Planned
from restore_cli.degradations.curves import Plane, decode, encode
from restore_cli.degradations.planes import Planes, clip_, colour, drawn, planes, tensor
from restore_cli.degradations.random_fields import borrowing_edges, fractal, grey_of, region
from restore_cli.degradations.sample import (
    Colour,
    Range,
    Sample,
    check_options,
    log_uniform,
    measure,
)

_Grain = tuple[float, float, Tensor]  # factor of the shot noise, read noise, unit noise (3, H, W)


@dataclass(frozen=True, kw_only=True)
class LowLight(Planned):
    """A photo as it would have come out with less light.

    In linear light, as a sensor sees it. Some scenes are dark in one place only: a part of the
    picture keeps its light, and lamps, which the target shows as well, outshine everything. There
    darkness belongs to the scene, and the target is lifted by `lift` stops at most. Noise
    is a step of its own: `sensor-noise` after this one is noise against the darkened signal, and
    `jpeg` or `file` keep what a file keeps of shadows.

    Attributes:
        stops: range of the missing exposure, in stops (EV); 0 leaves the light as it is.
        uneven: range of how much the light varies from place to place, in stops.
        cast: range of the largest factor between two channels, 1 is neutral, drawn log-uniformly.
        gamma: range of the exponent of an additional tone curve over linear light, drawn
            log-uniformly; above 1 darkens the shadows further.
        lit_probability: how often a part of the picture keeps most of its light.
        lamp_probability: how often there are lamps.
        lift: most stops that the target of such a scene is brighter than it; more stays dark.
        black: range of the black level that was not taken off, in linear light.
        window_probability: how often a window or a lit doorway keeps its light.
        backlight_probability: how often the brightest places keep their light, as a sky does
            behind a subject in its own shade.
        response_probability: how often the camera's response differs from the sRGB curve: bent in
            the shadows, rolled off in the highlights.
        shot: range of the shot-noise factor before the curve (see `noise.SensorNoise`).
        read: range of the read noise's deviation there; with both ranges zero there is none.
    """

    looks: ClassVar[bool] = True  # what keeps its light follows the picture's edges
    stops: Range = (0.0, 5.0)
    uneven: Range = (0.0, 1.0)
    cast: Range = (1.0, 1.4)
    gamma: Range = (0.85, 1.3)
    lit_probability: float = 0.4
    lamp_probability: float = 0.25
    lift: float = 2.5
    black: Range = (0.0, 0.003)
    window_probability: float = 0.0
    backlight_probability: float = 0.0
    response_probability: float = 0.0
    shot: Range = (0.0, 0.0)
    read: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("cast", "gamma"))

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Darken `sample.image`, clipped to [0, 1]; lamps are added to `sample.target`, too."""
        height, width = sample.image.shape[-2:]
        stops, partly = self._stops(sample.image.clamp(0, 1).numpy(), rng)
        lamps = rng.uniform() < self.lamp_probability
        factor = log_uniform(self.cast, rng)
        gains = factor ** rng.permutation([0.0, -rng.uniform(), -1.0])
        shine = drawn(_lamps(height, width, rng)) if lamps else None
        left, dusk = stops, None
        if partly or lamps:
            left = np.minimum(stops, np.float32(self.lift))
            dusk = drawn(np.exp2(-np.maximum(stops - np.float32(self.lift), 0)))
        grain = self._grain(height, width, rng)
        gamma = log_uniform(self.gamma, rng)
        black = float(np.float32(rng.uniform(*self.black)))
        bent = self.response_probability and rng.uniform() < self.response_probability
        red, green, blue = (float(gain) for gain in gains / gains.max())
        found = {
            "through": drawn(np.exp2(-stops)), "gains": drawn(gains), "shine": shine,
            "dusk": dusk, "grain": grain, "gamma": gamma, "black": black,
            "response": _response(rng) if bent else None, "stops": float(left.mean()),
            "cast": (red, green, blue),
        }  # fmt: skip
        return Change(_darkened, found)

    def _stops(self, picture: Plane, rng: np.random.Generator) -> tuple[Plane, bool]:
        """Missing stops at each place, (H, W), and whether some place keeps its light."""
        height, width = picture.shape[1:]
        field = 2 * (fractal(height, width, rng, roughness=0.3) - 0.5)
        stops = rng.uniform(*self.stops) - rng.uniform(*self.uneven) / 2 * (1 + field)
        partly = rng.uniform() < self.lit_probability
        keeps: list[Plane] = []
        if partly:
            lit = region(height, width, rng, cover=(0.003, 0.6))
            if rng.uniform() < 0.5:
                lit = borrowing_edges(lit, grey_of(picture), rng)
            keeps.append(lit)
        if self.window_probability and rng.uniform() < self.window_probability:
            keeps.append(_window(height, width, rng))
        if self.backlight_probability and rng.uniform() < self.backlight_probability:
            grey = grey_of(picture)
            edge = np.float32(np.quantile(grey[::4, ::4], rng.uniform(0.5, 0.95)))
            lit = np.clip((grey - edge) * np.float32(rng.uniform(4, 15)) + 0.5, 0, 1)
            soft = np.asarray(cv2.GaussianBlur(lit, (0, 0), rng.uniform(0.5, 4)), np.float32)
            keeps.append(soft.reshape(height, width))
        for lit in keeps:
            stops = stops * (1 - rng.uniform(0.6, 1) * lit)
        return np.maximum(stops, 0).astype(np.float32), bool(keeps)

    def _grain(self, height: int, width: int, rng: np.random.Generator) -> _Grain | None:
        if self.shot[1] <= 0 and self.read[1] <= 0:
            return None
        shot, read = rng.uniform(*self.shot), rng.uniform(*self.read)
        return shot, read, drawn(rng.standard_normal((3, height, width), dtype=np.float32))


def _darkened(
    sample: Sample,
    *,
    through: Tensor,
    gains: Tensor,
    shine: Tensor | None,
    dusk: Tensor | None,
    grain: Planes,
    gamma: float,
    black: float,
    response: Tensor | None,
    stops: float,
    cast: Colour,
) -> Sample:
    lamps = 0.0 if shine is None else planes(shine)
    target, noise = sample.target, sample.noise
    if dusk is not None:
        light = decode(planes(target.clamp(0, 1)))
        light *= planes(dusk)
        light += lamps
        target = tensor(encode(clip_(light)))
    dark = decode(planes(sample.image.clamp(0, 1)))
    dark *= planes(through)
    dark *= colour(planes(gains))
    dark += lamps
    if grain is not None:
        dark, level = _noisy(dark, *grain)
        noise = torch.sqrt(noise**2 + tensor(level)[None] ** 2)
    clip_(dark)
    if gamma != 1:
        dark **= gamma
    image = encode(dark * (1 - black) + black)
    if response is not None:
        image = _bent(image, response)
    changed = replace(
        sample, image=tensor(clip_(image)), target=target, noise=noise, sigma=math.nan, cast=cast
    )
    return measure(changed, "stops", stops)


def _noisy(dark: Planes, shot: float, read: float, grain: Tensor) -> tuple[Planes, Planes]:
    """Shot and read noise in linear light, and the level that it has under the curve."""
    deviation = (shot * dark.clip(0) + read**2) ** 0.5
    middle, step = dark.mean(axis=0), deviation.mean(axis=0)
    up, down = ((middle + sign * step).clip(0, 1) for sign in (1, -1))
    return dark + deviation * planes(grain), (encode(up) - encode(down)) / 2


def _window(height: int, width: int, rng: np.random.Generator) -> Plane:
    """A four-cornered opening, (H, W) in [0, 1], with bars at times."""
    cover = np.zeros((height, width), np.uint8)
    centre, half = rng.uniform(0, 1, 2), rng.uniform(0.05, 0.35, 2)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    corners = (centre + corners * rng.uniform(0.8, 1.2, (4, 2))) * (width, height)
    cv2.fillPoly(cover, [np.round(corners).astype(np.int32)], (255,), cv2.LINE_AA)
    if rng.uniform() < 0.5:
        x, y = np.round(centre * (width, height)).astype(int).tolist()
        thick = max(1, round(width * 0.015))
        cv2.line(cover, (x, 0), (x, height), (0,), thick)
        cv2.line(cover, (0, y), (width, y), (0,), thick)
    soft = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.5, 3))
    return np.asarray(soft / np.float32(255), np.float32).reshape(height, width)


def _response(rng: np.random.Generator) -> Tensor:
    """A camera's own curve over sRGB values, from 0 to 0 and from 1 to 1, rising everywhere."""
    x = np.linspace(0, 1, 1025)
    toe, shoulder = rng.uniform(-0.35, 0.35), rng.uniform(0, 0.35)
    return drawn(x + toe * x * (1 - x) ** 2 + shoulder * x**2 * (1 - x))


def _bent(image: Planes, table: Tensor) -> Planes:
    """Look values up in a table over [0, 1]."""
    places = image.clip(0, 1) * (len(table) - 1) + 0.5
    if isinstance(places, Tensor):
        return table[places.to(torch.int64)]
    return planes(table)[places.astype(np.uint16)]


def _lamps(height: int, width: int, rng: np.random.Generator) -> Plane:
    """Light of a few lamps, (3, H, W), linear: far above 1 in the middle, with a glow around."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = np.zeros((3, height, width), np.float32)
    for _ in range(int(rng.integers(1, 6))):
        radius = max(height, width) * 10 ** rng.uniform(-2.7, -1.5)
        place = rng.uniform(0, 1, 2) * (height, width)
        squared = ((y - place[0]) ** 2 + (x - place[1]) ** 2) / radius**2
        colour = np.array([1.0, rng.uniform(0.6, 1.0), rng.uniform(0.3, 1.0)])
        strength = rng.uniform(0.5, 4.0) * colour.astype(np.float32)[:, None, None]
        light += strength * ((1 + squared) ** -rng.uniform(1.5, 2.5)).astype(np.float32)
    return light
