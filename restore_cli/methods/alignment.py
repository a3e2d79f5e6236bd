"""Photometric alignment (PAL) as several objectives add it: the recipe's `pal` keys."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from restore_cli.data.sample import Batch
from restore_cli.losses.alignment import photometric_alignment_losses
from restore_cli.losses.pixel import PIXEL_LOSSES

Rho = Literal["loss", "l1", "charbonnier", "psnr"]
"""What a recipe may say: "loss" is the objective's own pixel loss."""


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """The photometric alignment loss (Li et al., arXiv 2604.08172), ready to be added.

    Args:
        weight: alpha; 0 leaves it out.
        eps: ridge of the fit, in squared units of the pictures, above 0.
        rho: the distance that is left after the map.
        loss: the objective's pixel loss, which `rho` = "loss" means.
        floor: of the distance "psnr", see `losses.pixel.psnr_loss`.
        mask: least and greatest value of the pixels that count; those outside, in the target or in
            the network's input, are clipped, and no colour map explains them. None counts all.
        detach: take the fitted colour map as a constant.

    Raises:
        ValueError: a negative weight, a ridge that is not above 0, an unknown rho, or a mask whose
            ends are the wrong way round.
    """

    weight: float
    eps: float = 1e-4
    rho: Rho = "loss"
    loss: str = "l1"
    floor: float = 1e-4
    mask: tuple[float, float] | None = None
    detach: bool = True

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError("weights of losses must be 0 or more")
        if self.eps <= 0:
            raise ValueError(f"pal_eps is {self.eps}; it must be above 0")
        if self._distance not in PIXEL_LOSSES:
            raise ValueError(f"pal_rho: no distance {self._distance!r}")
        if self.mask is not None and self.mask[0] >= self.mask[1]:
            raise ValueError(f"pal_mask is {list(self.mask)}; the least value comes first")

    @property
    def _distance(self) -> str:
        return self.loss if self.rho == "loss" else self.rho

    def __bool__(self) -> bool:
        """Whether there is anything to add."""
        return self.weight > 0

    def __call__(self, output: Tensor, target: Tensor, batch: Batch) -> Tensor:
        """The loss of each picture, without its weight.

        Args:
            output: (B, 3, H, W), what the network made, float32.
            target: (B, 3, H, W), what it is compared with.
            batch: what the network was given.

        Returns:
            (B,).
        """
        return photometric_alignment_losses(
            output,
            target,
            eps=self.eps,
            rho=self._distance,
            floor=self.floor,
            detach=self.detach,
            mask=None if self.mask is None else self._valid(target, batch),
        )

    def _valid(self, target: Tensor, batch: Batch) -> Tensor:
        """(B, 1, H, W), 1 where no channel is clipped; a mosaic's gaps would all count as black."""
        seen = [target] if batch.matrix is not None else [target, batch.image]
        low, high = self.mask or (0.0, 1.0)
        lowest = torch.stack([picture.amin(dim=1) for picture in seen]).amin(dim=0)
        highest = torch.stack([picture.amax(dim=1) for picture in seen]).amax(dim=0)
        return ((lowest >= low) & (highest <= high)).float()[:, None]
