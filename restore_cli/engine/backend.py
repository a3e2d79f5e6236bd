"""What computes a network on windows, and torch as the one that always can."""

import math
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor

from restore_cli.engine import memory
from restore_cli.engine.degradation_classifier import trained_classifier
from restore_cli.engine.device import Precision, autocast
from restore_cli.engine.out_of_memory import is_out_of_memory
from restore_cli.engine.said import Said
from restore_cli.networks.base import Network
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.latents import LatentNetwork


class Computed(NamedTuple):
    """What a network says of windows.

    Attributes:
        image: (B, 3, h, w) float32, not clamped.
        degradations: (B, K) how likely each degradation is; None where it tells none.
        by: name of the backend that computed it.
    """

    image: Tensor
    degradations: Tensor | None = None
    by: str = "torch"


class Backend(Protocol):
    """Computes one network, always the same.

    Attributes:
        appetite: memory that it takes for each px, as a share of torch's.
    """

    appetite: float

    def __call__(
        self, windows: Tensor, level: Tensor | None, context: Tensor | None, precision: Precision
    ) -> Computed:
        """Compute windows (B, 3, h, w), all of one picture, whose context is (1, F)."""
        ...

    def context(self, patches: Tensor) -> Tensor | None:
        """What the network says of a whole picture, by patches (N, 3, h, w) of it.

        Returns:
            (1, F), where windows are computed; None where the network asks nothing.
        """
        ...

    def said(self, context: Tensor) -> Said | None:
        """What the network reads from a global context (1, F); None where that is nothing."""
        ...

    def forget(self) -> None:
        """Give back the memory that is kept for windows like those before."""
        ...


class TorchBackend:
    """Computes with torch, on any device; the windows say on which.

    Args:
        network: in eval mode; moved with `move`.
    """

    appetite = 1.0

    def __init__(self, network: Network) -> None:
        self._network = network
        self._classifier = trained_classifier(network)
        self._home: torch.device | None = None
        self._need: dict[str, float] = {}

    def __call__(
        self, windows: Tensor, level: Tensor | None, context: Tensor | None, precision: Precision
    ) -> Computed:
        """See `Backend`."""
        network, classifier = self._network, self._classifier
        if windows.device.type != "mps" and not network.info.foreign:
            windows = windows.contiguous(memory_format=torch.channels_last)
        context = None if context is None else context.expand(len(windows), -1)
        with autocast(windows.device, precision):
            if classifier is None or not isinstance(network, LatentNetwork):
                return Computed(network(windows, level, context=context).float())
            seen = network.decomposed(windows, level, context=context)
            told = cast("Tensor", classifier(seen.residual))
        return Computed(seen.image.float(), told)

    def context(self, patches: Tensor) -> Tensor | None:
        """See `Backend`."""
        if not self._network.info.context:
            return None
        answers = self._network.global_context(patches.to(self._home or patches.device))
        return None if answers is None else answers.mean(dim=0, keepdim=True)

    def said(self, context: Tensor) -> Said | None:
        """See `Backend`."""
        network = self._network
        if not isinstance(network, GuidedUNet):
            return None
        sources = network.sources(context)
        told = None if sources is None else sources.float().cpu().numpy()
        return Said(network.amounts(context).float().cpu().numpy(), told)

    def forget(self) -> None:
        """See `Backend`; torch keeps little on a CPU."""

    def move(self, device: torch.device) -> None:
        """Bring the network to a device, in the layout that is fast there."""
        if device == self._home:
            return
        self._network.to(device)
        if device.type != "mps" and not self._network.info.foreign:
            # Type stubs know no `memory_format` here.
            self._network.to(memory_format=torch.channels_last)  # pyright: ignore
        self._home = device

    def bytes_per_pixel(self, device: memory.Place) -> float:
        """What the network takes on a device, see `memory`; measured at the first time."""
        if device.type not in self._need:
            place = torch.device(str(device))
            try:
                self.move(place)
                need = memory.bytes_per_pixel(self._network, self._network.info, place)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                return math.inf
            self._need[device.type] = need
        return self._need[device.type]
