"""Pictures that are no photos and are to be left alone: pages, screens, drawings, products, night.

They take the place of picture and target.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch

from restore_cli.degradations.random_fields import fractal
from restore_cli.degradations.sample import UNKNOWN, Sample, check_options

Pixels = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Kind = Literal["page", "screen", "gradient", "flat", "product", "night", "fog"]
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;()-     "
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_DUPLEX)


@dataclass(frozen=True, kw_only=True)
class Graphic:
    """A made-up picture in place of the photo.

    Attributes:
        kinds: what may be drawn, all equally likely.
        probability: how often; the photo stays in the rest.
    """

    kinds: tuple[Kind, ...] = ("page", "screen", "gradient", "flat", "product", "night", "fog")
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_options({"probability": self.probability})
        if not self.kinds:
            raise ValueError(f"kinds must name some of {', '.join(GRAPHICS)}")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Picture and target become the same clean graphic."""
        if rng.uniform() >= self.probability:
            return sample
        height, width = sample.image.shape[-2:]
        pixels = GRAPHICS[self.kinds[int(rng.integers(len(self.kinds)))]](height, width, rng)
        planes = np.clip(pixels.reshape(height, width, 3).transpose(2, 0, 1), 0, 1)
        picture = torch.from_numpy(np.ascontiguousarray(planes, np.float32))
        return replace(
            sample, image=picture, target=picture, noise=torch.zeros_like(sample.noise), sigma=0.0,
            blur=(0.0, 0.0, 0.0), level=0.0, quantity="", airlight=UNKNOWN, cast=UNKNOWN,
        )  # fmt: skip


def _full(height: int, width: int, colour: npt.ArrayLike) -> Pixels:
    return np.ones((height, width, 3), np.float32) * np.asarray(colour, np.float32)


def _canvas(height: int, width: int, colour: npt.ArrayLike) -> Bytes:
    """Bytes to draw on: OpenCV smooths edges on bytes only."""
    return (np.clip(_full(height, width, colour), 0, 1) * 255).astype(np.uint8)


def _colour(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(value) for value in rng.integers(0, 256, 3))


def _write(canvas: Bytes, ink: int, rng: np.random.Generator) -> None:
    """Lines of letters from the top to the bottom."""
    size = float(rng.uniform(0.25, 0.9))
    font, step = _FONTS[int(rng.integers(len(_FONTS)))], max(6, round(size * 32))
    letters = np.array(list(_LETTERS))
    for row in range(step, len(canvas) + step, step):
        text = "".join(rng.choice(letters, int(canvas.shape[1] / (size * 16)) + 1))
        left = int(rng.integers(-20, 12))
        cv2.putText(canvas, text, (left, row), font, size, (ink,) * 3, 1, cv2.LINE_AA)


