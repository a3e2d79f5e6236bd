"""What looks like a degradation and belongs to the scene: wires, fences, hair, reeds, wet ground.

Drawn into the picture and its target alike, so that a network learns to leave it alone.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import torch

from restore_cli.degradations.sample import Range, Sample, Sometimes

Plane = npt.NDArray[np.float32]
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, kw_only=True)
class ThinThings(Sometimes):
    """Wires, fences, hair and reeds, bright or dark, across the scene."""

    def degraded(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Cover the same places of `sample.image` and `sample.target`."""
        height, width = sample.image.shape[-2:]
        draw = (_wires, _fence, _reeds, _hair)[int(rng.integers(4))]
        cover = np.zeros((height, width), np.uint8)
        draw(cover, rng)
        blur = rng.uniform(0, 0.8)
        soft = cv2.GaussianBlur(cover, (0, 0), blur) if blur > 0.2 else cover
        opacity = torch.from_numpy(soft.astype(np.float32) * np.float32(rng.uniform(0.5, 1) / 255))
        bright = rng.uniform(0, 0.35) if rng.uniform() < 0.6 else rng.uniform(0.5, 1)
        colour = np.clip(bright * (1 + rng.normal(0, 0.08, 3)), 0, 1).astype(np.float32)
        paint = torch.from_numpy(colour).view(3, 1, 1)
        return replace(
            sample,
            image=torch.lerp(sample.image, paint.expand_as(sample.image), opacity),
            target=torch.lerp(sample.target, paint.expand_as(sample.target), opacity),
        )


@dataclass(frozen=True, kw_only=True)
class WetGround(Sometimes):
    """Wet ground that mirrors what stands above it, in the picture and its target.

    Attributes:
        strength: range of the share of the light that is mirrored.
    """

    strength: Range = (0.1, 0.5)

    def degraded(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Brighten the lower part of both pictures by the smeared upper part."""
        height, width = sample.image.shape[-2:]
        horizon = round(height * rng.uniform(0.45, 0.85))
        rows = min(height - horizon, horizon)
        if rows < 1:
            return sample
        smear = 2 * max(1, round(height * rng.uniform(0.02, 0.12))) + 1
        above = sample.target[:, horizon - rows : horizon].flip(-2).permute(1, 2, 0).numpy()
        mirror = cv2.blur(np.ascontiguousarray(above), (3, smear)).reshape(rows, width, 3)
        share = rng.uniform(*self.strength) * np.linspace(0.4, 1, rows, dtype=np.float32)
        light = torch.from_numpy(np.ascontiguousarray(mirror.transpose(2, 0, 1)))
        opacity = torch.from_numpy(share.astype(np.float32)).view(1, rows, 1)

        def wet(picture: torch.Tensor) -> torch.Tensor:
            out = picture.clone()
            part = out[:, horizon : horizon + rows]
            out[:, horizon : horizon + rows] = torch.lerp(part, light, opacity)
            return out

        return replace(sample, image=wet(sample.image), target=wet(sample.target))


def _stroke(cover: npt.NDArray[np.uint8], points: npt.NDArray[np.floating], thick: int) -> None:
    """A line through (N, 2) points, x and y in px."""
    fixed = np.round(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)[:, None]
    cv2.polylines(cover, [fixed], isClosed=False, color=(255,), thickness=thick,
                  lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)  # fmt: skip


def _wires(cover: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    """A few long lines that sag, near to each other's direction."""
    height, width = cover.shape
    slope = rng.uniform(-1, 1)
    along = np.linspace(-0.1, 1.1, 24)
    for _ in range(int(rng.integers(1, 7))):
        sag = rng.uniform(0, 0.25) * (4 * (along - 0.5) ** 2 - 1)
        y = height * (rng.uniform(-0.2, 1.2) + slope * (along - 0.5) + sag)
        _stroke(cover, np.stack([along * width, y], axis=1), int(rng.integers(1, 3)))


def _fence(cover: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Parallel bars, in one direction or two."""
    height, width = cover.shape
    side = math.hypot(height, width)
    pitch, thick = rng.uniform(6, 40), int(rng.integers(1, 4))
    first = math.pi / 2 if rng.uniform() < 0.5 else rng.uniform(0, math.pi)
    turns = (first, first + math.pi / 2)[: int(rng.integers(1, 3))]
    for angle in turns:
        way = np.array([math.cos(angle), math.sin(angle)])
        across = np.array([-way[1], way[0]])
        for place in np.arange(-side / 2, side / 2, pitch):
            middle = np.array([width / 2, height / 2]) + across * place
            _stroke(cover, np.stack([middle - way * side, middle + way * side]), thick)


def _reeds(cover: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Stalks from the ground, leaning and bent."""
    height, width = cover.shape
    lean = rng.normal(0, 0.25)
    t = np.linspace(0, 1, 8)
    for _ in range(int(rng.integers(8, 90))):
        length = height * rng.uniform(0.1, 0.7)
        x = rng.uniform(-0.1, 1.1) * width + length * (lean + rng.normal(0, 0.12)) * t**1.5
        y = height * rng.uniform(0.6, 1.1) - length * t
        _stroke(cover, np.stack([x, y], axis=1), 1)


def _hair(cover: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Fine curved lines side by side, in any direction."""
    height, width = cover.shape
    angle, bend = rng.uniform(0, 2 * math.pi), rng.normal(0, 1.0)
    start = rng.uniform(0, 1, 2) * (width, height)
    t = np.linspace(0, 1, 12)
    for _ in range(int(rng.integers(10, 60))):
        turn = angle + rng.normal(0, 0.1) + (bend + rng.normal(0, 0.2)) * t
        length = max(height, width) * rng.uniform(0.2, 0.9)
        steps = np.stack([np.cos(turn), np.sin(turn)], axis=1) * length / len(t)
        place = start + rng.normal(0, 0.12, 2) * max(height, width)
        _stroke(cover, place + np.cumsum(steps, axis=0), 1)
