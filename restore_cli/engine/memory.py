"""How much memory a network needs and a device has, and the window size that follows.

The need is measured, not guessed from names: one small forward pass counts the bytes that live at
once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from restore_cli.images.room import free_memory
from restore_cli.networks.info import NetworkInfo

if TYPE_CHECKING:
    import torch

    from restore_cli.networks.base import Network

SMALLEST_TILE = 64
"""px; below this most of a window is context that is thrown away."""

CPU_BUDGET = 512 * 2**20
"""Bytes of activations on a CPU: larger windows are not faster, and other programs want memory."""

SAFETY = 1.5
"""Measured bytes times this: temporaries inside operators, workspaces, fragmentation."""

PROBE = 128
"""px; side of the picture on which the need is measured. What is no larger needs no measuring."""


class Place(Protocol):
    """Where something is computed: a `torch.device`, or what stands for the CPU without torch."""

    @property
    def type(self) -> str:
        """One of "cpu", "cuda" and "mps"."""
        ...


def free_bytes(device: Place) -> float:
    """Memory that a new computation on the device may take, in bytes."""
    if device.type == "cuda":
        import torch

        name = str(device)
        free, _ = torch.cuda.mem_get_info(name)
        cached = torch.cuda.memory_reserved(name) - torch.cuda.memory_allocated(name)
        return free + cached
    available = free_memory()
    if device.type == "mps":
        import torch

        room = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return max(0.0, min(available, room))
    return available


def release(device: Place) -> None:
    """Give memory that torch keeps for later back to the device, after a failure."""
    import torch

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
    import torch

    from restore_cli.engine.live_bytes import LiveBytes

    side = math.ceil(max(PROBE, info.smallest) / info.multiple) * info.multiple
    image = torch.full((1, 3, side, side), 0.5, device=device)
    with torch.inference_mode(), LiveBytes() as counter:
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


def budget(device: Place, *, automatic: bool) -> float:
    """Bytes that activations may use on the device.

    Args:
        device: where the network runs.
        automatic: for windows chosen here, which leave room for others; else all that is free.
    """
    free = free_bytes(device)
    if not automatic:
        return 0.9 * free
    return 0.8 * free if device.type == "cuda" else min(0.5 * free, CPU_BUDGET)
