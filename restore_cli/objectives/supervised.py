"""Paired training: a pixel loss between output and target."""

from collections.abc import Iterator

from torch import nn

from restore_cli.losses.pixel import PIXEL_LOSSES, l1
from restore_cli.objectives.base import Batch, Turn


class Supervised:
    """One network, one turn.

    Args:
        network: maps (B, 3, H, W) to the same; with `takes_sigma` it is also shown the noise level
            and trained to estimate it.
        loss: a name in `PIXEL_LOSSES`.
        sigma_weight: weight of the L1 error of the estimated noise level.

    Raises:
        ValueError: unknown loss.
    """

    exported = "network"
    single_turn = True

    def __init__(self, network: nn.Module, *, loss: str = "l1", sigma_weight: float = 0.1) -> None:
        if loss not in PIXEL_LOSSES:
            raise ValueError(f"unknown loss {loss!r}; known: {', '.join(sorted(PIXEL_LOSSES))}")
        self.players: dict[str, nn.Module] = {"network": network}
        self._loss = PIXEL_LOSSES[loss]
        self._sigma_weight = sigma_weight
        self._takes_sigma = bool(getattr(network, "takes_sigma", False))

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """Yield the one turn.

        Args:
            batch: `image` and `target` (B, 3, H, W); for a network with a noise level also `sigma`
                (B,) with NaN where hidden, and `noise` (B, 1, H, W).
        """
        network = self.players["network"]
        if not self._takes_sigma:
            restored = network(batch["image"])
            yield Turn("network", self._loss(restored.float(), batch["target"]))
            return
        restored, level = network(batch["image"], batch["sigma"], with_sigma=True)
        pixel = self._loss(restored.float(), batch["target"])
        noise = l1(level.float(), batch["noise"])
        total = pixel + self._sigma_weight * noise
        yield Turn("network", total, {"pixel": pixel.detach(), "noise": noise.detach()})
