"""Haze and fog, thin to dense, by the scattering model over made-up depth."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor

from restore_cli.degradations.change import Change, Planned
from restore_cli.degradations.curves import Plane, decode, encode
from restore_cli.degradations.planes import clip_, colour, drawn, planes, tensor
from restore_cli.degradations.random_fields import (
    borrowing_edges,
    depth,
    fractal,
    grey_of,
    region,
    room,
    segments,
)
from restore_cli.degradations.sample import (
    Colour,
    Range,
    Sample,
    check_options,
    log_uniform,
    measure,
)

_AIRS = ((1.0, 1.0, 1.0), (0.97, 1.0, 1.0), (0.82, 0.93, 1.08), (1.08, 0.95, 0.72))
"""Airlight's colours beside its brightness: grey, white, blue, sepia."""


@dataclass(frozen=True, kw_only=True)
class Haze(Planned):
    """Haze between the camera and the scene.

    The atmospheric scattering model of Koschmieder 1924, I = J t + A (1 - t) with the
    transmission t = exp(-thickness * depth), as Narasimhan and Nayar 2002 use it. Depth is made up
    (`random_fields.depth`) and may follow the picture's edges; the haze may be uneven; A may be
    tinted.
    Most published sets compose the sRGB values, light itself adds up linearly: both happen.

    In many pictures a part lies so far away that nothing of it is seen (the sky, the end of the
    road). What stands there cannot be known, and a network that must say something paints the mean
    of its training photos: the target keeps the haze where it hides everything.

    Attributes:
        thickness: range of the optical depth at the middle of the scene, drawn log-uniformly; 0.1
            is hardly seen, 2 leaves a seventh of the light.
        relief: range of how far depth strays from its middle, as a share; 0 is a flat wall of haze.
        airlight: range of the airlight's brightness.
        tint: largest deviation of one channel of the airlight, as a share of it.
        uneven: range of how much the density varies from place to place, as a share.
        far_probability: how often a part of the picture lies far away.
        far: range of the optical depth that this part has in addition.
        hidden: transmissions below the first are left as they are in the target, above the second
            they are cleared wholly.
        linear: how often the light is added in linear light instead of sRGB.
        near_probability: how often depth is that of a room or of things at random distances
            instead of a landscape's, with the transmissions of its two ends drawn from `span`.
        span: range of those transmissions.
        patchy_probability: how often fog lies in patches with clear air between.
        colour_probability: how often the airlight is plainly grey, white, blue or sepia.
        sky_probability: how often the airlight is the colour of the picture's brightest places,
            which then stay as they are: sky, paper, white walls.
        gain: range of the exposure's factor after the haze.
    """

    looks: ClassVar[bool] = True  # depth follows the picture's edges
    thickness: Range = (0.1, 2.0)
    relief: Range = (0.2, 1.0)
    airlight: Range = (0.55, 1.0)
    tint: float = 0.12
    uneven: Range = (0.0, 0.4)
    far_probability: float = 0.5
    far: Range = (0.5, 6.0)
    hidden: Range = (0.08, 0.4)
    linear: float = 0.3
    near_probability: float = 0.0
    span: Range = (0.1, 0.95)
    patchy_probability: float = 0.0
    colour_probability: float = 0.0
    sky_probability: float = 0.0
    gain: Range = (1.0, 1.0)

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("thickness",))

    def plan(self, sample: Sample, rng: np.random.Generator) -> Change:
        """Veil `sample.image`, clipped to [0, 1]; no single noise level is true of the result.

        `sample.target` is changed where nothing comes through.
        """
        picture = sample.image.clamp(0, 1).numpy()
        optical = self._optical(picture, rng)
        through: Plane = np.exp(-optical)
        air = self._air(picture, rng)
        linear = bool(rng.uniform() < self.linear)
        gain = 1.0 if self.gain == (1.0, 1.0) else float(np.float32(rng.uniform(*self.gain)))
        seen = None
        if float(through.min()) < self.hidden[1]:
            low, high = self.hidden
            share = np.clip((through - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
            seen = drawn(share * share * (3 - 2 * share))
        red, green, blue = (float(value) for value in np.clip(air * np.float32(gain), 0, 1))
        found = {
            "through": drawn(through), "air": drawn(air), "linear": linear, "gain": gain,
            "seen": seen, "airlight": (red, green, blue), "haze": 1 - float(through.mean()),
        }  # fmt: skip
        return Change(_hazy, found)

    def _optical(self, picture: Plane, rng: np.random.Generator) -> Plane:
        """Optical depth, (H, W) float32."""
        height, width = picture.shape[1:]
        rows, columns = (height, width) if min(height, width) < 64 else (height // 2, width // 2)
        grey = grey_of(picture)

        def full(field: Plane) -> Plane:
            if field.shape == (height, width):
                return field
            return np.asarray(cv2.resize(field, (width, height)), np.float32)

        near = self.near_probability > 0 and rng.uniform() < self.near_probability
        if near:
            made = segments(grey, rng) if rng.uniform() < 0.6 else full(room(rows, columns, rng))
        else:
            made = full(depth(rows, columns, rng))
        if near or rng.uniform() < 0.7:
            made = borrowing_edges(made, grey, rng)
        density = 1 + rng.uniform(*self.uneven) * 2 * (fractal(rows, columns, rng) - 0.5)
        if self.patchy_probability and rng.uniform() < self.patchy_probability:
            clear = region(rows, columns, rng, cover=(0.1, 0.7))
            density = density * (1 - rng.uniform(0.6, 1) * clear)
        if near:
            ends = np.sort(-np.log(rng.uniform(*self.span, 2)))
            optical = ends[0] + (ends[1] - ends[0]) * made
        else:
            distance = 1 + rng.uniform(*self.relief) * 2 * (made - 0.5)
            optical = log_uniform(self.thickness, rng) * distance
        optical = optical * full(density.astype(np.float32))
        if not near and rng.uniform() < self.far_probability:
            away = full(region(rows, columns, rng, cover=(0.05, 0.6), up=rng.uniform(0, 3)))
            away = borrowing_edges(away, grey, rng) if rng.uniform() < 0.7 else away
            optical = optical + rng.uniform(*self.far) * away
        return optical.astype(np.float32)

    def _air(self, picture: Plane, rng: np.random.Generator) -> Plane:
        """Grey, or from bluish to yellowish as skies are, with a little of any other colour."""
        if self.sky_probability and rng.uniform() < self.sky_probability:
            few = picture[:, ::4, ::4].reshape(3, -1)
            bright = few[:, np.argsort(few.sum(axis=0))[-max(1, few.shape[1] // 50) :]]
            return np.clip(bright.mean(axis=1), self.airlight[0], 1).astype(np.float32)
        warm = rng.normal() * self.tint / 2
        other = rng.uniform(-1, 1, 3) * self.tint / 6
        colour = 1 + np.array([warm, 0.0, -warm]) + other
        if self.colour_probability and rng.uniform() < self.colour_probability:
            plain = np.array(_AIRS[int(rng.integers(len(_AIRS)))])
            colour = 1 + rng.uniform(0.3, 1) * (plain - 1) + other
        return np.clip(rng.uniform(*self.airlight) * colour, 0, 1).astype(np.float32)


def _hazy(
    sample: Sample,
    *,
    through: Tensor,
    air: Tensor,
    linear: bool,
    gain: float,
    seen: Tensor | None,
    airlight: Colour,
    haze: float,
) -> Sample:
    picture, back = planes(sample.image.clamp(0, 1)), colour(planes(air))
    if linear:
        hazy, bright = decode(picture), decode(back)
        hazy -= bright
    else:
        hazy, bright = picture - back, back
    hazy *= planes(through)
    hazy += bright
    if linear:
        hazy = encode(clip_(hazy))
    if gain != 1:
        hazy = hazy * gain
    image = tensor(clip_(hazy))
    target = sample.target if seen is None else torch.lerp(image, sample.target, seen)
    changed = replace(sample, image=image, target=target, sigma=math.nan, airlight=airlight)
    return measure(changed, "haze", haze)
