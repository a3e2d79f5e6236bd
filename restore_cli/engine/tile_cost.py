"""What windows of each size cost on this machine, and so which tiling takes least time.

What stays in a processor's cache is up to twice as fast a pixel, and overlaps are computed twice:
neither the largest window nor the smallest is best. Sizes are measured, not guessed.
"""

import bisect
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from restore_cli.engine.cache import Cache
from restore_cli.engine.tiling import round_up, spans

LARGE = 2_000_000
"""px of a picture from which measuring pays: it takes as long as three million pixels, once."""

SMALL = 2**17
"""px of a picture below which no tiling costs time that anybody notices."""

SIDES = (192, 256, 320, 384, 512, 640)
"""px of the square windows that are measured; larger ones cost what the largest does."""

WASTEFUL = 1.5
"""A tiling that costs more than this times the best one is worth a word."""

_TIMES = 3
_TIE = 1.1  # within this, the larger window is taken: it has fewer borders


@dataclass(frozen=True, slots=True)
class Costs:
    """Nanoseconds a pixel, by the side of a square window.

    Attributes:
        by_side: at least one; {1: 1.0} where every pixel costs the same.
    """

    by_side: Mapping[int, float] = field(default_factory=lambda: {1: 1.0})

    def of(self, height: int, width: int) -> float:
        """Of one window, in ns; between measured sizes it is interpolated by the side."""
        sides = sorted(self.by_side)
        side = math.sqrt(height * width)
        after = bisect.bisect_left(sides, side)
        if after in (0, len(sides)):
            each = self.by_side[sides[min(after, len(sides) - 1)]]
        else:
            low, high = sides[after - 1], sides[after]
            share = (side - low) / (high - low)
            each = (1 - share) * self.by_side[low] + share * self.by_side[high]
        return each * height * width

    def of_tiles(
        self, size: tuple[int, int], tile: int | None, overlap: int, multiple: int
    ) -> float:
        """Of a picture of `size` (H, W), multiples of `multiple`, in windows as `spans` lays them.

        Args:
            size: of the padded picture.
            tile: at most, px; None for the whole picture.
            overlap: that windows share at least, px.
            multiple: of the network.
        """
        overlap = min(overlap, tile - multiple) if tile else 0
        rows, columns = (spans(length, tile or length, overlap, multiple) for length in size)
        height, width = rows[0].stop - rows[0].start, columns[0].stop - columns[0].start
        return len(rows) * len(columns) * self.of(height, width)

    def cheapest(self, size: tuple[int, int], most: int, overlap: int, multiple: int) -> int | None:
        """The side of the windows that take least time, None for the whole picture.

        Args:
            size: (H, W) of the padded picture.
            most: the largest side that may be, px.
            overlap: px; windows are at least twice as large.
            multiple: of the network.
        """
        tiles = {round_up(side, multiple) for side in SIDES} | {most}
        ways: list[int | None] = [t for t in sorted(tiles) if 2 * overlap <= t <= most]
        if max(size) <= most:
            ways.append(None)
        costs = {way: self.of_tiles(size, way, overlap, multiple) for way in ways or [most]}
        # The last within the tie: the largest.
        return [way for way, cost in costs.items() if cost <= _TIE * min(costs.values())][-1]


def measured(
    compute: Callable[[int], object], multiple: int, key: str, cache: Cache
) -> tuple[Costs, str]:
    """What windows cost, from the cache or measured now.

    Args:
        compute: computes a square window of the given side, a multiple of `multiple`.
        multiple: of the network.
        key: of the model, the backend, the number format and the machine.
        cache: where it is kept.

    Returns:
        The costs, and why they could not be kept, empty where they were.
    """
    kept = _parsed(cache.get(key))
    if kept is not None:
        return kept, ""
    sides = sorted({round_up(side, multiple) for side in SIDES})
    least = dict.fromkeys(sides, math.inf)
    for side in sides:
        compute(side)  # the first call compiles, or fills caches
    # In turns, so that other work on the machine harms all sizes alike.
    for _ in range(_TIMES):
        for side in sides:
            start = time.perf_counter()
            compute(side)
            each = 1e9 * (time.perf_counter() - start) / side**2
            least[side] = min(least[side], each)
    note = cache.put(key, json.dumps(least).encode())
    return Costs(least), note


def _parsed(data: bytes | None) -> Costs | None:
    if data is None:
        return None
    return Costs({int(side): float(each) for side, each in json.loads(data).items()})
