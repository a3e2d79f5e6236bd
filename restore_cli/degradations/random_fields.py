"""Random fields: fractal relief, the depth of made-up scenes, and edges borrowed from a picture."""

import math

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]


def fractal(height: int, width: int, rng: np.random.Generator, *, roughness: float = 0.5) -> Plane:
    """Cloud-like noise: octaves of smooth random grids, each finer and weaker than the last.

    Args:
        height: px.
        width: px.
        rng: the only source of chance.
        roughness: how much of an octave's strength the next finer one has; 0 is one smooth bump.

    Returns:
        (H, W) in [0, 1], both ends reached unless it is constant.
    """
    if max(height, width) >= 64 and min(height, width) > 1:  # few octaves reach single pixels
        half = fractal((height + 1) // 2, (width + 1) // 2, rng, roughness=roughness)
        return _stretch(np.asarray(cv2.resize(half, (width, height)), np.float32))
    field = np.zeros((height, width), np.float32)
    strength, cells = 1.0, 2
    while cells <= max(height, width) // 2 + 2 and strength > 0.02:
        rows = max(2, round(cells * height / max(height, width)) + 1)
        columns = max(2, round(cells * width / max(height, width)) + 1)
        grid = rng.random((rows, columns), dtype=np.float32)
        octave = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        field += np.float32(strength) * octave
        strength *= roughness
        cells *= 2
    return _stretch(field)


def depth(height: int, width: int, rng: np.random.Generator) -> Plane:
    """How far away each place of a made-up scene is: ground, ridges, walls, relief, in any mix.

    Args:
        height: px.
        width: px.
        rng: the only source of chance.

    Returns:
        (H, W) in [0, 1]; 1 is farthest.
    """
    field = np.zeros((height, width), np.float32)
    y = np.linspace(1, 0, height, dtype=np.float32)[:, None]  # 1 at the top
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    if rng.uniform() < 0.6:  # ground: depth grows as 1 / distance below the horizon
        horizon = rng.uniform(0.5, 1.3)
        field += np.minimum(0.08 / np.maximum(horizon - y, 0.08), 1) * np.ones_like(x)
    if rng.uniform() < 0.5:  # a wall seen at an angle
        slope = rng.uniform(-1, 1, 2).astype(np.float32)
        field += _stretch(slope[0] * x + slope[1] * y) * np.float32(rng.uniform(0.2, 1))
    if rng.uniform() < 0.5:  # ridges or houses, one before the other
        for far in np.sort(rng.uniform(0.1, 1, int(rng.integers(1, 5))))[::-1]:
            outline = fractal(1, width, rng, roughness=rng.uniform(0.3, 0.7))[0]
            top = rng.uniform(0.1, 1.0) + rng.uniform(0.05, 0.5) * (outline - 0.5)
            field = np.where(y < top[None, :], np.float32(far), field)
    if rng.uniform() < 0.7:
        relief = fractal(height, width, rng, roughness=rng.uniform(0.3, 0.7))
        field = field + np.float32(rng.uniform(0.1, 0.8)) * relief
    return _stretch(field.astype(np.float32))


def room(height: int, width: int, rng: np.random.Generator) -> Plane:
    """How far away the walls of a room are, with boxes standing in it.

    Returns:
        (H, W) in [0, 1]; 1 is farthest.
    """
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - np.float32(rng.uniform(-0.6, 0.6))
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] - np.float32(rng.uniform(-0.6, 0.6))
    back = rng.uniform(0.15, 0.9, 2).astype(np.float32)  # half the sides of the back wall
    field = 1 / np.maximum(np.maximum(np.abs(x) / back[0], np.abs(y) / back[1]), 1)
    for far in np.sort(rng.uniform(0.1, 0.9, int(rng.integers(0, 6))))[::-1]:
        top, left = rng.uniform(-0.2, 0.9, 2) * (height, width)
        tall, wide = rng.uniform(0.05, 0.5, 2) * (height, width)
        rows, columns = (
            slice(max(0, int(top)), int(top + tall)),
            slice(max(0, int(left)), int(left + wide)),
        )
        field[rows, columns] = np.minimum(field[rows, columns], np.float32(far))
    return _stretch(field)


