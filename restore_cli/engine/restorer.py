"""`Restorer`: a network applied to a picture of any size, on whatever the machine has.

It owns what networks and files do not know: padding, windows, number format, memory, and what to do
when one of these fails.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal, overload

import numpy as np
import torch
from torch import Tensor

from restore_cli.engine import memory, warm
from restore_cli.engine.backend import Backend, TorchBackend
from restore_cli.engine.cache import Cache, cache_folder
from restore_cli.engine.choice import BackendName, Chosen, check_backend, choose
from restore_cli.engine.contexts import contexts
from restore_cli.engine.degradation_classifier import told_names
from restore_cli.engine.device import Precision, choose_device, choose_precision
from restore_cli.engine.enlarging import check_room, enlarged
from restore_cli.engine.fingerprint import fingerprint, machine
from restore_cli.engine.global_context import patches
from restore_cli.engine.level import check_level, is_told_by_context, told_level
from restore_cli.engine.openvino import OpenVINOBackend
from restore_cli.engine.out_of_memory import is_out_of_memory
from restore_cli.engine.restored import Restored
from restore_cli.engine.said import degradation, in_details
from restore_cli.engine.tile_cost import SIDES, Costs, measured
from restore_cli.engine.turns import TURNS, over_turns
from restore_cli.engine.ways import DEFAULT_OVERLAP, Way, Ways
from restore_cli.engine.windows import (
    NotFiniteError,
    Pixels,
    finished,
    in_windows,
    is_finite,
    is_flat,
)
from restore_cli.errors import RestoreError
from restore_cli.networks.base import Network

Progress = Callable[[int, int], None]


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
        identity: of the model, as `models.entries.Described` has it; with it, what later processes
            need to do without torch is kept in the cache (`engine.warm`).

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
        identity: str = "",
    ) -> None:
        self._identity = identity
        self._network = network.eval()
        self._progress = progress
        self._names = told_names(network)
        self._block = network.info.block
        self._device = choose_device(device)
        formats = network.info.formats
        self._precision: Precision = choose_precision(precision, self._device, formats)
        self._automatic = precision == "auto"
        self._backend: BackendName = check_backend(backend, self._device, precision)
        self._torch = TorchBackend(self._network)
        self._chosen: Chosen | None = None
        self._ways = Ways(
            network.info,
            self._need,
            self._device,
            tile=tile,
            overlap=overlap,
            usual_overlap=usual_overlap,
            batch_size=batch_size,
        )
        self._costs: dict[Precision, Costs] = {}
        self._by = "torch"  # what computed the last windows: small ones fall back to torch
        self._said: Tensor | None = None  # the global context of the last picture

    @overload
    def __call__(
        self, image: Tensor, *, level: float | None = ..., strength: float = ..., tta: bool = ...
    ) -> Restored[Tensor]: ...
    @overload
    def __call__(
        self, image: Pixels, *, level: float | None = ..., strength: float = ..., tta: bool = ...
    ) -> Restored[Pixels]: ...
    def __call__(
        self,
        image: Tensor | Pixels,
        *,
        level: float | None = None,
        strength: float = 1.0,
        tta: bool = False,
    ) -> Restored[Tensor] | Restored[Pixels]:
        """Restore one picture.

        Args:
            image: (3, H, W) float32 on the CPU, in [0, 1], a tensor or an array; not changed.
            level: how much of the degradation there is, in the unit of what the network counts
                (`engine.level`); 0 gives the picture back, None lets the network estimate it.
            strength: 0 (the input, exactly; of upscalers, enlarged) to 1 (the network's result);
                linear between.
            tta: average over the eight flips and quarter turns; eight times the work.

        Returns:
            The result, of the same kind, with the way it was computed.

        Raises:
            RestoreError: a value is out of range, the model takes no level, its result is not
                finite in fp32 either, or the smallest window does not fit the CPU's memory.
            ValueError: `image` has the wrong shape or type.
        """
        if isinstance(image, np.ndarray):
            # Pictures of one colour may be views that repeat it.
            tensor = torch.from_numpy(np.ascontiguousarray(image))
            restored = self._restored(tensor, level, strength, tta)
            return replace(restored, image=restored.image.numpy())
        return self._restored(image.detach(), level, strength, tta)

    def _restored(
        self, image: Tensor, level: float | None, strength: float, tta: bool
    ) -> Restored[Tensor]:
        if image.ndim != 3 or image.shape[0] != 3 or not image.numel():
            raise ValueError(f"image: expected (3, H, W), got {tuple(image.shape)}")
        if image.dtype != torch.float32 or image.device.type != "cpu":
            raise ValueError(f"image: expected float32 on cpu, got {image.dtype} {image.device}")
        if not is_finite(image.numpy()):
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
        probabilities: list[Pixels] = []
        output, way = self._persist(image, level, tta, probabilities, notes)
        if strength < 1.0:
            output.lerp_(enlarged(image, scale), 1.0 - strength)
        said = degradation(self._names, np.concatenate(probabilities)) if probabilities else {}
        details = said | self._estimate(way) | _scaled(scale)
        self._keep()
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
            backend = self._backend_on("cpu")
            name = self._chosen.name if self._chosen else "torch"
            picture = torch.rand(1, 3, max(SIDES) + self._block, max(SIDES) + self._block)
            with torch.inference_mode():
                context = backend.context(torch.from_numpy(patches(picture[0].numpy())))

                def compute(side: int) -> object:
                    return backend(picture[:, :, :side, :side], None, context, precision)

                key = "\n".join([fingerprint(self._network), machine(), name, precision])
                cache = Cache(cache_folder())
                known, note = measured(compute, self._block, f"costs {key}", cache)
            backend.forget()  # the largest of them held more than pictures mostly need
            self._costs[precision] = known
            if note and note not in notes:
                notes.append(note)
        return self._costs[precision]

    def _keep(self) -> None:
        """Tell later processes what of this model need not be found out again."""
        if self._identity and isinstance(self._chosen and self._chosen.backend, OpenVINOBackend):
            warm.keep(self._identity, self._network, self._need(self._device), self._costs)
        self._identity = ""

    def _need(self, device: memory.Place) -> float:
        """Bytes for each px, see `memory`."""
        return self._backend_on(device.type).appetite * self._torch.bytes_per_pixel(device)

    def _backend_on(self, kind: str) -> Backend:
        return self._chosen.backend if self._chosen and kind == "cpu" else self._torch

    def _estimate(self, way: Way) -> dict[str, object]:
        """What the network reads from the context: the level, the sources, or neither."""
        if self._said is None:
            return {}
        with torch.inference_mode():
            said = self._backend_on(way.device.type).said(self._said)
            seen = self._said.float().cpu().numpy()
        return in_details(self._network.info, self._names, said, seen)

    def _persist(
        self,
        image: Tensor,
        level: float | None,
        tta: bool,
        probabilities: list[Pixels],
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
            except NotFiniteError:
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
                if way.precision == "fp32" or is_flat(image.numpy()) or not is_flat(output.numpy()):
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
        self, image: Tensor, level: float | None, tta: bool, way: Way, probabilities: list[Pixels]
    ) -> Tensor:
        """Split, run, blend; (3, H, W) in [0, 1]. `probabilities` gets those of degradations."""
        self._torch.move(torch.device(str(way.device)))
        layout = self._ways.layout((image.shape[1], image.shape[2]), way)
        pixels = image.shape[1] * image.shape[2]
        with torch.inference_mode():
            backend = self._backend_on(way.device.type)
            told = contexts(self._network, backend, image, level, turns=TURNS if tta else 1)
            beside = None if is_told_by_context(self._network.info) else level
            self._said = told[0]

            def run(windows: Pixels) -> Pixels:
                seen = torch.from_numpy(windows).to(str(way.device))
                return finished(self._run(seen, beside, told, way, probabilities))

            output = in_windows(image.numpy(), layout, run, partial(self._tell, pixels))
        # Outside inference mode, so that callers get an ordinary tensor.
        return torch.from_numpy(output)

    def _tell(self, pixels: int, share: float) -> None:
        if self._progress is not None:
            self._progress(round(share * pixels), pixels)

    def _run(
        self,
        windows: Tensor,
        level: float | None,
        contexts: list[Tensor | None],
        way: Way,
        probabilities: list[Pixels],
    ) -> Pixels:
        """Run the network on (B, 3, h, w) on its device, in each turn that it has a context for."""
        told = None if level is None else told_level(self._network.info, level, windows)
        backend = self._backend_on(way.device.type)

        def forward(seen: Tensor, turn: int = 0) -> Tensor:
            computed = backend(seen, told, contexts[turn], way.precision)
            self._by = computed.by
            if computed.degradations is not None:
                probabilities.append(computed.degradations.float().cpu().numpy())
            return computed.image

        made = over_turns(forward, windows) if len(contexts) > 1 else forward(windows)
        return made.cpu().numpy()


def _scaled(scale: int) -> dict[str, object]:
    return {} if scale == 1 else {"scale": scale}
