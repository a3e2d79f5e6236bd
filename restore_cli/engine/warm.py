"""What an earlier process has found out of a model, so that a picture needs no torch.

Importing torch takes longer than restoring a picture. Where OpenVINO computes a model that lies
compiled in the cache, `WarmRestorer` does what `Restorer` would do, with the same result; what is
out of the ordinary it leaves to one, built when it is first needed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from restore_cli.engine import compiled
from restore_cli.engine.cache import Cache, cache_folder
from restore_cli.engine.fingerprint import version_of_torch
from restore_cli.engine.global_context import whole_of
from restore_cli.engine.restored import Restored
from restore_cli.engine.said import degradation, in_details
from restore_cli.engine.tile_cost import Costs
from restore_cli.engine.ways import DEFAULT_OVERLAP, Way, Ways
from restore_cli.engine.windows import (
    Layout,
    NotFiniteError,
    Pixels,
    finished,
    in_windows,
    is_finite,
    is_flat,
    together,
)
from restore_cli.networks.info import NetworkInfo

if TYPE_CHECKING:
    from restore_cli.engine.device import Precision
    from restore_cli.engine.restorer import Restorer
    from restore_cli.networks.base import Network

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_THREAD_LIMIT")
"""Variables by which torch chooses its number of threads, which OpenVINO takes over."""
_ACCELERATORS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""Without one of these, torch finds no accelerator on Linux."""


@dataclass(frozen=True, slots=True)
class Known:
    """A model as an earlier process has left it.

    Attributes:
        info: of its network.
        parts: compiled by OpenVINO when they are first needed.
        half: whether bf16 is faster here and gives the same picture.
        threads: how many compute.
        bytes_per_pixel: what it takes on a CPU.
        names: of the degradations that it tells apart.
        alike: see `compiled.Verdict`.
        costs: of windows, by number format, where a large picture has asked for them.
    """

    info: NetworkInfo
    parts: compiled.Parts
    half: bool
    threads: int
    bytes_per_pixel: float
    names: tuple[str, ...] = ()
    alike: bool = False
    costs: Mapping[str, Costs] = field(default_factory=dict[str, Costs])


@dataclass(frozen=True, slots=True)
class _Host:
    """The CPU, where no torch is there to name it."""

    type: str = "cpu"

    def __str__(self) -> str:
        return self.type


class _UnusualError(Exception):
    """Something that `Restorer` must decide."""


_TROUBLES = (_UnusualError, NotFiniteError, RuntimeError, MemoryError)


def keep(
    identity: str, network: Network, bytes_per_pixel: float, costs: Mapping[Precision, Costs]
) -> None:
    """Leave for later processes what is known of a model that OpenVINO computes here.

    Args:
        identity: of the model; different for others of this name.
        network: in eval mode, on the CPU.
        bytes_per_pixel: see `memory`.
        costs: of windows, as far as they are known; what was kept of others stays.
    """
    import torch

    from restore_cli.engine.degradation_classifier import told_names
    from restore_cli.engine.openvino import key_of

    if network.info.input != "srgb" or network.info.scale != 1:
        return
    kept = {
        "info": asdict(network.info),
        "parts": key_of(network),
        "threads": torch.get_num_threads(),
        "bytes_per_pixel": bytes_per_pixel,
        "names": told_names(network),
    }
    cache, key = Cache(cache_folder()), _key(identity)
    before = cache.get(key)
    known = {} if before is None else json.loads(before)["costs"]
    new = {name: {str(side): each for side, each in c.by_side.items()} for name, c in costs.items()}
    data = json.dumps(kept | {"costs": known | new}).encode()
    if before != data:
        cache.put(key, data)  # where it cannot be written, that was noted for the model itself


