"""In what windows a picture is computed: as asked, as memory allows, as costs least time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from restore_cli.engine import memory
from restore_cli.engine.tile_cost import LARGE, SMALL, WASTEFUL, Costs
from restore_cli.engine.tiling import Span, round_up, spans
from restore_cli.engine.windows import Layout
from restore_cli.errors import RestoreError
from restore_cli.networks.info import NetworkInfo

if TYPE_CHECKING:
    from restore_cli.engine.device import Precision
    from restore_cli.engine.memory import Place

DEFAULT_OVERLAP = 64
"""px; see `Restorer`."""

_MADE_FOR_WHOLE = "memory is short: computed in tiles by a model that wants pictures whole"

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to compute a picture; the next one is tried when it fails.

    Attributes:
        tile: side of the windows at most, px; None for the whole picture.
        batch: windows computed at once.
    """

    device: Place
    precision: Precision
    tile: int | None
    batch: int


class Ways:
    """The ways to compute pictures with one network on one device.

    Args:
        info: of the network.
        need: bytes that it takes for each px on a device.
        device: where it is computed unless memory runs out.
        tile, overlap, usual_overlap, batch_size: as `Restorer` takes them.

    Raises:
        RestoreError: one of these cannot be used with this network.
    """

    def __init__(
        self,
        info: NetworkInfo,
        need: Callable[[Place], float],
        device: Place,
        *,
        tile: int | Literal["auto", "none"],
        overlap: int | None,
        usual_overlap: int,
        batch_size: int,
    ) -> None:
        self._info, self._need, self._device = info, need, device
        self._block = info.block
        self._tile = _checked_tile(tile, info)
        self._overlap = _checked_overlap(overlap, self._tile, self._block)
        self._usual = usual_overlap
        self._shared = usual_overlap if self._overlap is None else self._overlap
        if batch_size < 1:
            raise RestoreError(f"batch size {batch_size} is below 1")
        self._batch = batch_size
        self._ceiling: int | None = None
        self._warned = False

    def _multiple(self, tile: int | None) -> int:
        """What the picture is padded to a multiple of, px: windows meet the network's blocks."""
        return self._info.multiple if tile is None else self._block

    def padded(self, size: Size, tile: int | None = None) -> Size:
        """Height and width after padding, for the whole picture or for windows of it."""
        height, width = (max(side, self._info.smallest) for side in size)
        multiple = self._multiple(tile)
        return round_up(height, multiple), round_up(width, multiple)

    def first(
        self,
        size: Size,
        device: Place,
        precision: Precision,
        notes: list[str],
        costs: Callable[[], Costs],
    ) -> Way:
        """The way that the arguments ask for, as far as memory allows.

        Args:
            size: (H, W) of the picture.
            device: where to compute.
            precision: in what number format.
            notes: gets what the user must know.
            costs: measures what windows cost there; asked for large pictures on a CPU.
        """
        height, width = self.padded(size)
        whole = max(height, width)
        tile = self._tile if isinstance(self._tile, int) else whole
        if self._ceiling is not None and device == self._device:
            tile = min(tile, self._ceiling)
        pixels = min(tile, height) * min(tile, width) * (1 if tile >= whole else self._batch)
        fitting = whole
        # An accelerator says when memory is short. A CPU's system may kill the process instead, so
        # there even what was asked for is compared with what is free.
        if pixels > memory.PROBE**2 and (self._tile == "auto" or device.type == "cpu"):
            room = memory.budget(device, automatic=self._tile == "auto")
            need = self._need(device)
            if pixels * need > room:
                fitting = memory.fitting_tile(room / self._batch, need, self._info)
                if self._tile != "auto" and fitting < tile:
                    notes.append(f"memory is short: computed with tiles of {fitting} px")
                tile = min(tile, fitting)
                if self._info.whole:
                    notes.append(_MADE_FOR_WHOLE)
        if device.type == "cpu":
            large = height * width >= LARGE
            known = costs() if large else Costs()
            if self._tile == "auto" and large and not self._info.whole:
                best = known.cheapest(self.padded(size, tile), tile, self._shared, self._block)
                tile = whole if best is None else best
            self._question(known, self.padded(size, tile), tile, fitting, notes)
        return Way(device, precision, tile if tile < whole else None, self._batch)

    def _question(self, known: Costs, size: Size, tile: int, most: int, notes: list[str]) -> None:
        """Say once that what was asked for costs much more time than the best."""
        whole = max(size)
        if self._warned or size[0] * size[1] < SMALL:
            return
        asked = min(self._tile, whole) if isinstance(self._tile, int) else whole
        # Only what was asked for: short memory makes tiles, too.
        if self._overlap is None if self._tile == "auto" else tile < asked:
            return
        best = known.cheapest(size, max(most, tile), self._usual, self._block)
        shared = self._usual if best is None else min(self._usual, best // 2)
        least = known.of_tiles(size, best, shared, self._block)
        now = None if tile >= whole else tile
        factor = known.of_tiles(size, now, self.overlap(tile), self._block) / least
        if factor > WASTEFUL:
            self._warned = True
            told, better = _words(now, self.overlap(tile)), _words(best, shared)
            notes.append(f"computing {told} takes about {factor:.1f} times as long as {better}")

    def smaller(self, size: Size, way: Way, notes: list[str], costs: Callable[[], Costs]) -> Way:
        """What to try after running out of memory: a smaller batch, smaller windows, the CPU.

        Raises:
            RestoreError: nothing is left to try.
        """
        if way.tile is not None and way.batch > 1:
            return replace(way, batch=way.batch // 2)
        tile = way.tile or max(self.padded(size))
        smallest = memory.smallest_tile(self._info)
        if tile > smallest:
            half = max(tile // 2 // self._block * self._block, smallest)
            before = f"tiles of {way.tile} px" if way.tile else "the whole picture"
            notes.append(f"out of memory with {before}: repeated with tiles of {half} px")
            return replace(way, tile=half)
        if way.device.type != "cpu":
            notes.append(f"out of memory on {way.device}: repeated on the CPU")
            import torch  # which has just run out of memory there

            return self.first(size, torch.device("cpu"), "fp32", notes, costs)
        raise RestoreError(
            f"not enough memory, even with tiles of {smallest} px",
            hint="close other programs, or use a machine with more memory",
        )

    def remember(self, way: Way) -> None:
        """Later pictures begin with what worked instead of failing again."""
        if way.device == self._device:
            self._ceiling = way.tile

    def layout(self, size: Size, way: Way) -> Layout:
        """How a picture of `size` (H, W) is split."""
        height, width = self.padded(size, way.tile)
        info = self._info
        return Layout(
            rows=self._spans(height, way.tile),
            columns=self._spans(width, way.tile),
            multiple=self._multiple(way.tile),
            smallest=info.smallest,
            scale=info.scale,
            batch=way.batch,
        )

    def _spans(self, length: int, tile: int | None) -> list[Span]:
        """The windows along a padded axis."""
        if tile is None:
            return spans(length, length, 0, self._multiple(tile))
        return spans(length, tile, self.overlap(tile), self._block)

    def overlap(self, tile: int) -> int:
        """What windows of a size share at least, px."""
        if self._overlap is not None and tile == self._tile:
            return self._overlap
        return min(self._shared, tile // 2)


def _words(tile: int | None, overlap: int) -> str:
    return f"in tiles of {tile} px that share {overlap} px" if tile else "the picture whole"


def _checked_tile(
    tile: int | Literal["auto", "none"], info: NetworkInfo
) -> int | Literal["auto", "none"]:
    if isinstance(tile, str):
        if tile not in ("auto", "none"):
            raise RestoreError(f"unknown tile {tile!r}", hint="use auto, none or a number of px")
        return tile
    smallest = memory.smallest_tile(info)
    if tile < smallest:
        raise RestoreError(
            f"tile {tile} is too small for this model",
            hint=f"use auto, none or at least {smallest} px",
        )
    return tile // info.block * info.block


def _checked_overlap(
    overlap: int | None, tile: int | Literal["auto", "none"], multiple: int
) -> int | None:
    if overlap is None:
        return None
    if overlap < 0:
        raise RestoreError(f"overlap {overlap} is below 0")
    if isinstance(tile, int) and round_up(overlap, multiple) >= tile:
        raise RestoreError(
            f"overlap {overlap} leaves nothing of tiles of {tile} px",
            hint=f"use a smaller overlap, such as {tile // 4}, or a larger tile",
        )
    return overlap
