"""`Restorer`: a network applied to a picture of any size, on whatever the machine has.

It owns what networks and files do not know: padding, windows, number format, memory, and what to do
when one of these fails.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from restore_cli.engine import memory
from restore_cli.engine.backend import TorchBackend
from restore_cli.engine.choice import BackendName, Chosen, check_backend, choose
from restore_cli.engine.degradation_classifier import degradation, trained_classifier
from restore_cli.engine.device import Precision, choose_device, choose_precision
from restore_cli.engine.global_context import global_context
from restore_cli.engine.level import check_level, estimated_level, told_level
from restore_cli.engine.out_of_memory import is_out_of_memory
from restore_cli.engine.tiling import Span, lay, mirror, round_up, spans
from restore_cli.errors import RestoreError
from restore_cli.networks.base import Network
from restore_cli.networks.guided_unet import GuidedUNet

DEFAULT_OVERLAP = 64
"""px; see `Restorer`."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored picture and how it was computed.

    Attributes:
        image: (3, H, W) float32 on the CPU, in [0, 1].
        tile: side of the windows in px; None where the picture went through whole.
        device: the device that computed it, e.g. "cuda:0".
        precision: "fp32", "bf16" or "fp16".
        notes: one sentence for each thing that did not go as asked, for the user to read.
        details: what the network says of the picture, for programs: where it tells degradations,
            `degradation`, the likeliest, and `degradations`, how likely each is.
        backend: "torch" or "openvino".
    """

    image: Tensor
    tile: int | None
    device: str
    precision: str
    notes: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict[str, object])
    backend: str = "torch"


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to compute a picture; the next one is tried when it fails."""

    device: torch.device
    precision: Precision
    tile: int | None
    batch: int


class _NotFiniteError(Exception):
    """The network returned infinity or NaN."""


