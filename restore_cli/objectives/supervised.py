"""Paired training: a pixel loss between output and target, and photometric alignment (PAL)."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from restore_cli.losses.alignment import photometric_alignment_loss
from restore_cli.losses.pixel import PIXEL_LOSSES, l1
from restore_cli.objectives.base import Batch, Turn
from restore_cli.objectives.developed import developed


class Supervised:
    """One network, one turn.

    Args:
        network: maps (B, 3, H, W) to the same; with `takes_sigma` it is also shown the noise level
            and trained to estimate it.
        loss: a name in `PIXEL_LOSSES`.
        sigma_weight: weight of the L1 error of the estimated noise level.
        pal: weight alpha of the photometric alignment loss (Li et al., arXiv 2604.08172), which is
            added; 0 leaves it out. Its rho is `charbonnier` with that loss and L1 otherwise.
        pal_eps: ridge of its fit, in squared units of the pictures, above 0.
        pal_detach: take the fitted colour map as a constant.
        window: side in px of the part of each picture that is restored, at random, while the
            network surveys all of it: a wide view costs little, restoring is what costs. 0
            restores all. A multiple of the network's.

    Raises:
        ValueError: unknown loss, a negative weight, a ridge that is not above 0, or a window for a
            network without a surveyor or that is no multiple of the network's.
    """

    exported = "network"
    single_turn = True
    needs_pairs = True

    def __init__(
        self,
        network: nn.Module,
        *,
        loss: str = "l1",
        sigma_weight: float = 0.1,
        pal: float = 0.0,
        pal_eps: float = 1e-4,
        pal_detach: bool = True,
        window: int = 0,
    ) -> None:
        if loss not in PIXEL_LOSSES:
            raise ValueError(f"unknown loss {loss!r}; known: {', '.join(sorted(PIXEL_LOSSES))}")
        if pal < 0 or sigma_weight < 0:
            raise ValueError("weights of losses must be 0 or more")
        if pal_eps <= 0:
            raise ValueError(f"pal_eps is {pal_eps}; it must be above 0")
        if window and getattr(network, "surveyor", None) is None:
            raise ValueError("a window needs a network with a survey (network.survey above 0)")
        if window < 0 or window % int(getattr(network, "multiple", 1)):
            raise ValueError(f"window is {window}; it must be a multiple of the network's")
        self.players: dict[str, nn.Module] = {"network": network}
        self._loss = PIXEL_LOSSES[loss]
        self._sigma_weight = sigma_weight
        self._pal = pal
        self._window = window
        self._align = partial(
            photometric_alignment_loss,
            eps=pal_eps,
            rho="charbonnier" if loss == "charbonnier" else "l1",
            detach=pal_detach,
        )
        self._takes_sigma = bool(getattr(network, "takes_sigma", False))

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """Yield the one turn.

        Args:
            batch: `image` and `target` (B, 3, H, W); for a network with a noise level also `sigma`
                (B,) with NaN where hidden, and `noise` (B, 1, H, W); for mosaics whose targets are
                finished pictures `matrix`, see `developed`.
        """
        network, level = self.players["network"], None
        whole: dict[str, Tensor] = {}
        if self._window:
            whole = {"whole": batch["image"]}
            batch = _cropped(batch, self._window)
        target = batch["target"]
        if self._takes_sigma:
            restored, level = network(batch["image"], batch["sigma"], with_sigma=True, **whole)
        else:
            restored = network(batch["image"], **whole)
        restored = developed(restored, batch)
        pixel = self._loss(restored, target)
        total, terms = pixel, {"pixel": pixel.detach()}
        if self._pal > 0:
            aligned = self._align(restored, target)
            total, terms["pal"] = total + self._pal * aligned, aligned.detach()
        if level is not None:
            noise = l1(level.float(), batch["noise"])
            total, terms["noise"] = total + self._sigma_weight * noise, noise.detach()
        yield Turn("network", total, terms if len(terms) > 1 else {})


def _cropped(batch: Batch, side: int) -> Batch:
    """The same random window of every picture of a batch, and of what belongs to it.

    Where pictures are smaller, it is their size. The position comes from torch's global generator,
    which the loop seeds for each step.
    """
    height, width = batch["image"].shape[-2:]
    top = int(torch.randint(max(1, height - side + 1), ()))
    left = int(torch.randint(max(1, width - side + 1), ()))
    place = (..., slice(top, top + side), slice(left, left + side))
    return {name: t[place] if t.ndim == 4 else t for name, t in batch.items()}
