"""Windows over a picture: where they lie, and how their results become one picture without seams.

Pure functions on sizes and arrays; no network, no device, no torch.

Values near the border of a window suffer from the network's padding, so neighbours share
`overlap` px. Of that band the outer part (nearest to either border) is thrown away; over the rest,
in the middle of the band, one window fades into the next. Rows and columns are treated apart:
windows of a row are laid into a band, bands are laid into the picture, so one output buffer is
enough.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

FADE = 0.25
"""Share of the overlap over which neighbours are mixed; the rest, half on each side, is context."""


@dataclass(frozen=True, slots=True)
class Span:
    """One window along one axis; all positions in px of the padded picture.

    Attributes:
        start: first px that the network sees.
        stop: one past the last px that the network sees.
        fade_start: from here the window takes over from the one before it ...
        fade_stop: ... and from here it stands alone.
        keep_stop: one past the last px used; what follows is left to the next window.
    """

    start: int
    stop: int
    fade_start: int
    fade_stop: int
    keep_stop: int

    def times(self, scale: int) -> "Span":
        """The same window in a picture that is `scale` times as large."""
        return Span(
            self.start * scale,
            self.stop * scale,
            self.fade_start * scale,
            self.fade_stop * scale,
            self.keep_stop * scale,
        )


def round_up(size: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `size`."""
    return math.ceil(size / multiple) * multiple


def mirror(size: int, multiple: int, smallest: int = 1) -> NDArray[np.int64]:
    """Where the px of a padded axis are read from: reflection behind the last px.

    The border px is not repeated. An axis shorter than its padding is reflected to and fro; an axis
    of one px is repeated.

    Args:
        size: px of the picture along the axis, 1 or more.
        multiple: the padded length is the next multiple of this.
        smallest: and no less than this, px.

    Returns:
        (padded,) values in [0, size).
    """
    position = np.arange(round_up(max(size, smallest), multiple), dtype=np.int64)
    if size == 1:
        return np.zeros_like(position)
    position %= 2 * (size - 1)
    return np.where(position < size, position, 2 * (size - 1) - position)


def taken(image: NDArray[Any], positions: NDArray[np.int64], dim: int) -> NDArray[Any]:
    """What stands at these places of an axis; a view where they follow one another.

    Gathering line by line takes longer than some networks; only windows at the border need it.

    Args:
        image: any shape.
        positions: (N,) along `dim`, one at least, as `mirror` gives them.
        dim: the axis.
    """
    first, count = int(positions[0]), len(positions)
    if np.array_equal(positions, np.arange(first, first + count)):
        return image[_along(image, dim, first, first + count)]
    return image.take(positions, axis=dim)


def spans(length: int, tile: int, overlap: int, multiple: int) -> list[Span]:
    """Split one axis into windows.

    All windows have the same size and lie inside the axis. They are as few as `tile` allows, then
    as small as `overlap` allows, and spread evenly, so that no work is spent on one large last
    overlap. They start at multiples of `multiple`: a network that halves the picture then
    meets the grid of the whole picture.

    Args:
        length: px of the padded axis, a multiple of `multiple`.
        tile: px of a window at most, a multiple of `multiple`; an axis no longer than that is one
            window.
        overlap: px that neighbours share at least, below `tile`; rounded up to `multiple`.
        multiple: of the network.

    Returns:
        The windows in order; their fades and kept parts cover the axis.
    """
    if length <= tile:
        return [Span(0, length, 0, 0, length)]
    overlap = min(round_up(overlap, multiple), tile - multiple)
    count = math.ceil((length - tile) / (tile - overlap)) + 1
    tile = round_up(math.ceil((length + (count - 1) * overlap) / count), multiple)
    # Steps are at most `tile - overlap`, a multiple of `multiple`: rounding down keeps the overlap.
    room = (length - tile) // multiple
    starts = [index * room // (count - 1) * multiple for index in range(count)]
    fade = int(overlap * FADE)
    fades = [0]
    for before, start in pairwise(starts):
        shared = before + tile - start
        fades.append(start + (shared - fade) // 2)
    ends = [at + fade for at in fades]
    ends[0] = 0
    return [
        Span(start, start + tile, at, end, keep)
        for start, at, end, keep in zip(starts, fades, ends, [*ends[1:], length], strict=True)
    ]


def ramp(width: int) -> NDArray[np.float32]:
    """Weights of the later window over a fade: half a cosine wave, (width,) rising inside (0, 1).

    The earlier window has one minus this, so the weights of all windows sum to one everywhere.
    """
    phase = (np.arange(width, dtype=np.float32) + np.float32(0.5)) / np.float32(max(width, 1))
    return (0.5 - 0.5 * np.cos(np.float32(math.pi) * phase)).astype(np.float32)


def mixed(old: NDArray[np.float32], new: NDArray[np.float32], *, dim: int) -> NDArray[np.float32]:
    """The fade from one window into the next, along an axis of arrays (C, h, w).

    Written as `old + weight * (new - old)`: where both agree the result is that value exactly, not
    up to rounding.
    """
    shape = [1, 1, 1]
    shape[dim] = old.shape[dim]
    faded = ramp(old.shape[dim]).reshape(shape) * (new - old)
    return (old + faded).astype(np.float32, copy=False)


def lay(target: NDArray[np.float32], window: NDArray[np.float32], span: Span, *, dim: int) -> None:
    """Lay one window over what its predecessors left, in place; in the order of `spans`.

    Args:
        target: (C, H, W), the picture's own size along `dim` (padding is cropped here).
        window: (C, h, w), `span.stop - span.start` px along `dim`, else the target's size.
        span: the window's place along `dim`.
        dim: 1 for rows, 2 for columns.
    """
    if span.fade_stop > span.fade_start:
        fade = _along(target, dim, span.fade_start, span.fade_stop)
        inside = _along(window, dim, span.fade_start - span.start, span.fade_stop - span.start)
        target[fade] = mixed(target[fade], window[inside], dim=dim)
    stop = min(span.keep_stop, target.shape[dim])
    inside = _along(window, dim, span.fade_stop - span.start, stop - span.start)
    target[_along(target, dim, span.fade_stop, stop)] = window[inside]


def _along(image: NDArray[Any], dim: int, start: int, stop: int) -> tuple[slice, ...]:
    """Places from `start` to `stop` of one axis, all of the others."""
    return tuple(slice(start, stop) if axis == dim else slice(None) for axis in range(image.ndim))