def recall(identity: str, *, device: str, precision: str, backend: str) -> Known | None:
    """What `keep` has left of a model, whole and for this machine, if it may be used.

    Args:
        identity: of the model.
        device: as `Restorer` takes it; so are the others.
        precision: likewise.
        backend: likewise.
    """
    if backend == "torch" or precision not in ("auto", "fp32", "bf16"):
        return None
    if not (device == "cpu" or (device == "auto" and not _may_have_accelerator())):
        return None
    if not compiled.is_installed():
        return None
    cache = Cache(cache_folder())
    kept = cache.get(_key(identity))
    if kept is None:
        return None
    told: dict[str, Any] = json.loads(kept)
    data = cache.get(told["parts"])
    if data is None:
        return None
    parts, verdict = compiled.unpacked(data)
    formats = tuple(told["info"].pop("formats"))
    info = NetworkInfo(**told["info"], formats=formats)
    if verdict.trouble or precision not in ("auto", *formats):
        return None
    costs = {
        name: Costs({int(side): each for side, each in by_side.items()})
        for name, by_side in told["costs"].items()
    }
    need, names = told["bytes_per_pixel"], tuple(told["names"])
    return Known(info, parts, verdict.half, told["threads"], need, names, verdict.alike, costs)


class WarmRestorer:
    """Restores pictures by a model that is known.

    Args:
        known: of the model.
        build: makes the `Restorer` for what is out of the ordinary.
        precision: see `Restorer`; so are the others.
        tile: likewise.
        overlap: likewise.
        usual_overlap: likewise.
        batch_size: likewise.
        progress: likewise.

    Attributes:
        info: of the network.

    Raises:
        RestoreError: as `Restorer` does.
    """

    def __init__(
        self,
        known: Known,
        build: Callable[[], Restorer],
        *,
        precision: str = "auto",
        tile: int | Literal["auto", "none"] = "auto",
        overlap: int | None = None,
        usual_overlap: int = DEFAULT_OVERLAP,
        batch_size: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.info, self._names = known.info, known.names
        # Pictures together are found to be alike where one context serves all: guides, which are
        # made of each one's own, come out different in the last bits.
        self._alike = known.alike and known.parts.said is None
        self._costs = known.costs
        half = known.half if precision == "auto" else precision == "bf16"
        self._precision: Precision = "bf16" if half else "fp32"
        self._compiled = compiled.Compiled(known.parts, lambda: known.threads)
        self._build, self._progress = build, progress
        self._full: Restorer | None = None
        self._ways = Ways(
            known.info,
            lambda _: known.bytes_per_pixel,
            _Host(),
            tile=tile,
            overlap=overlap,
            usual_overlap=usual_overlap,
            batch_size=batch_size,
        )

    def __call__(
        self,
        image: Pixels,
        *,
        level: float | None = None,
        strength: float = 1.0,
        tta: bool = False,
    ) -> Restored[Pixels]:
        """Restore one picture; arguments, result and errors as of `Restorer`."""
        if self._is_plain([image], level, strength, tta):
            try:
                return self._restored(image)
            except _TROUBLES:
                pass  # it is found again, and told or mended, below
        if self._full is None:
            self._full = self._build()
        return self._full(image, level=level, strength=strength, tta=tta)

    def several(
        self,
        images: Sequence[Pixels],
        *,
        level: float | None = None,
        strength: float = 1.0,
        tta: bool = False,
    ) -> list[Restored[Pixels]]:
        """Restore pictures of one size; the results are those of each alone, small ones sooner."""
        if self._alike and len(images) > 1 and self._is_plain(images, level, strength, tta):
            try:
                return self._together(images)
            except _TROUBLES:
                pass  # one of them; the others are none the worse
        return [self(image, level=level, strength=strength, tta=tta) for image in images]

    def _is_plain(
        self, images: Sequence[Pixels], level: float | None, strength: float, tta: bool
    ) -> bool:
        asked = level is None and strength == 1.0 and not tta
        fits = min(images[0].shape[1:]) >= compiled.LEAST_SIDE
        return self._full is None and asked and fits

    def _known_costs(self) -> Costs:
        """Of windows; asked for large pictures only."""
        if self._precision not in self._costs:
            raise _UnusualError  # the full one measures
        return self._costs[self._precision]

    def _planned(self, size: tuple[int, int]) -> tuple[Way, Layout, list[str]]:
        notes: list[str] = []
        way = self._ways.first(size, _Host(), self._precision, notes, self._known_costs)
        layout = self._ways.layout(size, way)
        first = layout.rows[0], layout.columns[0]
        if min(span.stop - span.start for span in first) < compiled.LEAST_SIDE:
            raise _UnusualError
        return way, layout, notes

    def _together(self, images: Sequence[Pixels]) -> list[Restored[Pixels]]:
        size = (images[0].shape[1], images[0].shape[2])
        way, layout, notes = self._planned(size)
        wholes = [whole_of(image) for image in images]
        whole = len(layout.rows) == len(layout.columns) == 1
        if not whole or notes or any(len(one) > 1 for one in wholes):
            raise _UnusualError
        if not all(is_finite(image) for image in images):
            raise _UnusualError
        contexts = self._compiled.contexts(np.concatenate(wholes)) if self.info.context else None
        seen: list[Pixels] = []
        outputs = together(images, layout, partial(self._compute, contexts, seen))
        for image, output in zip(images, outputs, strict=True):
            self._check_flat(image, output)
            self._tell(size[0] * size[1], 1.0)
        each = [None] * len(images) if contexts is None else np.split(contexts, len(images))
        voted = np.split(seen[0], len(images)) if seen else None
        return [
            Restored(
                output,
                *(way.tile, "cpu", self._precision),
                details=self._details(each[index], [] if voted is None else [voted[index]]),
                backend="openvino",
            )
            for index, output in enumerate(outputs)
        ]

    def _restored(self, image: Pixels) -> Restored[Pixels]:
        size = (image.shape[1], image.shape[2])
        way, layout, notes = self._planned(size)
        context = self._compiled.context(whole_of(image)) if self.info.context else None
        if not is_finite(image):
            raise _UnusualError
        seen: list[Pixels] = []
        compute = partial(self._compute, context, seen)
        output = in_windows(image, layout, compute, partial(self._tell, size[0] * size[1]))
        self._check_flat(image, output)
        how = way.tile, "cpu", self._precision, tuple(notes), self._details(context, seen)
        return Restored(output, *how, backend="openvino")

    def _compute(self, context: Pixels | None, seen: list[Pixels], windows: Pixels) -> Pixels:
        """Windows restored; `seen` gets how likely each degradation is, where that is told."""
        made, told = self._compiled(windows, None, context, self._precision)
        if told is not None:
            seen.append(told)
        return finished(made)

    def _details(self, context: Pixels | None, seen: list[Pixels]) -> dict[str, object]:
        """What is said of a picture with this context (1, F) and of its windows."""
        voted = degradation(self._names, np.concatenate(seen)) if seen else {}
        said = None if context is None else self._compiled.said(context)
        return voted | in_details(self.info, self._names, said, context)

    def _check_flat(self, image: Pixels, output: Pixels) -> None:
        if self._precision != "fp32" and is_flat(output) and not is_flat(image):
            raise _UnusualError

    def _tell(self, pixels: int, share: float) -> None:
        if self._progress is not None:
            self._progress(round(share * pixels), pixels)


def _key(identity: str) -> str:
    threads = [os.environ.get(name, "") for name in _THREADS]
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return json.dumps(
        ["warm, with costs and names", identity, threads, cores, *compiled.surroundings()]
    )


def _may_have_accelerator() -> bool:
    """Whether torch, asked, might find one; where this cannot be told without torch, it might."""
    if version_of_torch().endswith("+cpu"):
        return False
    return sys.platform != "linux" or any(Path(name).exists() for name in _ACCELERATORS)