def segments(grey: Plane, rng: np.random.Generator) -> Plane:
    """Things of a picture, each at a random distance on ground that leads away.

    What is alike in brightness and near to each other is one thing: the smoothed picture in a few
    bands of random width, cut once more by a few random patches.

    Args:
        grey: (H, W) in [0, 1].
        rng: the only source of chance.

    Returns:
        (H, W) in [0, 1]; 1 is farthest.
    """
    height, width = grey.shape
    rows, columns = min(height, 96), min(width, 96)
    small = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA).reshape(rows, columns)
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), rng.uniform(2, 7)), np.float32)
    bands, patches = int(rng.integers(3, 8)), int(rng.integers(1, 4))
    code = np.clip(small * bands + rng.uniform(), 0, bands).astype(np.int64)
    parts = np.clip(fractal(rows, columns, rng) * patches, 0, patches - 0.01).astype(np.int64)
    far = rng.random((bands + 1) * patches).astype(np.float32)[code * patches + parts]
    ground = np.linspace(1, 0, rows, dtype=np.float32)[:, None] * np.float32(rng.uniform(0, 1))
    soft = cv2.GaussianBlur(far + ground, (0, 0), rng.uniform(0.5, 2))
    field = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    return _stretch(np.asarray(field, np.float32).reshape(height, width))


def region(
    height: int, width: int, rng: np.random.Generator, *, cover: tuple[float, float], up: float = 0
) -> Plane:
    """A part of the picture with a soft or sharp border: patches, a corner, a side.

    Args:
        height: px.
        width: px.
        rng: the only source of chance.
        cover: range of the share of the picture that it takes, drawn log-uniformly.
        up: how much it prefers the top, 0 not at all.

    Returns:
        (H, W) in [0, 1]; 1 is inside.
    """
    field = fractal(height, width, rng, roughness=rng.uniform(0.2, 0.8))
    y = np.linspace(1, 0, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    slope = rng.uniform(-1, 1, 2).astype(np.float32)
    field = field + np.float32(up) * y + slope[0] * x + slope[1] * y
    share = math.exp(rng.uniform(math.log(cover[0]), math.log(cover[1])))
    softness = 10 ** rng.uniform(-2, -0.5)
    sparse = field[::3, ::3] if field.size > 16384 else field
    edge = np.float32(np.quantile(sparse, 1 - share))
    return (0.5 * (1 + np.tanh((field - edge) / np.float32(softness)))).astype(np.float32)


def grey_of(picture: Plane) -> Plane:
    """Brightness (H, W) of a picture (3, H, W)."""
    red, green, blue = picture
    return np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue


def borrowing_edges(field: Plane, grey: Plane, rng: np.random.Generator) -> Plane:
    """`follow_edges` of a picture's brightness (H, W) with windows of a random size."""
    radius = max(2, round(max(grey.shape) * rng.uniform(0.03, 0.12)))
    return np.clip(follow_edges(field, grey, radius=radius), 0, 1)


def follow_edges(field: Plane, guide: Plane, *, radius: int, eps: float = 1e-3) -> Plane:
    """Move a field's edges to those of a picture: the guided filter (He, Sun, Tang, TPAMI 2013).

    Real depth changes at the outlines of things, and so does the picture.

    Args:
        field: (H, W).
        guide: (H, W) in [0, 1].
        radius: of the windows, px.
        eps: variance of the guide below which a place counts as flat.

    Returns:
        (H, W).
    """
    thin = max(1, radius // 4)  # the fast guided filter (He and Sun, 2015): windows by samples
    if thin > 1 and min(field.shape) >= 8 * thin:
        coarse = (field.shape[1] // thin, field.shape[0] // thin)
        slope, offset = _guided(
            _shrunk(field, coarse), _shrunk(guide, coarse),
            radius=radius // thin, eps=eps,
        )  # fmt: skip
        slope, offset = (cv2.resize(p, field.shape[::-1]) for p in (slope, offset))
    else:
        slope, offset = _guided(field, guide, radius=radius, eps=eps)
    return np.asarray(slope * guide + offset, np.float32)


def _shrunk(field: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA), np.float32)


def _guided(field: Plane, guide: Plane, *, radius: int, eps: float) -> tuple[Plane, Plane]:
    """Slope and offset of the guide that come nearest to the field around each place."""
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(plane: npt.NDArray[np.floating]) -> Plane:
        return np.asarray(cv2.blur(plane, size, borderType=cv2.BORDER_REFLECT), np.float32)

    mean_guide, mean_field = mean(guide), mean(field)
    variance = mean(guide * guide) - mean_guide**2
    slope = (mean(guide * field) - mean_guide * mean_field) / (variance + eps)
    offset = mean_field - slope * mean_guide
    return mean(slope), mean(offset)


def _stretch(field: Plane) -> Plane:
    low, high = float(field.min()), float(field.max())
    if not math.isfinite(high - low) or high - low < 1e-6:
        return np.full_like(field, 0.5)
    return ((field - low) / (high - low)).astype(np.float32)