class Restorer:
    """Applies a network to pictures of any size from 1x1 up.

    The picture and the result stay in host memory; only windows travel to the device. A picture is
    padded by reflection to the network's multiple and cropped exactly.

    Args:
        network: with a global context it is told with every window what that says of the whole
            picture. It is put in eval mode and moved to the device.
        device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16". "auto" is bf16 or fp16 on CUDA; on a CPU it is
            bf16 where that is measured to be faster and to give the same picture, else fp32.
        backend: "torch"; "openvino" on a CPU; "auto" takes OpenVINO on a CPU where it is installed
            and gives the same picture. Compiling takes seconds, and is kept for later processes.
        tile: side in px of the window that the network sees, at most; a multiple of the network's
            (others are rounded down). "auto" takes the picture whole where memory allows, and else
            the largest window that is safe; "none" wants it whole. In every case, out-of-memory
            makes windows smaller, and at last moves the work to the CPU.
        overlap: px that neighbouring windows share at least. Of these, the outer ones only
            give context and are thrown away; the quarter in the middle is blended. More overlap
            brings tiles closer to the whole picture and costs time. None means 64, or half the tile
            where that is less. Windows that were chosen here never share more than half.
        batch_size: windows computed at once, 1 or more.

    Raises:
        RestoreError: an argument has a value that cannot be used here.
    """

    def __init__(
        self,
        network: Network,
        *,
        device: str = "auto",
        precision: str = "auto",
        backend: BackendName = "torch",
        tile: int | Literal["auto", "none"] = "auto",
        overlap: int | None = None,
        batch_size: int = 1,
    ) -> None:
        self._network = network.eval()
        self._classifier = trained_classifier(network)
        self._multiple = network.info.multiple
        self._device = choose_device(device)
        self._precision: Precision = choose_precision(precision, self._device)
        self._automatic = precision == "auto"
        self._backend: BackendName = check_backend(backend, self._device, precision)
        self._torch = TorchBackend(self._network)
        self._chosen: Chosen | None = None
        self._tile = self._checked_tile(tile)
        self._overlap = self._checked_overlap(overlap)
        if batch_size < 1:
            raise RestoreError(f"batch size {batch_size} is below 1")
        self._batch = batch_size
        self._need: dict[str, float] = {}
        self._ceiling: int | None = None

    def __call__(
        self, image: Tensor, *, level: float | None = None, strength: float = 1.0, tta: bool = False
    ) -> Restored:
        """Restore one picture.

        Args:
            image: (3, H, W) float32 on the CPU, in [0, 1]; not changed.
            level: how much of the degradation there is, in the unit of what the network counts
                (`engine.level`); 0 gives the picture back, None lets the network estimate it.
            strength: 0 (the input, exactly) to 1 (the network's result); linear between.
            tta: average over the eight flips and quarter turns; eight times the work.

        Returns:
            The result, with the way it was computed.

        Raises:
            RestoreError: a value is out of range, the model takes no level, its result is not
                finite in fp32 either, or the smallest window does not fit the CPU's memory.
            ValueError: `image` has the wrong shape or type.
        """
        if image.ndim != 3 or image.shape[0] != 3 or not image.numel():
            raise ValueError(f"image: expected (3, H, W), got {tuple(image.shape)}")
        if image.dtype != torch.float32 or image.device.type != "cpu":
            raise ValueError(f"image: expected float32 on cpu, got {image.dtype} {image.device}")
        if not math.isfinite(sum(float(v) for v in image.aminmax())):
            raise RestoreError("the picture holds values that are not finite numbers")
        if not 0.0 <= strength <= 1.0:
            raise RestoreError(f"strength {strength:g} is outside 0..1")
        check_level(self._network.info, level)
        if strength == 0.0 or (level == 0.0 and self._network.info.input == "srgb"):
            return Restored(image.clone(), None, str(self._device), self._precision)
        notes = self._settle()
        probabilities: list[Tensor] = []
        output, way = self._persist(image, level, tta, probabilities, notes)
        if strength < 1.0:
            output.lerp_(image, 1.0 - strength)
        details = degradation(self._classifier, probabilities) if self._classifier else {}
        details |= self._estimate(image, way.device)
        name = self._chosen.name if self._chosen and way.device == self._device else "torch"
        how = way.tile, str(way.device), way.precision, tuple(notes)
        return Restored(output, *how, details, name)

    def _settle(self) -> list[str]:
        """Choose what is measured rather than told, once; notes for the user.

        When the first picture comes: a run that has nothing to do measures and compiles nothing.
        """
        if self._chosen is not None or self._device.type != "cpu":
            return []
        self._torch.move(self._device)
        told = None if self._automatic else self._precision
        self._chosen = choose(self._backend, self._network, self._torch, told)
        self._precision = self._chosen.precision
        return list(self._chosen.notes)

    def _estimate(self, image: Tensor, device: torch.device) -> dict[str, object]:
        """What the network says of the whole picture: the level, the sources, or neither."""
        network, found = self._network, dict[str, object]()
        if not isinstance(network, GuidedUNet):
            return found
        with torch.inference_mode():
            context = global_context(network, image, device)
            assert context is not None
            if network.info.quantity:
                found["level"] = estimated_level(network.info, network.amounts(context))
            sources = network.sources(context)
            if sources is not None and network.classifier is not None:
                found |= degradation(network.classifier, [sources.cpu()])
        return found

    def _persist(
        self,
        image: Tensor,
        level: float | None,
        tta: bool,
        probabilities: list[Tensor],
        notes: list[str],
    ) -> tuple[Tensor, _Way]:
        """Try one way after the other until one succeeds; `notes` gets what went wrong before."""
        way = self._first_way(image, self._device, self._precision, notes)
        shrunk = False
        while True:
            probabilities.clear()
            try:
                output = self._compute(image, level, tta, way, probabilities)
            except _NotFiniteError:
                if way.precision == "fp32":
                    raise RestoreError(
                        "the model's result is not finite",
                        hint="its weights may be damaged: `restore models verify` checks them",
                    ) from None
                trouble = "values that are not finite"
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                trouble = None
            else:
                if way.precision == "fp32" or _flat(image) or not _flat(output):
                    break
                trouble = "one flat colour"
            # Only here, behind the `except`, are the tensors of the failed attempt gone.
            if trouble is not None:
                notes.append(f"{way.precision} gave {trouble}: repeated in fp32")
                way = replace(way, precision="fp32")
                continue
            memory.release(way.device)
            way = self._smaller_way(image, way, notes)
            shrunk = True
        if shrunk and way.device == self._device:
            # Later pictures begin with what worked instead of failing again.
            self._ceiling = way.tile
        return output, way

    def _compute(
        self, image: Tensor, level: float | None, tta: bool, way: _Way, probabilities: list[Tensor]
    ) -> Tensor:
        """Split, run, blend; (3, H, W) in [0, 1]. `probabilities` gets those of degradations."""
        self._torch.move(way.device)
        height, width = self._padded(image)
        rows_from = mirror(image.shape[1], self._multiple)
        columns_from = mirror(image.shape[2], self._multiple)
        rows = self._spans(height, way.tile)
        columns = self._spans(width, way.tile)
        # Outside inference mode, so that callers get an ordinary tensor.
        output = torch.empty(image.shape)
        with torch.inference_mode():
            context = global_context(self._network, image, way.device)
            for row in rows:
                source = image.index_select(1, rows_from[row.start : row.stop])
                band = torch.empty(3, row.stop - row.start, image.shape[2])
                for first in range(0, len(columns), way.batch):
                    group = columns[first : first + way.batch]
                    windows = torch.stack(
                        [source.index_select(2, columns_from[c.start : c.stop]) for c in group]
                    )
                    results = self._run(
                        windows.to(way.device), level, tta, context, way, probabilities
                    )
                    for column, result in zip(group, results, strict=True):
                        lay(band, result, column, dim=2)
                lay(output, band, row, dim=1)
        return output

    def _run(
        self,
        windows: Tensor,
        level: float | None,
        tta: bool,
        context: Tensor | None,
        way: _Way,
        probabilities: list[Tensor],
    ) -> Tensor:
        """Run the network on (B, 3, h, w) on its device; float32 in [0, 1] on the CPU."""
        told = None if level is None else told_level(self._network.info, level, windows)
        backend = self._chosen.backend if self._chosen and way.device.type == "cpu" else self._torch

        def forward(seen: Tensor) -> Tensor:
            computed = backend(seen, told, context, way.precision)
            if computed.degradations is not None:
                probabilities.append(computed.degradations.cpu())
            return computed.image

        if tta:
            total = torch.zeros_like(windows)
            for turns in range(4):
                seen = torch.rot90(windows, turns, (2, 3))
                total += torch.rot90(forward(seen), -turns, (2, 3))
                mirrored = forward(seen.flip(3)).flip(3)
                total += torch.rot90(mirrored, -turns, (2, 3))
            result = total / 8
        else:
            result = forward(windows)
        if not bool(torch.isfinite(result).all()):
            raise _NotFiniteError
        return result.clamp_(0.0, 1.0).cpu()

    def _first_way(
        self, image: Tensor, device: torch.device, precision: Precision, notes: list[str]
    ) -> _Way:
        """The way that the arguments ask for, as far as memory allows."""
        height, width = self._padded(image)
        whole = max(height, width)
        tile = self._tile if isinstance(self._tile, int) else whole
        if self._ceiling is not None and device == self._device:
            tile = min(tile, self._ceiling)
        pixels = min(tile, height) * min(tile, width) * (1 if tile >= whole else self._batch)
        # An accelerator says when memory is short. A CPU's system may kill the process instead, so
        # there even what was asked for is compared with what is free.
        if pixels > memory.PROBE**2 and (self._tile == "auto" or device.type == "cpu"):
            room = memory.budget(device, automatic=self._tile == "auto")
            need = self._bytes_per_pixel(device)
            if pixels * need > room:
                fitting = memory.fitting_tile(room / self._batch, need, self._multiple)
                if self._tile != "auto" and fitting < tile:
                    notes.append(f"memory is short: computed with tiles of {fitting} px")
                tile = min(tile, fitting)
        return _Way(device, precision, tile if tile < whole else None, self._batch)

    def _smaller_way(self, image: Tensor, way: _Way, notes: list[str]) -> _Way:
        """What to try after running out of memory: a smaller batch, smaller windows, the CPU."""
        if way.tile is not None and way.batch > 1:
            return replace(way, batch=way.batch // 2)
        tile = way.tile or max(self._padded(image))
        smallest = memory.smallest_tile(self._multiple)
        if tile > smallest:
            half = max(tile // 2 // self._multiple * self._multiple, smallest)
            before = f"tiles of {way.tile} px" if way.tile else "the whole picture"
            notes.append(f"out of memory with {before}: repeated with tiles of {half} px")
            return replace(way, tile=half)
        if way.device.type != "cpu":
            notes.append(f"out of memory on {way.device}: repeated on the CPU")
            return self._first_way(image, torch.device("cpu"), "fp32", notes)
        raise RestoreError(
            f"not enough memory, even with tiles of {smallest} px",
            hint="close other programs, or use a machine with more memory",
        )

    def _bytes_per_pixel(self, device: torch.device) -> float:
        if device.type not in self._need:
            try:
                self._torch.move(device)
                need = memory.bytes_per_pixel(self._network, self._multiple, device)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                return math.inf
            self._need[device.type] = need
        return self._need[device.type]

    def _padded(self, image: Tensor) -> tuple[int, int]:
        """Height and width after padding."""
        height, width = image.shape[1:]
        return round_up(height, self._multiple), round_up(width, self._multiple)

    def _spans(self, length: int, tile: int | None) -> list[Span]:
        if tile is None:
            return spans(length, length, 0, self._multiple)
        overlap = DEFAULT_OVERLAP if self._overlap is None else self._overlap
        if self._overlap is None or tile != self._tile:
            overlap = min(overlap, tile // 2)
        return spans(length, tile, overlap, self._multiple)

    def _checked_tile(self, tile: int | Literal["auto", "none"]) -> int | Literal["auto", "none"]:
        if isinstance(tile, str):
            if tile not in ("auto", "none"):
                raise RestoreError(
                    f"unknown tile {tile!r}", hint="use auto, none or a number of px"
                )
            return tile
        smallest = memory.smallest_tile(self._multiple)
        if tile < smallest:
            raise RestoreError(
                f"tile {tile} is too small for this model",
                hint=f"use auto, none or at least {smallest} px",
            )
        return tile // self._multiple * self._multiple

    def _checked_overlap(self, overlap: int | None) -> int | None:
        if overlap is None:
            return None
        if overlap < 0:
            raise RestoreError(f"overlap {overlap} is below 0")
        if isinstance(self._tile, int) and round_up(overlap, self._multiple) >= self._tile:
            raise RestoreError(
                f"overlap {overlap} leaves nothing of tiles of {self._tile} px",
                hint=f"use a smaller overlap, such as {self._tile // 4}, or a larger tile",
            )
        return overlap


def _flat(image: Tensor) -> bool:
    """Whether each channel of (3, H, W) has one value only."""
    return bool((image.amax((1, 2)) == image.amin((1, 2))).all())
