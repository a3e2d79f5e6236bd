"""`Restorer`: a network applied to a picture of any size, on whatever the machine has.

It owns what networks and files do not know: padding, windows, number format, memory, and what to do
when one of these fails.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from restore_cli.engine import memory
from restore_cli.engine.backend import TorchBackend
from restore_cli.engine.cache import Cache, cache_folder
from restore_cli.engine.choice import BackendName, Chosen, check_backend, choose
from restore_cli.engine.degradation_classifier import degradation, trained_classifier
from restore_cli.engine.device import Precision, choose_device, choose_precision
from restore_cli.engine.enlarging import check_room, enlarged
from restore_cli.engine.fingerprint import fingerprint, machine
from restore_cli.engine.global_context import global_context
from restore_cli.engine.level import check_level, estimated_level, told_level
from restore_cli.engine.out_of_memory import is_out_of_memory
from restore_cli.engine.tile_cost import SIDES, Costs, measured
from restore_cli.engine.tiling import lay, mirror, taken
from restore_cli.engine.turns import over_turns
from restore_cli.engine.ways import DEFAULT_OVERLAP, Way, Ways
from restore_cli.errors import RestoreError
from restore_cli.networks.base import Network
from restore_cli.networks.guided_unet import GuidedUNet

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored picture and how it was computed.

    Attributes:
        image: (3, H, W) float32 on the CPU, in [0, 1]; of upscalers (3, scale H, scale W).
        tile: side of the windows in px; None where the picture went through whole.
        device: the device that computed it, e.g. "cuda:0".
        precision: "fp32", "bf16" or "fp16".
        notes: one sentence for each thing that did not go as asked, for the user to read.
        details: what the network says of the picture, for programs: where it tells degradations,
            `degradation`, the likeliest, and `degradations`, how likely each is; of upscalers
            `scale`.
        backend: "torch" or "openvino".
    """

    image: Tensor
    tile: int | None
    device: str
    precision: str
    notes: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict[str, object])
    backend: str = "torch"


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
            (others are rounded down). "auto" takes the picture whole, or where that is faster on
            this CPU or memory is short, in windows; "none" wants it whole. In every case,
            out-of-memory makes windows smaller, and at last moves the work to the CPU.
        overlap: px that neighbouring windows share at least. Of these, the outer ones only
            give context and are thrown away; the quarter in the middle is blended. More overlap
            brings tiles closer to the whole picture and costs time. None means `usual_overlap`, or
            half the tile where that is less. Windows that were chosen here never share more.
        usual_overlap: px that this network needs for seams that nobody sees.
        batch_size: windows computed at once, 1 or more.
        progress: told after each window how many px of the picture are done, and how many it has.

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
        usual_overlap: int = DEFAULT_OVERLAP,
        batch_size: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self._network = network.eval()
        self._progress = progress
        self._classifier = trained_classifier(network)
        self._block = network.info.block
        self._device = choose_device(device)
        formats = network.info.formats
        self._precision: Precision = choose_precision(precision, self._device, formats)
        self._automatic = precision == "auto"
        self._backend: BackendName = check_backend(backend, self._device, precision)
        self._torch = TorchBackend(self._network)
        self._chosen: Chosen | None = None
        self._ways = Ways(
            self._network,
            self._torch,
            self._device,
            tile=tile,
            overlap=overlap,
            usual_overlap=usual_overlap,
            batch_size=batch_size,
        )
        self._costs: dict[str, Costs] = {}
        self._by = "torch"  # what computed the last windows: small ones fall back to torch

    def __call__(
        self, image: Tensor, *, level: float | None = None, strength: float = 1.0, tta: bool = False
    ) -> Restored:
        """Restore one picture.

        Args:
            image: (3, H, W) float32 on the CPU, in [0, 1]; not changed.
            level: how much of the degradation there is, in the unit of what the network counts
                (`engine.level`); 0 gives the picture back, None lets the network estimate it.
            strength: 0 (the input, exactly; of upscalers, enlarged) to 1 (the network's result);
                linear between.
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
        if not _finite(image):
            raise RestoreError("the picture holds values that are not finite numbers")
        if not 0.0 <= strength <= 1.0:
            raise RestoreError(f"strength {strength:g} is outside 0..1")
        check_level(self._network.info, level)
        scale = self._network.info.scale
        check_room(image, scale)
        if strength == 0.0 or (level == 0.0 and self._network.info.input == "srgb"):
            how = None, str(self._device), self._precision
            return Restored(enlarged(image, scale), *how, details=_scaled(scale))
        notes = self._settle()
        probabilities: list[Tensor] = []
        output, way = self._persist(image, level, tta, probabilities, notes)
        if strength < 1.0:
            output.lerp_(enlarged(image, scale), 1.0 - strength)
        details = degradation(self._classifier, probabilities) if self._classifier else {}
        details |= self._estimate(image, way.device) | _scaled(scale)
        how = way.tile, str(way.device), way.precision, tuple(notes)
        return Restored(output, *how, details, self._by)

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

    def _measured(self, precision: Precision, notes: list[str]) -> Costs:
        """What windows cost on the CPU, known once; `notes` gets why it could not be kept."""
        if precision not in self._costs:
            self._torch.move(torch.device("cpu"))
            backend = self._chosen.backend if self._chosen else self._torch
            name = self._chosen.name if self._chosen else "torch"
            picture = torch.rand(1, 3, max(SIDES) + self._block, max(SIDES) + self._block)
            with torch.inference_mode():
                context = global_context(self._network, picture[0], torch.device("cpu"))

                def compute(side: int) -> object:
                    return backend(picture[:, :, :side, :side], None, context, precision)

                key = "\n".join([fingerprint(self._network), machine(), name, precision])
                cache = Cache(cache_folder())
                known, note = measured(compute, self._block, f"costs {key}", cache)
            self._costs[precision] = known
            if note and note not in notes:
                notes.append(note)
        return self._costs[precision]

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
    ) -> tuple[Tensor, Way]:
        """Try one way after the other until one succeeds; `notes` gets what went wrong before."""
        size = image.shape[1], image.shape[2]
        costs = partial(self._measured, self._precision, notes)
        way = self._ways.first(size, self._device, self._precision, notes, costs)
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
            way = self._ways.smaller(size, way, notes, costs)
            shrunk = True
        if shrunk:
            self._ways.remember(way)
        return output, way

    def _compute(
        self, image: Tensor, level: float | None, tta: bool, way: Way, probabilities: list[Tensor]
    ) -> Tensor:
        """Split, run, blend; (3, H, W) in [0, 1]. `probabilities` gets those of degradations."""
        self._torch.move(way.device)
        height, width = self._ways.padded((image.shape[1], image.shape[2]), way.tile)
        multiple = self._ways.multiple(way.tile)
        scale, smallest = self._network.info.scale, self._network.info.smallest
        rows_from = mirror(image.shape[1], multiple, smallest)
        columns_from = mirror(image.shape[2], multiple, smallest)
        rows = self._ways.spans(height, way.tile)
        columns = self._ways.spans(width, way.tile)
        # Outside inference mode, so that callers get an ordinary tensor.
        output = torch.empty(3, scale * image.shape[1], scale * image.shape[2])
        with torch.inference_mode():
            context = global_context(self._network, image, way.device)
            for above, row in enumerate(rows):
                source = taken(image, rows_from[row.start : row.stop], 1)
                band = torch.empty(3, scale * (row.stop - row.start), output.shape[2])
                for first in range(0, len(columns), way.batch):
                    group = columns[first : first + way.batch]
                    windows = torch.stack(
                        [taken(source, columns_from[c.start : c.stop], 2) for c in group]
                    )
                    results = self._run(
                        windows.to(way.device), level, tta, context, way, probabilities
                    )
                    for column, result in zip(group, results, strict=True):
                        lay(band, result, column.times(scale), dim=2)
                    done = above * len(columns) + first + len(group)
                    self._tell(done / (len(rows) * len(columns)), image)
                lay(output, band, row.times(scale), dim=1)
        return output

    def _tell(self, share: float, image: Tensor) -> None:
        if self._progress is not None:
            pixels = image.shape[1] * image.shape[2]
            self._progress(round(share * pixels), pixels)

    def _run(
        self,
        windows: Tensor,
        level: float | None,
        tta: bool,
        context: Tensor | None,
        way: Way,
        probabilities: list[Tensor],
    ) -> Tensor:
        """Run the network on (B, 3, h, w) on its device; float32 in [0, 1] on the CPU."""
        told = None if level is None else told_level(self._network.info, level, windows)
        backend = self._chosen.backend if self._chosen and way.device.type == "cpu" else self._torch

        def forward(seen: Tensor) -> Tensor:
            computed = backend(seen, told, context, way.precision)
            self._by = computed.by
            if computed.degradations is not None:
                probabilities.append(computed.degradations.cpu())
            return computed.image

        result = over_turns(forward, windows) if tta else forward(windows)
        if not _finite(result):
            raise _NotFiniteError
        return result.clamp_(0.0, 1.0).cpu()


def _scaled(scale: int) -> dict[str, object]:
    return {} if scale == 1 else {"scale": scale}


def _finite(image: Tensor) -> bool:
    """Whether no value is infinite or NaN, which the extremes tell without a mask of all."""
    return math.isfinite(sum(float(value) for value in image.aminmax()))


def _flat(image: Tensor) -> bool:
    """Whether each channel of (3, H, W) has one value only."""
    return bool((image.amax((1, 2)) == image.amin((1, 2))).all())
