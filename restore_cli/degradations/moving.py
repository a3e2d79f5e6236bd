"""Blur that changes over the picture: turning cameras, moving things, depth out of focus."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from restore_cli.degradations.blur import disc_kernel, kernel_moments, shake_kernel
from restore_cli.degradations.curves import Plane, decode, encode
from restore_cli.degradations.random_fields import (
    borrowing_edges,
    depth,
    grey_of,
    region,
    segments,
)
from restore_cli.degradations.sample import (
    UNKNOWN,
    Range,
    Sample,
    check_options,
    log_uniform,
    measure,
)


@dataclass(frozen=True, kw_only=True)
class TurningShake:
    """The mean of frames while the camera moves, turns and comes nearer, in linear light.

    Attributes:
        extent: range of the path's length, px, drawn log-uniformly.
        turn: range of the whole turn, degrees, either way.
        zoom: range of the whole change of size, as a share, either way.
        probability: how often it happens; the rest passes unchanged.
    """

    extent: Range = (1.0, 25.0)
    turn: Range = (0.0, 4.0)
    zoom: Range = (0.0, 0.03)
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("extent",))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Blur `sample.image`, clipped to [0, 1]; no one kernel is true of it."""
        if rng.uniform() >= self.probability:
            return measure(sample, "blur", 0.0)
        height, width = sample.image.shape[-2:]
        extent = log_uniform(self.extent, rng)
        turn = math.radians(rng.uniform(*self.turn)) * rng.choice([-1, 1])
        zoom = rng.uniform(*self.zoom) * rng.choice([-1, 1])
        reach = math.hypot(height, width) / 2
        frames = int(np.clip(math.ceil(extent + reach * (abs(turn) + abs(zoom))), 3, 32))
        t = np.linspace(-0.5, 0.5, frames)
        angle = rng.uniform(0, 2 * math.pi) + rng.normal(0, 1.2) * t
        steps = np.stack([np.cos(angle), np.sin(angle)]) * extent / frames
        path = np.cumsum(steps, axis=1)
        path -= path.mean(axis=1, keepdims=True)
        centre = rng.uniform(0.2, 0.8, 2) * (width, height)
        # Rigid motions (2, 3) whose mean leaves the middle of the path in place.
        linear = np.ascontiguousarray(decode(sample.image.clamp(0, 1).numpy()).transpose(1, 2, 0))
        total = np.zeros_like(linear)
        square = 0.0
        for index in range(frames):
            scale, a = 1 + zoom * t[index], turn * t[index]
            c, s = scale * math.cos(a), scale * math.sin(a)
            matrix = np.array([[c, -s, 0.0], [s, c, 0.0]])
            matrix[:, 2] = centre - matrix[:, :2] @ centre + path[:, index]
            warped = cv2.warpAffine(
                linear, matrix, (width, height), flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT,
            )  # fmt: skip
            total += warped.reshape(total.shape)
            square += _mean_square(matrix, height, width)
        total /= frames
        return _blurred(sample, total.transpose(2, 0, 1), math.sqrt(square / frames))


@dataclass(frozen=True, kw_only=True)
class MovingThings:
    """A part of the picture that moved while the rest stood still, in linear light.

    Attributes:
        extent: range of its path's longer side, px, drawn log-uniformly.
        jitter: range of how restless it is: 0 moves on a line.
        cover: range of the share of the picture that moves, drawn log-uniformly.
        probability: how often it happens; the rest passes unchanged.
    """

    extent: Range = (2.0, 41.0)
    jitter: Range = (0.0, 0.3)
    cover: Range = (0.05, 0.5)
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("extent", "cover"))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Blur the part and its outline, so that it lies half over what is behind it."""
        if rng.uniform() >= self.probability:
            return measure(sample, "blur", 0.0)
        height, width = sample.image.shape[-2:]
        picture = sample.image.clamp(0, 1).numpy()
        part = region(height, width, rng, cover=self.cover)
        part = borrowing_edges(part, grey_of(picture), rng)
        kernel = shake_kernel(log_uniform(self.extent, rng), rng.uniform(*self.jitter), rng)
        xx, _, yy = kernel_moments(kernel)
        linear = decode(picture)
        cover = _filter(part, kernel)
        moved = np.stack([_filter(plane * part, kernel) for plane in linear])
        image = (moved + linear * (1 - cover)).astype(np.float32)
        return _blurred(sample, image, math.sqrt(float(cover.mean()) * (xx + yy)))


@dataclass(frozen=True, kw_only=True)
class DepthDefocus:
    """A lens focused at one distance of a made-up scene, in linear light.

    Attributes:
        radius: range of the largest disc's radius, px, drawn log-uniformly.
        edge: range of the softness of its rim, px.
        probability: how often it happens; the rest passes unchanged.
    """

    radius: Range = (0.5, 9.0)
    edge: Range = (0.3, 1.2)
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("radius",))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Blend a few discs by the distance from the plane in focus."""
        if rng.uniform() >= self.probability:
            return measure(sample, "blur", 0.0)
        height, width = sample.image.shape[-2:]
        picture = sample.image.clamp(0, 1).numpy()
        grey = grey_of(picture)
        made = segments(grey, rng) if rng.uniform() < 0.5 else depth(height, width, rng)
        made = borrowing_edges(made, grey, rng)
        away = np.abs(made - np.float32(rng.uniform(0, 1)))
        radius, edge = log_uniform(self.radius, rng), rng.uniform(*self.edge)
        levels = 4
        place = np.clip(away / max(float(away.max()), 1e-3), 0, 1) * (levels - 1)
        linear = decode(picture)
        total, square = np.zeros_like(linear), 0.0
        for index in range(levels):
            weight = np.clip(1 - np.abs(place - index), 0, 1).astype(np.float32)
            if index == 0:
                total += linear * weight
                continue
            kernel = disc_kernel(max(0.3, radius * index / (levels - 1)), edge)
            xx, _, yy = kernel_moments(kernel)
            square += float(weight.mean()) * (xx + yy)
            total += np.stack([_filter(plane, kernel) for plane in linear]) * weight
        return _blurred(sample, total, math.sqrt(square))


def _filter(plane: Plane, kernel: Plane) -> Plane:
    """Convolve (H, W); OpenCV correlates, so the kernel is turned by half a circle."""
    turned = np.ascontiguousarray(kernel[::-1, ::-1])
    blurred = cv2.filter2D(plane, cv2.CV_32F, turned, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32).reshape(plane.shape)


def _mean_square(matrix: Plane, height: int, width: int) -> float:
    """Mean squared way, px^2, that a (2, 3) motion moves the places of a picture."""
    y, x = np.mgrid[0:height:8j, 0:width:8j].reshape(2, -1)
    moved = matrix[:, :2] @ np.stack([x, y]) + matrix[:, 2:]
    return float(np.square(moved - np.stack([x, y])).sum(axis=0).mean())


def _blurred(sample: Sample, linear: Plane, amount: float) -> Sample:
    """The sample with a picture from linear light (3, H, W); its moments are unknown."""
    srgb = encode(np.clip(np.ascontiguousarray(linear, np.float32), 0, 1))
    changed = replace(
        sample, image=torch.from_numpy(np.clip(srgb, 0, 1)), sigma=math.nan, blur=UNKNOWN
    )
    return measure(changed, "blur", amount)
