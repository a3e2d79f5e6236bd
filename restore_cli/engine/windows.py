"""A picture through a network in windows: split, computed, laid together again."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restore_cli.engine.tiling import Span, lay, mirror, taken

Pixels = NDArray[np.float32]


class NotFiniteError(Exception):
    """A network returned infinity or NaN."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a picture is split.

    Attributes:
        rows: of windows, by their places in the padded picture.
        columns: likewise.
        multiple: what the padded sides are multiples of, px.
        smallest: and are at least, px.
        scale: px of the result for one of the picture, along each side.
        batch: windows computed at once.
    """

    rows: Sequence[Span]
    columns: Sequence[Span]
    multiple: int = 1
    smallest: int = 1
    scale: int = 1
    batch: int = 1


def in_windows(
    image: Pixels,
    layout: Layout,
    compute: Callable[[Pixels], Pixels],
    tell: Callable[[float], None] = lambda _: None,
) -> Pixels:
    """Split, compute, blend.

    Args:
        image: (3, H, W); not changed.
        layout: of its windows.
        compute: maps (B, 3, h, w), which it may change, to (B, 3, scale h, scale w).
        tell: what share of the picture is done, after each batch.

    Returns:
        (3, scale H, scale W).
    """
    rows, columns, scale = layout.rows, layout.columns, layout.scale
    rows_from = mirror(image.shape[1], layout.multiple, layout.smallest)
    columns_from = mirror(image.shape[2], layout.multiple, layout.smallest)
    output = np.empty((3, scale * image.shape[1], scale * image.shape[2]), np.float32)
    for above, row in enumerate(rows):
        source = taken(image, rows_from[row.start : row.stop], 1)
        band = np.empty((3, scale * (row.stop - row.start), output.shape[2]), np.float32)
        for first in range(0, len(columns), layout.batch):
            group = columns[first : first + layout.batch]
            results = compute(
                np.stack([taken(source, columns_from[c.start : c.stop], 2) for c in group])
            )
            for column, result in zip(group, results, strict=True):
                lay(band, result, column.times(scale), dim=2)
            tell((above * len(columns) + first + len(group)) / (len(rows) * len(columns)))
        lay(output, band, row.times(scale), dim=1)
    return output


def together(
    images: Sequence[Pixels], layout: Layout, compute: Callable[[Pixels], Pixels]
) -> list[Pixels]:
    """Compute pictures of one size at once, each of which is one window.

    Args:
        images: (3, H, W) each; not changed.
        layout: of each; one row, one column, scale 1.
        compute: as `in_windows` takes it.

    Returns:
        (3, H, W) each.
    """
    height, width = images[0].shape[1:]
    rows = mirror(height, layout.multiple, layout.smallest)
    columns = mirror(width, layout.multiple, layout.smallest)
    windows = np.stack([taken(taken(image, rows, 1), columns, 2) for image in images])
    results = compute(windows)[:, :, :height, :width]
    return [np.ascontiguousarray(result) for result in results]


def finished(result: Pixels) -> Pixels:
    """What a network returned, limited to [0, 1] in place.

    Raises:
        NotFiniteError: it is no picture.
    """
    if not is_finite(result):
        raise NotFiniteError
    return np.clip(result, 0.0, 1.0, out=result)


def is_finite(image: Pixels) -> bool:
    """Whether no value is infinite or NaN, which the extremes tell without a mask of all."""
    return math.isfinite(float(image.min()) + float(image.max()))


def is_flat(image: Pixels) -> bool:
    """Whether each channel of (3, H, W) has one value only."""
    return bool((image.max(axis=(1, 2)) == image.min(axis=(1, 2))).all())
