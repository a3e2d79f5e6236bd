"""How much memory a network needs and a device has, and the window size that follows.

The need is measured, not guessed from names: one small forward pass counts the bytes that live at
once.
"""

import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from restore_cli.images.room import free_memory
from restore_cli.networks.base import Network, NetworkInfo

SMALLEST_TILE = 64
"""px; below this most of a window is context that is thrown away."""

CPU_BUDGET = 768 * 2**20
"""Bytes of activations on a CPU: larger windows are not faster, and other programs want memory."""

SAFETY = 1.5
"""Measured bytes times this: temporaries inside operators, workspaces, fragmentation."""

PROBE = 128
"""px; side of the picture on which the need is measured. What is no larger needs no measuring."""


def free_bytes(device: torch.device) -> float:
    """Memory that a new computation on the device may take, in bytes."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + cached
    available = free_memory()
    if device.type == "mps":
        room = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return max(0.0, min(available, room))
    return available


def release(device: torch.device) -> None:
    """Give memory that torch keeps for later back to the device, after a failure."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def bytes_per_pixel(network: Network, info: NetworkInfo, device: torch.device) -> float:
    """Peak of the bytes alive at once in a forward pass in fp32, per px of the input.

    Args:
        network: on `device`; takes (1, 3, H, W).
        info: of the network.
        device: where to try it.

    Returns:
        Bytes per px, already with the `SAFETY` factor.
    """
    side = math.ceil(max(PROBE, info.smallest) / info.multiple) * info.multiple
    image = torch.full((1, 3, side, side), 0.5, device=device)
    with torch.inference_mode(), _LiveBytes() as counter:
        network(image)
    return SAFETY * (counter.peak + image.nbytes) / side**2


def smallest_tile(info: NetworkInfo) -> int:
    """The least window in px for a network."""
    # Windows are laid up to half as large as they may be.
    least = max(SMALLEST_TILE, 2 * info.block, 2 * info.smallest)
    return math.ceil(least / info.block) * info.block


def fitting_tile(budget: float, per_pixel: float, info: NetworkInfo) -> int:
    """The largest square window whose forward pass stays within `budget` bytes, in px."""
    side = int(math.sqrt(budget / per_pixel)) // info.block * info.block
    return max(side, smallest_tile(info))


def budget(device: torch.device, *, automatic: bool) -> float:
    """Bytes that activations may use on the device.

    Args:
        device: where the network runs.
        automatic: for windows chosen here, which leave room for others; else all that is free.
    """
    free = free_bytes(device)
    if not automatic:
        return 0.9 * free
    return 0.8 * free if device.type == "cuda" else min(0.5 * free, CPU_BUDGET)


class _LiveBytes(TorchFunctionMode):
    """Counts the bytes of all tensors that operators returned and that are still referred to."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._live = 0
        self._holders: dict[int, int] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        parts = cast("tuple[object, ...]", result if isinstance(result, tuple) else (result,))
        for part in parts:
            if isinstance(part, Tensor):
                self._hold(part)
        return cast("object", result)

    def _hold(self, tensor: Tensor) -> None:
        # Views share a storage: count it once, until its last holder goes.
        storage = tensor.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if key not in self._holders:
            self._live += size
            self.peak = max(self.peak, self._live)
        self._holders[key] = self._holders.get(key, 0) + 1
        weakref.finalize(tensor, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._holders[key] -= 1
        if not self._holders[key]:
            del self._holders[key]
            self._live -= size
