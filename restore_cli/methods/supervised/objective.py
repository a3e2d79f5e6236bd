"""Paired training: a pixel loss between output and target, and photometric alignment (PAL)."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from restore_cli.losses.alignment import photometric_alignment_loss
from restore_cli.losses.pixel import l1, pixel_loss
from restore_cli.methods.base import Batch, Turn
from restore_cli.methods.developed import developed
from restore_cli.methods.window import check_window, windowed


class Supervised:
    """One network, one turn.

    Args:
        network: maps (B, 3, H, W) to the same; with `takes_sigma` it is also shown the noise level
            and trained to estimate it, with `takes_blur` the widths of the blur.
        loss: a name in `PIXEL_LOSSES`.
        floor: of the loss "psnr", see there.
        sigma_weight: weight of the L1 error of the estimated noise level.
        blur_weight: weight of the L1 error of the estimated widths, px.
        blur_told: share of the pictures whose true widths are shown, where they are known: the
            network need not wait with undoing blur until it has learnt to see it.
        pal: weight alpha of the photometric alignment loss (Li et al., arXiv 2604.08172), which is
            added; 0 leaves it out. Its rho is `charbonnier` with that loss and L1 otherwise.
        pal_eps: ridge of its fit, in squared units of the pictures, above 0.
        pal_detach: take the fitted colour map as a constant.
        window: side in px of the part of each picture that is restored, at random, while the
            network surveys all of it: a wide view costs little, restoring is what costs. 0
            restores all. A multiple of the network's.

    Raises:
        ValueError: unknown loss, a floor that is not above 0, a negative weight, a ridge that is
            not above 0, or a window for a network without a surveyor or that is no multiple of the
            network's.
    """

    exported = "network"
    single_turn = True
    needs_pairs = True

    def __init__(
        self,
        network: nn.Module,
        *,
        loss: str = "l1",
        floor: float = 1e-4,
        sigma_weight: float = 0.1,
        blur_weight: float = 0.01,
        blur_told: float = 0.5,
        pal: float = 0.0,
        pal_eps: float = 1e-4,
        pal_detach: bool = True,
        window: int = 0,
    ) -> None:
        if min(pal, sigma_weight, blur_weight) < 0:
            raise ValueError("weights of losses must be 0 or more")
        if not 0 <= blur_told <= 1:
            raise ValueError(f"blur_told is {blur_told}; it must be a share from 0 to 1")
        if pal_eps <= 0:
            raise ValueError(f"pal_eps is {pal_eps}; it must be above 0")
        check_window(network, window)
        self.players: dict[str, nn.Module] = {"network": network}
        self._loss = pixel_loss(loss, floor=floor)
        self._sigma_weight = sigma_weight
        self._blur_weight, self._blur_told = blur_weight, blur_told
        self._pal = pal
        self._window = window
        self._align = partial(
            photometric_alignment_loss,
            eps=pal_eps,
            rho="charbonnier" if loss == "charbonnier" else "l1",
            detach=pal_detach,
        )
        self._takes_sigma = bool(getattr(network, "takes_sigma", False))
        self._takes_blur = bool(getattr(network, "takes_blur", False))

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """Yield the one turn.

        Args:
            batch: `image` and `target` (B, 3, H, W); for a network with a noise level also `sigma`
                (B,) with NaN where hidden, and `noise` (B, 1, H, W); for one that is shown blur
                `blur` (B, 4), its widths in px with NaN where unknown; for mosaics whose targets
                are finished pictures `matrix`, see `developed`.
        """
        network, level, widths = self.players["network"], None, None
        batch, whole = windowed(batch, self._window)
        target = batch["target"]
        if self._takes_sigma:
            restored, level = network(batch["image"], batch["sigma"], with_sigma=True, **whole)
        elif self._takes_blur:
            shown = _partly(batch["blur"], self._blur_told)
            restored, widths = network(batch["image"], shown, with_blur=True, **whole)
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
        if widths is not None:
            blur = _known_error(widths.float(), batch["blur"])
            total, terms["blur"] = total + self._blur_weight * blur, blur.detach()
        yield Turn("network", total, terms if len(terms) > 1 else {})


def _partly(values: Tensor, share: float) -> Tensor:
    """Values (B, N), NaN for all but a random share of the pictures.

    The draw comes from torch's global generator, which the loop seeds for each step.
    """
    kept = (torch.rand(len(values), 1) < share).to(values.device)
    return torch.where(kept, values, torch.nan)


def _known_error(estimated: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error over the values that are known, not NaN; 0 of none."""
    known = ~truth.isnan()
    error = (estimated - torch.where(known, truth, 0.0)).abs() * known
    return error.sum() / known.sum().clamp(min=1)