def page(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """Dark text on white or yellowish paper."""
    paper = rng.uniform(0.88, 1) * (1 - np.array([0, 0.02, 0.08]) * rng.uniform())
    canvas = _canvas(height, width, paper)
    _write(canvas, int(rng.integers(0, 64)), rng)
    return np.asarray(canvas / np.float32(255), np.float32)


def screen(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """Windows, bars and text of a user interface, bright or dark."""
    dark = rng.uniform() < 0.5
    tone = rng.uniform(0.02, 0.2, 3) if dark else rng.uniform(0.85, 1, 3)
    canvas = _canvas(height, width, tone)
    for _ in range(int(rng.integers(2, 9))):
        x, y = rng.uniform(-0.2, 1, 2) * (width, height)
        wide, tall = rng.uniform(0.05, 0.7, 2) * (width, height)
        corner, far = (int(x), int(y)), (int(x + wide), int(y + tall))
        cv2.rectangle(canvas, corner, far, _colour(rng), -1)
    _write(canvas, 230 if dark else 25, rng)
    return np.asarray(canvas / np.float32(255), np.float32)


def gradient(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """Smooth changes between a few colours."""
    corners = rng.uniform(0, 1, (2, 2, 3)).astype(np.float32)
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    top, bottom = (row[0] * (1 - x) + row[1] * x for row in corners)
    return top * (1 - y) + bottom * y


def flat(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """Discs, polygons and lines of flat colour: drawings, diagrams, logos."""
    canvas = _canvas(height, width, rng.uniform(0, 1, 3))
    side = max(height, width)
    for _ in range(int(rng.integers(2, 14))):
        colour = _colour(rng)
        places = rng.uniform(-0.2, 1.2, (int(rng.integers(3, 6)), 2)) * (width, height)
        corners = places.astype(np.int32)
        kind = rng.integers(3)
        if kind == 0:
            radius = 1 + int(side * rng.uniform(0.02, 0.3))
            cv2.circle(canvas, corners[0].tolist(), radius, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.fillPoly(canvas, [corners], colour, cv2.LINE_AA)
        else:
            cv2.polylines(canvas, [corners], False, colour, int(rng.integers(1, 6)), cv2.LINE_AA)
    return np.asarray(canvas / np.float32(255), np.float32)


def product(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """A rounded shaded thing with a soft shadow before white."""
    pixels = _full(height, width, rng.uniform(0.96, 1.0))
    side = min(height, width)
    centre = (int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.3, 0.6)))
    axes = tuple(1 + int(side * v) for v in rng.uniform(0.1, 0.35, 2))
    mask, ground = np.zeros((2, height, width), np.uint8)
    below = (centre[0], centre[1] + axes[1])
    cv2.ellipse(ground, below, (axes[0], 1 + axes[1] // 4), 0, 0, 360, (255,), -1)
    shadow = cv2.GaussianBlur(ground, (0, 0), 1 + side * 0.03).reshape(height, width)
    pixels *= 1 - np.float32(0.35 / 255) * shadow[:, :, None]
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, (255,), -1, cv2.LINE_AA)
    light = gradient(height, width, rng).mean(axis=2, keepdims=True) * 0.5 + 0.6
    colour = rng.uniform(0.7, 1.0) if rng.uniform() < 0.5 else rng.uniform(0.05, 1, 3)
    body = np.minimum(light * np.asarray(colour, np.float32), 1)
    return pixels + (body - pixels) * (mask[:, :, None] / np.float32(255))


def night(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """A dark sky with stars, over a darker horizon at times."""
    tone = rng.uniform(0.0, 0.08, 3) * (0.7, 0.8, 1.3)
    pixels = _full(height, width, tone)
    pixels *= 0.5 + fractal(height, width, rng, roughness=0.3)[:, :, None]
    count = int(rng.integers(5, 1 + max(6, height * width // 250)))
    places = rng.integers(0, height * width, count)
    light = rng.exponential(0.25, (count, 1)) * rng.uniform(0.7, 1, (count, 3))
    stars = np.zeros((height * width, 3), np.float32)
    stars[places] = light
    glow = cv2.GaussianBlur(stars.reshape(height, width, 3), (0, 0), rng.uniform(0.4, 0.9))
    pixels += 3 * glow.reshape(pixels.shape)
    if rng.uniform() < 0.5:
        outline = height * (0.7 + 0.3 * fractal(1, width, rng)[0])
        pixels[np.arange(height)[:, None] > outline[None, :]] *= 0.2
    return pixels


def fog(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """Fog that is the subject: pale ridges, each fainter than the one before it."""
    air = rng.uniform(0.6, 0.95) * np.array([1, 1, rng.uniform(0.95, 1.1)])
    pixels = _full(height, width, air)
    tone = air * rng.uniform(0.2, 0.8)
    rows = np.arange(height)[:, None]
    for share in np.linspace(0.15, 1, int(rng.integers(2, 6))):
        outline = height * (0.2 + 0.7 * share - 0.25 * fractal(1, width, rng)[0])
        pixels[rows > outline[None, :]] = (air + (tone - air) * share * 0.5).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 1.5)), np.float32)
    return soft.reshape(height, width, 3)


GRAPHICS: dict[Kind, Callable[[int, int, np.random.Generator], Pixels]] = {
    "page": page,
    "screen": screen,
    "gradient": gradient,
    "flat": flat,
    "product": product,
    "night": night,
    "fog": fog,
}
"""Each draws (H, W, 3) sRGB."""
